# SPDX-License-Identifier: Apache-2.0
"""Checkpoints in a single file with the original's keys: the same pictures as of a folder, bit for bit.

DARKROOM_SDXL_TOOL names the program that runs the plugin's code. That single_files.py writes the original's keys is what
diffusers' own from_single_file says.
"""

import checkpoints
import diffusers
import pytest
import single_files
import torch
from checkpoints import TOKENIZER
from conftest import Refused
from diffusers.loaders import single_file_utils
from reference import PROMPT, draw, make
from safetensors.torch import load_file
from test_drawing import TOLERANCE, difference

SECOND = "conditioner.embedders.1.model."
REQUEST = {"prompt": PROMPT, "negative": ("blurry, grey", "oil!")}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    torch.set_num_threads(1)
    return make(tmp_path_factory.mktemp("whole"))


@pytest.fixture(scope="module")
def single(whole):
    return single_files.write(whole.folder / "single.safetensors", whole)


def run(tool, path, request=REQUEST, **line):
    line = {"tokenizer": str(path.parent / "tokenizer"), "config": single_files.CONFIG, **line}
    return tool(path, "draw", requests=[request], **line)["picture 0"]


def test_diffusers_reads_the_same_of_the_file(whole, single):
    pipeline = diffusers.StableDiffusionXLPipeline.from_single_file(str(single), config=str(whole.folder), local_files_only=True)
    found = {part: getattr(pipeline, part).state_dict() for part in ("unet", "vae", "text_encoder")}
    # Which of the two it reads, it takes from their widths, and here these are one.
    found["text_encoder_2"] = single_file_utils.convert_open_clip_checkpoint(whole.text_encoder_2, load_file(single), SECOND)
    for part, tensors in found.items():
        expected = getattr(whole, part).state_dict()
        assert tensors.keys() == expected.keys()
        assert all(torch.equal(tensors[name], tensor) for name, tensor in expected.items()), part


def test_a_picture_is_that_of_the_folder(whole, single, tool):
    found = run(tool, single)
    assert torch.equal(found, tool(whole.folder, "draw", requests=[REQUEST])["picture 0"])
    assert difference(found, draw(whole, **REQUEST)["picture"]) <= TOLERANCE


def test_one_tokenizer_is_enough(whole, single, tool):
    """But to diffusers an exclamation mark is what fills up the second encoder's texts, and to CLIP's own tokenizer a word."""
    text = lambda path, prompt, **line: tool(path, "text", prompts=[(prompt, prompt)], **line)
    one = {"tokenizer": str(TOKENIZER), "config": single_files.CONFIG}
    same, other = text(single, "a red cube", **one), text(single, "a red cube!", **one)
    for part in ("states", "pooled"):
        assert torch.equal(same[part], text(whole.folder, "a red cube")[part])
        assert not torch.equal(other[part], text(whole.folder, "a red cube!")[part])


@pytest.mark.parametrize("variant", ["convolutions", "inpaint-guided"])
def test_other_networks_are_known_by_their_shapes(variant, made, whole, tmp_path, tool):
    """The widths, depths and channels of them; not their groups, and what else no shape shows."""
    model = made("unet", variant)
    if variant == "inpaint-guided":  # neither of which the original has
        model = checkpoints.write(tmp_path / "nine", checkpoints.make_unet(in_channels=9))
    config = {**single_files.CONFIG, "unet": {"norm_num_groups": 8, "attention_head_dim": model.unet.config.attention_head_dim}}
    file = single_files.write(tmp_path / "other.safetensors", checkpoints.Model(
        None, model.unet, whole.vae, whole.text_encoder, whole.text_encoder_2))
    inputs = checkpoints.unet_inputs(model.unet)
    found = tool(file, "unet", inputs, tokenizer=str(TOKENIZER), config=config)["sample"]
    assert torch.equal(found, tool(model.folder, "unet", inputs)["sample"])


@pytest.mark.parametrize("keys,fields", [(["v_pred"], {"prediction_type": "v_prediction"}),
                                         (["v_pred", "ztsnr"], {"prediction_type": "v_prediction", "rescale_betas_zero_snr": True,
                                                                "timestep_spacing": "trailing"})])
