# SPDX-License-Identifier: Apache-2.0
"""Folders of Stable Diffusion XL as the model hub has them, of all ages, and those that must be refused, by name."""

import json
import shutil

import checkpoints
import pytest
import torch
from conftest import Refused
from safetensors.torch import load_file, save_file

PROMPTS = [("a red cube", "a red cube!")]


@pytest.fixture
def copy(tmp_path):
    """copy(model) -> its folder once more, with weights that may be changed."""
    def make(model):
        shutil.copytree(model.folder, tmp_path / "copy")
        return tmp_path / "copy"

    return make


def rewrite(file, change):
    weights = {name: tensor.clone() for name, tensor in load_file(file).items()}
    save_file(change(weights) or weights, file)


def edit(file, **changes):
    value = json.loads(file.read_text())
    value.update(changes)
    file.write_text(json.dumps(value))


def run(tool, model, part, folder, **line):
    if part == "text":
        return tool(folder, part, prompts=PROMPTS, **line)
    inputs = checkpoints.unet_inputs(model.unet) if part == "unet" else {"latents": torch.ones(1, 4, 6, 6), **pixels()}
    return tool(folder, part, inputs, **line)


def pixels():
    return {"pixels": torch.linspace(-1, 1, 3 * 16 * 12).reshape(1, 3, 16, 12), "noise": torch.zeros(1, 4, 8, 6)}


def assert_same(found, expected, tolerance=0.0):
    for name, tensor in expected.items():
        assert (found[name] - tensor).abs().max() <= tolerance * tensor.abs().max(), name


def test_text_encoders_may_have_a_prefix_or_none(made, copy, tool):
    """transformers 5 writes the first one without, and older files with it."""
    model = made("texts")
    folder = copy(model)
    expected = run(tool, model, "text", model.folder)
    names = list(load_file(folder / "text_encoder/model.safetensors"))
    prefixed = any(name.startswith("text_model.") for name in names)
    rewrite(folder / "text_encoder/model.safetensors",
            lambda weights: {name.removeprefix("text_model.") if prefixed else f"text_model.{name}": tensor
                             for name, tensor in weights.items()})
    rewrite(folder / "text_encoder_2/model.safetensors",
            lambda weights: weights.update({"text_model.embeddings.position_ids": torch.arange(77)}))
    assert_same(run(tool, model, "text", folder), expected)


@pytest.mark.parametrize("shape", ["linear", "convolution"])
def test_the_autoencoders_old_names_are_read(shape, made, copy, tool):
    model = made("vae")
    folder = copy(model)
    renamed = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}

    def age(weights):
        old = {}
        for name, tensor in weights.items():
            for new_name, old_name in renamed.items():
                name = name.replace(f"mid_block.attentions.0.{new_name}.", f"mid_block.attentions.0.{old_name}.")
            if shape == "convolution" and name.endswith(tuple(f"{old}.weight" for old in renamed.values())):
                tensor = tensor[:, :, None, None]
            old[name] = tensor.contiguous()
        assert set(old) != set(weights)
        return old

    rewrite(folder / "vae/diffusion_pytorch_model.safetensors", age)
    assert_same(run(tool, model, "vae", folder), run(tool, model, "vae", model.folder))
    rewrite(folder / "vae/diffusion_pytorch_model.safetensors",
            lambda weights: {name.replace("proj_attn", "proj"): tensor for name, tensor in weights.items()})
    with pytest.raises(Refused, match="'encoder.mid_block.attentions.0.to_out.0.weight' is missing"):
        tool(folder, "vae", {"latents": torch.ones(1, 4, 6, 6)}, engine="aten")


@pytest.mark.parametrize("part", ["unet", "vae"])
def test_several_files_under_an_index(part, made, tmp_path, tool):
    model = made(part)
    sharded = checkpoints.write(tmp_path / "sharded", **{part: getattr(model, part)}, max_shard_size="300KB")
    assert len(list((sharded.folder / part).glob("*-of-*.safetensors"))) > 1
    assert_same(run(tool, model, part, sharded.folder), run(tool, model, part, model.folder))


def test_a_variant_of_halves_is_taken_where_there_is_nothing_else(made, tmp_path, tool):
    model = made("unet")
    halves = checkpoints.make_unet().half()
    plain = checkpoints.write(tmp_path / "one", unet=halves, variant="fp16")
    shards = checkpoints.write(tmp_path / "many", unet=halves, variant="fp16", max_shard_size="300KB")
    assert not list(plain.folder.glob("unet/diffusion_pytorch_model.safetensors"))
    assert len(list(shards.folder.glob("unet/*fp16*.safetensors"))) > 1
    one = run(tool, model, "unet", plain.folder)
    assert_same(one, run(tool, model, "unet", model.folder), 0.01)
    assert_same(run(tool, model, "unet", shards.folder), one)


