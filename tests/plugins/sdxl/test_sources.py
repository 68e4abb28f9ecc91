# SPDX-License-Identifier: Apache-2.0
"""Pictures after pictures, and parts of them after masks, held against diffusers' pipelines for both.

DARKROOM_SDXL_TOOL names the program that runs the plugin's code.
"""

import numpy
import pytest
import skimage.data
import torch
from conftest import Refused
from diffusers.configuration_utils import FrozenDict
from diffusers.pipelines.stable_diffusion_xl import pipeline_stable_diffusion_xl_inpaint as inpaint
from PIL import Image
from reference import PROMPT, draw, make
from test_drawing import TOLERANCE, difference

SIZE = (72, 56)
PICTURE = Image.fromarray(skimage.data.astronaut()).resize(SIZE)
MASK = numpy.zeros(SIZE[::-1], numpy.uint8)
MASK[11:37, 18:51] = 1  # not in line with the latents
INPUTS = {"picture": torch.tensor(numpy.asarray(PICTURE)), "mask": torch.tensor(MASK)}
REQUESTS = {
    "plain": {"strength": 0.5},
    "all-steps": {"strength": 1.0},
    "no-guidance": {"strength": 0.8, "guidance_scale": 1.0, "seed": 7},
    "noise-at-each-step": {"strength": 0.75, "scheduler": "euler_a", "negative": ("grey", "grey"), "guidance_rescale": 0.4},
    "sizes": {"strength": 0.5, "original_size": [512, 768], "crop": [16, 24], "target_size": [1024, 1000]},
    "twice-a-step": {"strength": 0.7, "scheduler": "heun"},
    "of-a-solver": {"strength": 0.8, "scheduler": "dpmpp_2m_karras", "steps": 6},
    "of-alphas": {"strength": 0.8, "scheduler": "ddim", "steps": 6},
}


@pytest.fixture(scope="module", params=["model", "nine"])
def painter(request, tmp_path_factory):
    """A model that does not see masks, and one that does."""
    torch.set_num_threads(1)
    return make(tmp_path_factory.mktemp("painter"), **({"in_channels": 9} if request.param == "nine" else {}))


def compare(found, expected, report, name):
    worst = {part: difference(found[f"{part} 0"], tensor) for part, tensor in expected.items()}
    report(f"{name}: latents {worst['latents']:.1e}, picture {worst['picture']:.1e}")
    assert max(worst.values()) <= TOLERANCE


@pytest.mark.parametrize("name", REQUESTS)
def test_a_picture_after_a_picture_equals_diffusers(name, plain, tool, report):
    request = {"prompt": PROMPT, **REQUESTS[name]}
    compare(tool(plain.folder, "draw", INPUTS, requests=[request]), draw(plain, image=PICTURE, **request), report, name)


@pytest.mark.parametrize("name", REQUESTS)
def test_a_part_of_a_picture_equals_diffusers(name, painter, tool, report):
    request = {"prompt": PROMPT, **REQUESTS[name]}
    mask = Image.fromarray(MASK * 255)
    compare(tool(painter.folder, "draw", INPUTS, requests=[{**request, "mask": True}]),
            draw(painter, image=PICTURE, mask=mask, **request), report, name)


@pytest.mark.parametrize("name", ["the likeliest latents", "another scale", "all steps", "a mask beside it"])
def test_another_reference_is_told_apart(name, painter, tool, monkeypatch):
    request = {"prompt": PROMPT, "strength": 0.75}
    found = tool(painter.folder, "draw", INPUTS, requests=[{**request, "mask": True}])["picture 0"]
    mask = MASK
    if name == "the likeliest latents":
        monkeypatch.setattr(inpaint, "retrieve_latents", lambda output, generator=None: output.latent_dist.mode())
    elif name == "another scale":
        monkeypatch.setattr(painter.vae, "_internal_dict", FrozenDict({**painter.vae.config, "scaling_factor": 0.135}))
    elif name == "all steps":
        kind = inpaint.StableDiffusionXLInpaintPipeline
        whole = kind.get_timesteps
        monkeypatch.setattr(kind, "get_timesteps", lambda self, count, _, *rest, **more: whole(self, count, 1.0, *rest, **more))
    else:
        mask = numpy.roll(MASK, 2, 1)
    changed = draw(painter, image=PICTURE, mask=Image.fromarray(mask * 255), **request)["picture"]
    assert difference(found, changed) > 10 * TOLERANCE


def test_pictures_of_a_picture_are_of_seeds_that_follow_each_other(plain, tool):
    request = {"prompt": PROMPT, "strength": 0.6, "scheduler": "euler_a", "seed": 3}
    for mask in (False, True):
        found = tool(plain.folder, "draw", INPUTS, requests=[{**request, "pictures": 2, "mask": mask}])
        for number, name in enumerate(("0", "0.1")):
            alone = tool(plain.folder, "draw", INPUTS, requests=[{**request, "seed": 3 + number, "mask": mask}])
            assert torch.equal(found[f"picture {name}"], alone["picture 0"])


def test_they_share_steps_with_others(plain, tool):
    """Of the same size, with a picture, with a mask and with neither: each is as it is alone, bit for bit."""
    size = {"width": SIZE[0], "height": SIZE[1]}
    requests = [{"prompt": PROMPT, "steps": 9, "strength": 0.6}, {"prompt": PROMPT, **size},
                {"prompt": PROMPT, "strength": 0.9, "mask": True, "scheduler": "euler_a"}]
    together = tool(plain.folder, "draw", INPUTS, requests=requests, apart=1)
    for number, request in enumerate(requests):
        alone = tool(plain.folder, "draw", INPUTS, requests=[request])
        assert torch.equal(together[f"picture {number}"], alone["picture 0"])


def test_sizes_that_do_not_divide_are_filled_up(plain, tool):
    odd = {"picture": INPUTS["picture"][:55, :71].contiguous()}
    even = torch.nn.functional.pad(odd["picture"].permute(2, 0, 1)[None].float(), (0, 1, 0, 1), mode="replicate")
    even = {"picture": even[0].permute(1, 2, 0).to(torch.uint8).contiguous()}
    request = {"prompt": PROMPT, "strength": 0.5}
    assert torch.equal(tool(plain.folder, "draw", odd, requests=[request])["picture 0"],
                       tool(plain.folder, "draw", even, requests=[request])["picture 0"])


@pytest.mark.parametrize("changes,words", [({"strength": 0.1}, "strength 0.1"), ({"strength": 2}, "strength is 2"),
                                           ({"strength": 0.5, "width": 64}, "of the picture's size")])
def test_what_cannot_be_drawn_is_named(changes, words, plain, tool):
    with pytest.raises(Refused, match=words):
        tool(plain.folder, "draw", INPUTS, requests=[{"prompt": PROMPT, **changes}])


def test_a_network_for_masks_needs_one(tmp_path, tool):
    model = make(tmp_path, in_channels=9)
    for request in ({}, {"strength": 0.5}):
        with pytest.raises(Refused, match="give image and mask"):
            tool(model.folder, "draw", INPUTS, requests=[{"prompt": PROMPT, **request}])