def test_marks_of_the_training_set_the_scheduler(keys, fields, whole, single, tmp_path, tool):
    file = single_files.write(whole.folder / f"{'-'.join(keys)}.safetensors", whole,
                              lambda tensors: tensors.update({key: torch.tensor([]) for key in keys}))
    found = run(tool, file)
    scheduler = diffusers.EulerDiscreteScheduler.from_config(whole.scheduler.config, **fields)
    model = checkpoints.Model(None, whole.unet, whole.vae, whole.text_encoder, whole.text_encoder_2, scheduler)
    assert difference(found, draw(model, **REQUEST)["picture"]) <= TOLERANCE
    assert torch.equal(run(tool, single, config={**single_files.CONFIG, "scheduler": fields}), found)
    assert difference(found, run(tool, single)) > 0.01


def without(*beginnings):
    return lambda tensors: {name: tensor for name, tensor in tensors.items() if not name.startswith(beginnings)}


def one_more(name, shape=(1,)):
    return lambda tensors: tensors.update({name: torch.ones(shape)})


@pytest.mark.parametrize("change,words", [
    (without("model.diffusion_model."), r"no tensor model.diffusion_model.\*, the denoising network"),
    (without("first_stage_model."), r"no tensor first_stage_model.\*"), (without("conditioner.embedders.0"), "the first text encoder"),
    (without("conditioner.embedders.1"), "the second text encoder"),
    (without("model.diffusion_model.out.2"), "'out.2.weight' is missing"),
    (without("model.diffusion_model.output_blocks.5.0.out_layers.3.bias"), "'up_blocks.1.resnets.2.conv2.bias' is missing"),
    (without(f"{SECOND}text_projection"), "text_projection"),
    (one_more("cond_stage_model.transformer.text_model.x"), "'cond_stage_model.* is of no part"),
    (one_more("edm_vpred.sigma_max"), "'edm_vpred.sigma_max' is of no part"),
    (one_more("model.diffusion_model.input_blocks.40.0.x"), "is of no layer"),
    (one_more(f"{SECOND}visual.proj"), "is of no layer"), (one_more("first_stage_model.one.more"), "'one.more'"),
    (one_more(f"{SECOND}transformer.resblocks.0.attn.in_proj_bias", (5,)), "three in one"),
    (one_more(f"{SECOND}token_embedding.weight"), "too few dimensions"),
    (one_more("model.diffusion_model.label_emb.0.0.weight", (128, 81)), "takes 81 numbers"),
])
def test_what_is_no_whole_checkpoint_is_named(change, words, whole, tmp_path, tool):
    with pytest.raises(Refused, match=words):
        run(tool, single_files.write(whole.folder / "bad.safetensors", whole, change))


@pytest.mark.parametrize("line,words", [
    ({"config": {}}, "num_attention_heads cannot be known, since the width 32 is no multiple of 64; give it in the option"),
    ({"config": {**single_files.CONFIG, "unet": {"attention_head_dim": [2, 4], "norm_num_groups": 7}}}, r"by its shapes\).*norm_num_groups"),
    ({"config": {**single_files.CONFIG, "vea": {"sample_size": 64}}}, "option config.*vea"),
    ({"config": {**single_files.CONFIG, "vae": 3}}, "option config.*must be an object"),
    ({"config": {**single_files.CONFIG, "scheduler": {"prediction_type": "flow"}}}, "by its shapes.*flow"),
    ({"tokenizer": "/nonsuch"}, "holds no tokenizer, and there is no folder /nonsuch"),
])
def test_what_the_options_must_say_is_named(line, words, single, tool):
    with pytest.raises(Refused, match=words):
        run(tool, single, **line)


def test_a_tokenizer_is_looked_for_beside_the_file(single, tmp_path, tool):
    file = tmp_path / "single.safetensors"
    file.hardlink_to(single)
    with pytest.raises(Refused, match=f"there is no folder {tmp_path}/tokenizer"):
        run(tool, file, tokenizer="")
    (tmp_path / "tokenizer").symlink_to(TOKENIZER)
    text = {"prompts": [("a", "a")], "config": single_files.CONFIG}
    assert torch.equal(tool(file, "text", **text)["states"], tool(single, "text", tokenizer=str(TOKENIZER), **text)["states"])


def test_a_folder_has_its_own(whole, tool):
    with pytest.raises(Refused, match="for weights in a single .safetensors file"):
        run(tool, whole.folder)