def test_a_variant_of_halves_is_preferred_for_halves_alone(made, copy, tool):
    model = made("unet")
    folder = copy(model)
    file = folder / "unet/diffusion_pytorch_model.safetensors"
    save_file({name: tensor.half() * 1.5 for name, tensor in load_file(file).items()},
              folder / "unet/diffusion_pytorch_model.fp16.safetensors")
    assert_same(run(tool, model, "unet", folder), run(tool, model, "unet", model.folder))
    halves = run(tool, model, "unet", folder, dtype="float16")["sample"]
    assert (halves - run(tool, model, "unet", model.folder, dtype="float16")["sample"]).abs().max() > 0.1


def test_a_pickle_is_refused_with_the_way_out(made, copy, tool):
    folder = copy(made("unet"))
    (folder / "unet/diffusion_pytorch_model.safetensors").rename(folder / "unet/diffusion_pytorch_model.bin")
    with pytest.raises(Refused, match="diffusion_pytorch_model.bin.*weights_only=True"):
        tool(folder, "unet", {})


@pytest.mark.parametrize("part,name", [
    ("unet", "down_blocks.1.attentions.0.transformer_blocks.1.attn2.to_k.weight"), ("unet", "add_embedding.linear_1.bias"),
    ("vae", "encoder.quant_conv"), ("vae", "decoder.up_blocks.0.upsamplers.0.conv.bias")])
def test_tensors_missing_and_left_over_are_named(part, name, made, copy, tool):
    folder = copy(made(part))
    file = folder / part / "diffusion_pytorch_model.safetensors"
    name = name.removeprefix("encoder.quant_conv") or "quant_conv.weight"
    rewrite(file, lambda weights: {key: tensor for key, tensor in weights.items() if key != name})
    with pytest.raises(Refused, match=f"'{name}' is missing"):
        tool(folder, part, {})
    rewrite(file, lambda weights: weights.update({name: load_file(made(part).folder / part / file.name)[name],
                                                  "one.too.many": torch.ones(1)}))
    with pytest.raises(Refused, match="'one.too.many'"):
        tool(folder, part, {})


@pytest.mark.parametrize("changes", [
    {"_class_name": "StableDiffusionPipeline"}, {"_class_name": "FluxPipeline"}, {"unet": ["diffusers", "SD3Transformer2DModel"]},
    {"vae": ["diffusers", "AutoencoderTiny"]}, {"text_encoder": [None, None]}, {"requires_aesthetics_score": 3},
    {"controlnet": ["diffusers", "ControlNetModel"]}])
def test_another_pipeline_is_named(changes, made, copy, tool):
    folder = copy(made("unet"))
    edit(folder / "model_index.json", **changes)
    with pytest.raises(Refused, match=next(iter(changes))):
        tool(folder, "unet", {})


@pytest.mark.parametrize("part,changes", [
    ("unet", {"quantization_config": {"bits": 8}}), ("vae", {"latents_mean": [0.0]}),
    ("text_encoder", {"hidden_act": "mish"}), ("text_encoder_2", {"is_decoder": True}),
    ("text_encoder_2", {"max_position_embeddings": 50})])
def test_what_is_not_implemented_is_named(part, changes, made, copy, tool):
    folder = copy(made("texts" if part.startswith("text") else part))
    edit(folder / part / "config.json", **changes)
    if "max_position_embeddings" in changes:
        rewrite(folder / part / "model.safetensors", lambda weights: weights.update(
            {"text_model.embeddings.position_embedding.weight":
             weights["text_model.embeddings.position_embedding.weight"][:50].clone()}))
    with pytest.raises(Refused, match=next(iter(changes))):
        run(tool, None, "text", folder) if part.startswith("text") else tool(folder, part, {})


def test_layers_that_there_are_not_cannot_be_skipped(made, tool):
    with pytest.raises(Refused, match="clip_skip is 5.* 0 to 4"):
        tool(made("texts").folder, "text", prompts=PROMPTS, skipped=5)


def test_a_folder_without_an_index_is_named(tmp_path, tool):
    with pytest.raises(Refused, match="model_index.json"):
        tool(tmp_path, "unet", {})
