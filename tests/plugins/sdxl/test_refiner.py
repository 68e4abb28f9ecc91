# SPDX-License-Identifier: Apache-2.0
"""The refiner: a model without the first text encoder, told how beautiful a picture is to be, held against diffusers.

DARKROOM_SDXL_TOOL names the program that runs the plugin's code.
"""

import json

import checkpoints
import loras
import pytest
import single_files
import torch
from conftest import Refused
from PIL import Image
from reference import PROMPT, draw
from test_drawing import TOLERANCE, difference
from test_sources import INPUTS, MASK, PICTURE

REQUESTS = {
    "plain": {},
    "scores": {"aesthetic_score": 9.5, "negative_aesthetic_score": 1.0},
    "no-guidance": {"guidance_scale": 1.0, "aesthetic_score": 3.0},
    "negative": {"negative": ("blurry", "grey"), "prompt": ("a red cube", "oil!")},
    "sizes": {"original_size": [512, 768], "crop": [16, 24], "target_size": [1024, 1000]},
    "mask": {"mask": True, "aesthetic_score": 8.0},
}


@pytest.mark.parametrize("name", REQUESTS)
def test_it_changes_a_picture_as_diffusers_does(name, refiner, tool, report):
    request = {"prompt": PROMPT, "strength": 0.5, **REQUESTS[name]}
    found = tool(refiner.folder, "draw", INPUTS, requests=[request])["picture 0"]
    if request.pop("mask", False):
        request["mask"] = Image.fromarray(MASK * 255)
    worst = difference(found, draw(refiner, image=PICTURE, **request)["picture"])
    report(f"refiner, {name}: {worst:.1e}")
    assert worst <= TOLERANCE


def test_each_score_counts_and_the_second_prompt_does_not(refiner, tool):
    run = lambda **request: tool(refiner.folder, "draw", INPUTS, requests=[{"prompt": PROMPT, "strength": 0.5, **request}])["picture 0"]
    plain = run()
    for changes in ({"aesthetic_score": 5.0}, {"negative_aesthetic_score": 3.5}, {"original_size": [9, 9]}, {"crop": [4, 0]}):
        assert difference(run(**changes), plain) > 1e-3, changes
    for changes in ({"target_size": [9, 9]}, {"prompt": (PROMPT[0], "another")}):
        assert torch.equal(run(**changes), plain), changes


def test_a_single_file_of_it_gives_the_same(refiner, tool):
    file = single_files.write(refiner.folder / "refiner.safetensors", refiner)
    line = {"requests": [{"prompt": PROMPT, "strength": 0.5}]}
    found = tool(file, "draw", INPUTS, tokenizer=str(refiner.folder / "tokenizer_2"), config=single_files.CONFIG, **line)
    assert torch.equal(found["picture 0"], tool(refiner.folder, "draw", INPUTS, **line)["picture 0"])


def test_a_lora_is_of_the_parts_that_there_are(refiner, tmp_path, tool):
    run = lambda name: tool(refiner.folder, "draw", INPUTS, requests=[{"prompt": PROMPT, "strength": 0.5}], loras=[[name, 1.0]],
                            loras_folder=str(tmp_path))["picture 0"]
    for name, (part, layer, _) in {"unet": loras.LAYERS[0], "first": loras.LAYERS[12]}.items():
        loras.write(tmp_path / f"{name}.safetensors", "kohya", seed=1, only=(part, layer))
    with loras.added(refiner, tmp_path / "unet.safetensors", "kohya", 1.0, only=loras.LAYERS[0]):
        assert difference(run("unet"), draw(refiner, PROMPT, image=PICTURE, strength=0.5)["picture"]) <= TOLERANCE
    with pytest.raises(Refused, match="lora_te1_.*is of a part that this model is without"):
        run("first")


def test_it_draws_nothing_without_a_picture(refiner, tool):
    with pytest.raises(Refused, match="refiner, which only changes pictures: give image"):
        tool(refiner.folder, "draw", requests=[{"prompt": PROMPT}])


@pytest.mark.parametrize("asks,words", [(False, "text_encoder"), (True, "five time_ids is 72, the unet's config says 80")])
def test_what_is_half_a_refiner_is_named(asks, words, refiner, tmp_path, tool):
    """A network for sizes under an index of the refiner, and a refiner whose index says that it is none."""
    model = checkpoints.write(tmp_path, checkpoints.make_unet(cross_attention_dim=32), refiner.vae,
                              (None, refiner.text_encoder_2), refiner.scheduler)
    index = json.loads((tmp_path / "model_index.json").read_text())
    (tmp_path / "model_index.json").write_text(json.dumps({**index, "requires_aesthetics_score": asks}))
    with pytest.raises(Refused, match=words):
        tool(model.folder, "draw", INPUTS, requests=[{"prompt": PROMPT, "strength": 0.5}])
