# SPDX-License-Identifier: Apache-2.0
"""Denoising in parts: latents in and out, and the part of the way that a drawing is of, held against diffusers.

DARKROOM_SDXL_TOOL names the program that runs the plugin's code.
"""

import pytest
import torch
from conftest import Refused
from reference import PROMPT, draw
from test_drawing import TOLERANCE, difference
from test_sources import INPUTS, MASK, PICTURE, SIZE

FACTOR = 2  # of the tiny autoencoder
SMALL = {"width": 32, "height": 32}
# Those that remember no steps before: a way in two parts is then the whole way.
WITHOUT_MEMORY = ["euler", "ddim"]
SCHEDULERS = ["euler", "euler_a", "heun", "ddim", "dpmpp_2m_karras", "dpmpp_3m", "unipc", "lcm", "lightning"]


def run(tool, model, inputs=None, **request):
    return tool(model.folder, "draw", inputs, requests=[{"prompt": PROMPT, **request}])


def compare(found, expected, report, name):
    worst = {part: difference(found[f"{part} 0"], tensor[:1]) for part, tensor in expected.items()}
    report(f"{name}: latents {worst['latents']:.1e}, picture {worst['picture']:.1e}")
    assert max(worst.values()) <= TOLERANCE


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_each_part_equals_diffusers(scheduler, plain, tool, report):
    request = {"scheduler": scheduler, "steps": 7, "seed": 3}
    first = draw(plain, **request, height=32, width=32, denoising_end=0.6)
    compare(run(tool, plain, **request, **SMALL, denoising_end=0.6), first, report, f"{scheduler}, first part")
    inputs = {"latents": first["latents"]}
    compare(run(tool, plain, inputs, latents=True, denoising_start=0.6, **request),
            draw(plain, **request, latents=first["latents"], denoising_start=0.6), report, f"{scheduler}, second part")


@pytest.mark.parametrize("name,request_", {
    "a picture's latents": {"strength": 0.5, "denoising_start": 0.6, "scheduler": "euler_a"},
    "a part in the middle": {"strength": 0.5, "denoising_start": 0.3, "denoising_end": 0.8, "scheduler": "ddim"},
    "the end of a picture": {"strength": 0.9, "denoising_end": 0.5}}.items())
def test_parts_of_what_starts_from_a_picture(name, request_, plain, tool, report):
    request = {"steps": 9, **request_}
    compare(run(tool, plain, INPUTS, **request), draw(plain, image=PICTURE, **request), report, name)


def test_latents_with_noise_are_a_picture(plain, tool, report):
    """As many as there are pictures, or the same for all."""
    latents = torch.randn(2, 4, 4, 6, generator=torch.Generator().manual_seed(1))
    request = {"seed": 5, "pictures": 2, "steps": 6, "scheduler": "euler_a"}
    found = run(tool, plain, {"latents": latents}, latents=True, share=0.5, **request)
    expected = draw(plain, latents=latents[:1], strength=0.5, **{**request, "pictures": 1})
    compare(found, expected, report, "latents with noise")
    second = run(tool, plain, {"latents": latents[1:]}, latents=True, share=0.5, **{**request, "pictures": 1, "seed": 6})
    assert torch.equal(found["latents 0.1"], second["latents 0"])
    shared = run(tool, plain, {"latents": latents[:1]}, latents=True, share=0.5, **request)
    assert torch.equal(shared["latents 0"], found["latents 0"]) and not torch.equal(shared["latents 0.1"], found["latents 0.1"])


def test_the_refiner_takes_over(plain, refiner, tool, report):
    """The ensemble of experts: the base makes the first part, the refiner the rest."""
    base = run(tool, plain, steps=10, denoising_end=0.8, **SMALL)
    latents = base["latents 0"]
    compare(run(tool, refiner, {"latents": latents}, latents=True, steps=10, denoising_start=0.8),
            draw(refiner, latents=latents, steps=10, denoising_start=0.8), report, "base and refiner")


