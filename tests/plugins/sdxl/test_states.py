# SPDX-License-Identifier: Apache-2.0
"""Runs that are saved at a step and gone on with by other networks of the same weights: the same bits.

DARKROOM_SDXL_TOOL names the program that runs the plugin's code; what it tries is said there.
"""

import pytest
from reference import PROMPT
from test_sources import INPUTS

SCHEDULERS = ["euler", "euler_a", "heun", "ddim", "pndm", "dpmpp_2m", "dpmpp_2m_karras", "dpmpp_2m_sde", "dpmpp_3m",
              "dpmpp_3m_sde_exponential", "dpmpp_2s", "unipc", "lcm", "tcd", "lightning", "turbo"]
SMALL = {"width": 32, "height": 32}
REQUESTS = {
    **{name: {"scheduler": name, "steps": 6, **SMALL} for name in SCHEDULERS},
    "no-guidance": {"guidance_scale": 1.0, **SMALL},
    "rescaled": {"negative": ("grey", "grey"), "guidance_rescale": 0.7, "clip_skip": 1, **SMALL},
    "three": {"pictures": 3, "scheduler": "dpmpp_2m_sde", "seed": 40, **SMALL},
    "image": {"strength": 0.7, "steps": 7},
    "image-ancestral": {"strength": 0.75, "scheduler": "euler_a"},
    "part": {"denoising_end": 0.7, "steps": 6, "scheduler": "dpmpp_2m", **SMALL},
    "part-of-an-image": {"strength": 0.7, "denoising_start": 0.3, "denoising_end": 0.8, "steps": 9, "scheduler": "euler_a"},
    "mask": {"strength": 0.8, "mask": True},
    "mask-all": {"strength": 1.0, "mask": True, "scheduler": "dpmpp_2m_sde"},
    "mask-two": {"strength": 0.75, "mask": True, "scheduler": "euler_a", "pictures": 2},
}


def resumed(tool, model, request, **line):
    found = tool(model.folder, "resume", INPUTS, requests=[{"prompt": PROMPT, **request}], **line)
    assert len(found["equal"]) >= 2, "there is no step to go on from"
    assert found["equal"].bool().all(), f"{request}: {found['equal'].tolist()}"
    return found


@pytest.mark.parametrize("name", REQUESTS)
def test_a_run_that_goes_on_elsewhere_makes_the_same_bits(name, plain, tool):
    resumed(tool, plain, REQUESTS[name])


@pytest.mark.parametrize("strength", [0.75, 1.0])
def test_a_network_that_sees_masks_goes_on_too(strength, nine, tool):
    resumed(tool, nine, {"strength": strength, "mask": True, "steps": 5})


@pytest.mark.parametrize("name,every,rounds", [("unipc", 1, 200), ("mask-two", 211, 20)])
def test_states_that_are_damaged_are_refused(name, every, rounds, plain, tool, report):
    found = resumed(tool, plain, REQUESTS[name], damage=[every, rounds])
    report(f"{name}: cut at {int(found['cut'])} places, flipped {int(found['flipped'])} times")
    assert found["cut"] > 100 and found["flipped"] == rounds and found["mended"] == 2 * rounds
