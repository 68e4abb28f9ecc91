# SPDX-License-Identifier: Apache-2.0
"""Weights within prompts, and words that were learnt afterwards, held against the encoders of transformers.

DARKROOM_SDXL_TOOL names the program that runs the plugin's code. Weights have no reference in diffusers: here the rule that
plugins/sdxl/text_encoders.h says is written down once more, in Python.
"""

import copy

import checkpoints
import diffusers
import pytest
import torch
from conftest import Refused
from reference import draw, make, pipeline_of
from safetensors.torch import save_file
from test_drawing import TOLERANCE, difference

WIDTHS = {"clip_l": 32, "clip_g": 32}
NAMES = {"zmoss": 1, "zmoss-style": 3, "zglaze": 2}
EXACT = 1e-5


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    torch.set_num_threads(1)
    return make(tmp_path_factory.mktemp("whole"))


def write(path, count, change=None, seed=0):
    generator = torch.Generator().manual_seed(seed)
    tensors = {key: torch.randn([count, width], generator=generator) * 0.4 for key, width in WIDTHS.items()}
    if change:
        tensors = change(tensors) or tensors
    save_file(tensors, path)
    return tensors


@pytest.fixture(scope="module")
def words(tmp_path_factory):
    folder = tmp_path_factory.mktemp("words")
    return folder, {name: write(folder / f"{name}.safetensors", count, seed=count) for name, count in NAMES.items()}


@torch.inference_mode()
def weighted(model, parts, parts_2=None):
    """States of a prompt in (text, weight)s: each part is cut into tokens alone, and its tokens' states are multiplied."""
    states = []
    for tokenizer, encoder, each in zip(checkpoints.tokenizers(), (model.text_encoder, model.text_encoder_2), (parts, parts_2 or parts)):
        ids, weights = [tokenizer.bos_token_id], [1.0]
        for text, weight in each:
            found = tokenizer(text, add_special_tokens=False).input_ids
            ids, weights = ids + found, weights + [weight] * len(found)
        ids, weights = [*ids, tokenizer.eos_token_id], [*weights, 1.0]
        ids += [tokenizer.pad_token_id] * (77 - len(ids))
        weights += [1.0] * (77 - len(weights))
        output = encoder(torch.tensor([ids]), output_hidden_states=True)
        states.append(output.hidden_states[-2] * torch.tensor(weights)[None, :, None])
    return {"states": torch.cat(states, -1), "pooled": output[0]}


@pytest.mark.parametrize("prompt,parts", [
    ("a (red:1.3) cube on [a table]", [("a ", 1), ("red", 1.3), (" cube on ", 1), ("a table", 1 / 1.1)]),
    ("((a)) cube \\(red\\)", [("a", 1.1 * 1.1), (" cube (red)", 1)]), ("(a cube:0)", [("a cube", 0)]),
    ("a red cube", [("a red cube", 1)])])
def test_states_are_multiplied_token_by_token(prompt, parts, whole, tool, report):
    found = tool(whole.folder, "text", prompts=[(prompt, prompt)], weighted=True)
    expected = weighted(whole, parts)
    worst = max(difference(found[part], tensor) for part, tensor in expected.items())
    report(f"{prompt}: {worst:.1e}")
    assert worst <= EXACT
    as_text = tool(whole.folder, "text", prompts=[(prompt, prompt)])["states"]
    assert torch.equal(as_text, found["states"]) == (prompt == "a red cube")


def test_each_encoder_has_its_own_weights(whole, tool):
    found = tool(whole.folder, "text", prompts=[("a (cube)", "[oil]")], weighted=True)["states"]
    assert difference(found, weighted(whole, [("a ", 1), ("cube", 1.1)], [("oil", 1 / 1.1)])["states"]) <= EXACT


def test_weights_go_on_in_the_next_chunk(whole, tool):
    """That of the last token of 100 is the part's, and what fills the chunk up weighs 1."""
    run = lambda prompt: tool(whole.folder, "text", prompts=[(prompt, prompt)], weighted=True)["states"][0]
    plain, heavy = run("red " * 100), run("(" + "red " * 100 + ":2)")
    assert plain.shape[0] == 154
    factors = torch.ones(154)
    factors[1:76] = 2
    factors[78:103] = 2
    assert difference(heavy, plain * factors[:, None]) <= EXACT


def test_a_picture_with_weights(whole, tool):
    request = {"prompt": ("a (red:1.3) cube",) * 2, "negative": ("[grey]",) * 2}
    found = tool(whole.folder, "draw", requests=[{**request, "weighted": True}])["picture 0"]
    positive, negative = weighted(whole, [("a ", 1), ("red", 1.3), (" cube", 1)]), weighted(whole, [("grey", 1 / 1.1)])
    pipeline = pipeline_of(whole, diffusers.StableDiffusionXLPipeline, whole.scheduler)
    expected = pipeline(prompt_embeds=positive["states"], pooled_prompt_embeds=positive["pooled"],
                        negative_prompt_embeds=negative["states"], negative_pooled_prompt_embeds=negative["pooled"],
                        num_inference_steps=4, generator=torch.Generator().manual_seed(0), output_type="pt").images
    assert difference(found, expected) <= TOLERANCE
    assert difference(tool(whole.folder, "draw", requests=[request])["picture 0"], found) > 0.01


