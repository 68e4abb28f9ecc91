# SPDX-License-Identifier: Apache-2.0
"""Pictures after texts, from the prompt to the picture, held against diffusers' StableDiffusionXLPipeline.

DARKROOM_SDXL_TOOL names the program that runs the plugin's code.
"""

import checkpoints
import pytest
import torch
from conftest import Refused
from reference import PROMPT, draw, make

REQUESTS = {
    "plain": {},
    "no-guidance": {"guidance_scale": 1.0},
    "negative": {"negative": ("blurry, grey", "blurry, grey"), "guidance_scale": 7.5},
    "empty-negative": {"negative": ("", "")},
    "two-texts": {"prompt": ("a red cube", "oil on canvas!"), "negative": ("blue", "a photograph"), "guidance_rescale": 0.7},
    "layers-skipped": {"clip_skip": 2},
    "sizes": {"height": 48, "width": 80, "original_size": [512, 768], "crop": [16, 24], "target_size": [1024, 1000]},
    "another-scheduler": {"scheduler": "dpmpp_2m_karras", "steps": 5},
    "noise-at-each-step": {"scheduler": "euler_a", "seed": 2**40 + 5},
    "twice-a-step": {"scheduler": "heun", "steps": 3},
}
TOLERANCE = 1e-4  # of the reference's largest number: four steps add up


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    torch.set_num_threads(1)
    return make(tmp_path_factory.mktemp("whole"))


def difference(found, expected):
    assert found.shape == expected.shape and torch.isfinite(found).all()
    return float((found - expected).abs().max() / expected.abs().max())


@pytest.mark.parametrize("name", REQUESTS)
def test_a_picture_equals_diffusers(name, whole, tool, report):
    request = {"prompt": PROMPT, **REQUESTS[name]}
    found = tool(whole.folder, "draw", requests=[request])
    expected = draw(whole, **request)
    worst = {part: difference(found[f"{part} 0"], tensor) for part, tensor in expected.items()}
    report(f"{name}: latents {worst['latents']:.1e}, picture {worst['picture']:.1e}")
    assert max(worst.values()) <= TOLERANCE
    if name not in ("plain", "sizes"):  # those of another size are others anyway
        assert difference(draw(whole)["latents"], expected["latents"]) > 0.01


def test_drawings_join_and_leave_a_batch_between_steps(whole, tool):
    """Of different steps, schedulers, prompts and guidance: each is as it is alone, bit for bit."""
    requests = [{"prompt": PROMPT, **REQUESTS[name], "seed": number} for number, name in enumerate(REQUESTS) if name != "sizes"]
    together = tool(whole.folder, "draw", requests=requests, apart=1)
    for number, request in enumerate(requests):
        alone = tool(whole.folder, "draw", requests=[request])
        for part in ("latents", "picture"):
            assert torch.equal(together[f"{part} {number}"], alone[f"{part} 0"])


def test_rows_that_are_too_many_for_one_run_go_in_several(whole, tool):
    """At the limit of one row each drawing runs alone; sizes are mixed."""
    requests = [{"prompt": PROMPT, "seed": 1}, {"prompt": PROMPT, "height": 48}, {"prompt": PROMPT, "seed": 1, "steps": 3},
                {"prompt": PROMPT, "height": 48, "negative": ("grey", "grey")}]
    together = tool(whole.folder, "draw", requests=requests)
    parted = tool(whole.folder, "draw", requests=requests, limit=1)
    for name in together.keys() - {"hits"}:
        assert torch.equal(together[name], parted[name]), name


def test_pictures_are_of_seeds_that_follow_each_other(whole, tool):
    request = {"prompt": PROMPT, "negative": ("grey", "grey"), "scheduler": "euler_a", "seed": 40}
    found = tool(whole.folder, "draw", requests=[{**request, "pictures": 3}])
    expected = draw(whole, **request, pictures=3)["picture"]
    for number in range(3):
        name = f"0.{number}" if number else "0"
        alone = tool(whole.folder, "draw", requests=[{**request, "seed": 40 + number}])
        assert torch.equal(found[f"picture {name}"], alone["picture 0"])
        assert difference(found[f"picture {name}"], expected[number:number + 1]) <= TOLERANCE


def test_a_prompt_is_encoded_once(whole, tool):
    """Two are kept: the last that were used."""
    other = {"prompt": ("blue", "blue"), "guidance_scale": 1}
    hits = lambda *requests: int(tool(whole.folder, "draw", requests=list(requests))["hits"])
    request = {"prompt": PROMPT, "negative": ("grey", "grey")}
    before = hits(request, other, {"prompt": ("green", "green"), "guidance_scale": 1})
    assert hits(request) == before
    assert hits(request) == before + 2
    assert hits({**request, "clip_skip": 1}) == before + 3  # the negative's alone
    first = tool(whole.folder, "draw", requests=[request])["picture 0"]
    assert torch.equal(tool(whole.folder, "draw", requests=[request])["picture 0"], first)


def test_a_long_prompt_and_a_short_negative_fit(whole, tool):
    long = ("a road " * 60,) * 2
    found = tool(whole.folder, "draw", requests=[{"prompt": long}, {"prompt": long, "negative": ("grey", "grey")}])
    cut = draw(whole, prompt=long)
    for number in (0, 1):
        assert difference(found[f"latents {number}"], cut["latents"]) > 0.01  # what is beyond 77 tokens is seen
    back = tool(whole.folder, "draw", requests=[{"prompt": PROMPT, "negative": long}])["latents 0"]
    assert difference(back, found["latents 1"]) > 0.01


def test_guidance_as_an_input(tmp_path, tool, report):
    model = make(tmp_path, time_cond_proj_dim=24)
    request = {"prompt": PROMPT, "scheduler": "lcm", "guidance_scale": 8.0}
    worst = difference(tool(model.folder, "draw", requests=[request])["picture 0"], draw(model, **request)["picture"])
    report(f"guidance as an input: {worst:.1e}")
    assert worst <= TOLERANCE
    assert difference(draw(model, **{**request, "guidance_scale": 2.0})["picture"], draw(model, **request)["picture"]) > 0.01


@pytest.mark.parametrize("changes,words", [({"height": 33}, "height is 33"), ({"width": -2}, "width is -2"),
                                           ({"scheduler": "nonsuch"}, "nonsuch"), ({"clip_skip": 9}, "clip_skip is 9"),
                                           ({"steps": 0}, "steps"),
                                           ({"prompt": ("red " * 1300, "a")}, "18 times the 77 tokens"),
                                           ({"negative": ("a", "a" * 70000)}, "negative_prompt_2 has 70000 bytes")])
def test_what_cannot_be_drawn_is_named(changes, words, whole, tool):
    with pytest.raises(Refused, match=words):
        tool(whole.folder, "draw", requests=[{"prompt": PROMPT, **changes}])


def test_parts_that_are_not_of_one_model_are_named(tmp_path, tool):
    model = checkpoints.write(tmp_path, checkpoints.make_unet("convolutions"), checkpoints.make_vae(), checkpoints.make_texts(),
                              checkpoints.make_scheduler())
    with pytest.raises(Refused, match="states is 64, the unet's config says 48"):
        tool(model.folder, "draw", requests=[{"prompt": PROMPT}])