@pytest.mark.parametrize("scheduler", WITHOUT_MEMORY)
@pytest.mark.parametrize("share", [0.1, 0.5, 0.77])
def test_two_parts_are_the_whole(scheduler, share, plain, tool):
    request = {"scheduler": scheduler, "steps": 12, "seed": 9}
    whole = run(tool, plain, **request, **SMALL)
    first = run(tool, plain, **request, **SMALL, denoising_end=share)
    second = run(tool, plain, {"latents": first["latents 0"]}, latents=True, denoising_start=share, **request)
    assert not torch.equal(first["latents 0"], whole["latents 0"])
    assert torch.equal(second["latents 0"], whole["latents 0"])


@pytest.mark.parametrize("scheduler", WITHOUT_MEMORY)
@pytest.mark.parametrize("model", ["plain", "nine"])
def test_two_parts_of_what_is_painted_into_a_mask_are_the_whole(model, scheduler, tool, request):
    model = request.getfixturevalue(model)
    asked = {"scheduler": scheduler, "steps": 8, "strength": 0.9, "mask": True, "seed": 4}
    whole = run(tool, model, INPUTS, **asked)
    first = run(tool, model, INPUTS, **asked, denoising_end=0.5)
    second = run(tool, model, {**INPUTS, "latents": first["latents 0"]}, **asked, latents=True, share=0.9, denoising_start=0.5)
    assert not torch.equal(first["latents 0"], whole["latents 0"])
    assert torch.equal(second["latents 0"], whole["latents 0"])


def test_another_part_is_told_apart(plain, tool):
    """Of a reference that ends or begins a step sooner or later."""
    request = {"steps": 7, "seed": 3}
    first = run(tool, plain, **request, **SMALL, denoising_end=0.6)
    for share in (0.45, 0.75):
        assert difference(first["latents 0"], draw(plain, **request, height=32, width=32, denoising_end=share)["latents"]) > 1e-2
    inputs = {"latents": first["latents 0"]}
    second = run(tool, plain, inputs, latents=True, denoising_start=0.6, **request)
    for share in (0.45, 0.75):
        expected = draw(plain, **request, latents=inputs["latents"], denoising_start=share)["latents"]
        assert difference(second["latents 0"], expected) > 1e-2


@pytest.mark.parametrize("asked,words", [
    ({"denoising_start": 0.5}, "denoising_start is for what is drawn in part: give latents or image"),
    ({"latents": True, "denoising_start": 0.7, "denoising_end": 0.7}, "expected less than denoising_end"),
    ({"latents": True, "denoising_start": 0.5, "denoising_end": 0.51}, "there is none of 4 steps"),
    ({"denoising_end": 0.0001}, "there is none of 4 steps"),
    ({"latents": True, "share": 0.1}, "strength 0.1"),
    ({"latents": True, "width": 32}, "beside latents"),
    ({"latents": True, "strength": 0.5}, "an image and latents"),
    ({"latents": True, "strength": 0.5, "mask": True}, "give the part of the way that is made"),
    ({"latents": True, "strength": 0.5, "mask": True, "denoising_start": 0.5}, "the latents are of 8 x 8 pixels, the image is of 72 x 56"),
    ({"latents": True, "denoising_start": 0.5, "pictures": 3}, "the latents are of 2 pictures, num_images is 3"),
    ({"latents": True, "denoising_start": 0.5, "channels": 3}, "the latents have 3 channels, this model's have 4")])
def test_what_cannot_be_gone_on_with_is_named(asked, words, plain, tool):
    channels = asked.pop("channels", 4)
    inputs = {**INPUTS, "latents": torch.zeros(2 if asked.get("pictures") else 1, channels, 4, 4)}
    with pytest.raises(Refused, match=words):
        run(tool, plain, inputs, **asked)


def test_what_a_mask_leaves_is_not_of_the_latents_that_are_given(plain, tool):
    """It is the picture's, with the noise of each step."""
    shape = (1, 4, SIZE[1] // FACTOR, SIZE[0] // FACTOR)
    inputs = {**INPUTS, "latents": torch.full(shape, 9.0)}
    found = run(tool, plain, inputs, latents=True, mask=True, strength=0.9, denoising_start=0.5)["latents 0"]
    kept = torch.nn.functional.interpolate(torch.tensor(MASK)[None, None].float(), shape[2:]) == 0
    encoded = run(tool, plain, INPUTS, mask=True, strength=0.9)["latents 0"]
    assert torch.equal(found[kept.expand(shape)], encoded[kept.expand(shape)])