def test_a_weight_beyond_reason_is_named(whole, tool):
    with pytest.raises(Refused, match="'red' the weight 1000.*-100 to 100"):
        tool(whole.folder, "text", prompts=[("a (red:1000)", "a")], weighted=True)


@pytest.fixture
def learnt(whole, words, monkeypatch):
    """The reference's model with these words."""
    tokenizers = tuple(copy.deepcopy(tokenizer) for tokenizer in checkpoints.tokenizers())
    encoders = (copy.deepcopy(whole.text_encoder), copy.deepcopy(whole.text_encoder_2))
    monkeypatch.setattr(checkpoints, "tokenizers", lambda: tokenizers)
    model = checkpoints.Model(whole.folder, whole.unet, whole.vae, *encoders, whole.scheduler)
    pipeline = pipeline_of(model, diffusers.StableDiffusionXLPipeline, whole.scheduler)
    for name, tensors in words[1].items():
        for tokenizer, encoder, key in zip(tokenizers, encoders, WIDTHS):
            pipeline.load_textual_inversion(tensors[key], token=name, text_encoder=encoder, tokenizer=tokenizer)
    return model


@pytest.mark.parametrize("prompt", ["a zmoss cube", "a cube, zmoss-style, on a table", "zmoss", "zglaze: a cube of zglaze and zmoss",
                                    "a red cube"])
def test_words_that_were_learnt_equal_diffusers(prompt, whole, words, learnt, tool, report):
    request = {"prompt": (prompt, prompt), "negative": ("grey", "zmoss")}
    found = tool(whole.folder, "draw", requests=[request], embeddings=str(words[0]))["picture 0"]
    expected = draw(learnt, **request)["picture"]
    worst = difference(found, expected)
    report(f"{prompt}: {worst:.1e}")
    assert worst <= TOLERANCE
    assert difference(tool(whole.folder, "draw", requests=[request])["picture 0"], expected) > 0.01


@pytest.mark.parametrize("text", ["zmossy", "_zmoss", "zmoss2", "azmoss", "Zmoss", "çzmoss"])
def test_a_part_of_a_word_is_none(text, whole, words, tool):
    run = lambda **line: tool(whole.folder, "text", prompts=[(text, text)], **line)["states"]
    assert torch.equal(run(embeddings=str(words[0])), run())


def test_the_end_of_a_text_stays_where_it_is(made, words, tool, tmp_path):
    """Configs of 2023 call the token with the highest number the end, which is none of those that were learnt."""
    model = made("texts", "end-2")
    write(tmp_path / "zmoss.safetensors", 2, lambda tensors: tensors.update(clip_l=torch.ones(2, 48)))
    run = lambda prompt: tool(model.folder, "text", prompts=[(prompt, prompt)], embeddings=str(tmp_path))["pooled"]
    assert difference(run("zmoss cube"), run("zmoss red")) > 0.01  # or what comes behind the word would not be seen


def test_they_have_weights_and_take_their_room(whole, words, tool):
    run = lambda prompt: tool(whole.folder, "text", prompts=[(prompt, prompt)], weighted=True, embeddings=str(words[0]))["states"][0]
    plain, heavy = run("a zmoss-style cube"), run("a (zmoss-style:2) cube")
    factors = torch.ones(77)
    factors[2:5] = 2
    assert difference(heavy, plain * factors[:, None]) <= EXACT
    assert run("zmoss-style " * 25).shape[0] == 77 and run("zmoss-style " * 26).shape[0] == 154


@pytest.mark.parametrize("change,match", [
    (lambda tensors: {"clip_l": tensors["clip_l"]}, "there is no tensor clip_g"),
    (lambda tensors: tensors.update(clip_l=torch.ones(2, 768)), r"clip_l has shape \[2, 768\], .* vectors of 32"),
    (lambda tensors: tensors.update(clip_g=torch.ones(3, 32)), "not of as many vectors"),
    (lambda tensors: tensors.update(clip_l=torch.ones(2, 32, 1)), "no vectors"),
    (lambda tensors: tensors.update(emb_params=torch.ones(2)), "'emb_params' is not known")])
def test_what_is_no_word_of_the_model_is_named(change, match, whole, tmp_path, tool):
    write(tmp_path / "bad.safetensors", 2, change)
    with pytest.raises(Refused, match=f"embedding .*bad.safetensors: .*{match}"):
        tool(whole.folder, "text", prompts=[("a", "a")], embeddings=str(tmp_path))


def test_a_folder_that_is_not_there_is_named(whole, tool):
    with pytest.raises(Refused, match="option embeddings: the folder /nonsuch cannot be read"):
        tool(whole.folder, "text", prompts=[("a", "a")], embeddings="/nonsuch")
