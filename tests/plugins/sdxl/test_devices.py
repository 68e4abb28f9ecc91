# SPDX-License-Identifier: Apache-2.0
"""The same pictures on a device that is not the CPU, whose memory the host cannot touch (tests/plugins/common/apart).

DARKROOM_SDXL_TOOL names the program that runs the plugin's code.
"""

import loras
import pytest
import torch
from reference import PROMPT
from test_drawing import difference
from test_sources import INPUTS

SMALL = {"width": 32, "height": 32}
SCHEDULERS = ["euler", "euler_a", "heun", "ddim", "pndm", "dpmpp_2m", "dpmpp_2m_karras", "dpmpp_2m_sde", "dpmpp_3m",
              "dpmpp_3m_sde_exponential", "dpmpp_2s", "unipc", "lcm", "tcd", "lightning", "turbo"]
REQUESTS = {
    **{name: {"scheduler": name, "steps": 3, **SMALL} for name in SCHEDULERS},
    "rescaled": {"negative": ("grey", "grey"), "guidance_rescale": 0.7, "clip_skip": 1, **SMALL},
    "weights": {"prompt": ("a (red:1.4) cube", "on [a table]"), "weighted": True, **SMALL},
    "long": {"prompt": ("many words " * 60,) * 2, **SMALL},
    "two": {"pictures": 2, "guidance_scale": 1.0, **SMALL},
    "image": {"strength": 0.5},
    "mask": {"strength": 0.8, "mask": True},
    "mask-all": {"strength": 1.0, "mask": True, "scheduler": "euler_a"},
    "latents": {"latents": True, "share": 0.6},
    "part": {"latents": True, "denoising_start": 0.3, "denoising_end": 0.8, "steps": 9},
}
INPUTS = {**INPUTS, "latents": torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(2))}
MOST = 1e-4  # only the order of sums differs, in attention and convolutions


@pytest.fixture
def models(plain, nine, refiner):
    return {"plain": plain, "nine": nine, "refiner": refiner}


def both(tool, folder, requests, **line):
    line["requests"] = [{"prompt": PROMPT, **request} for request in requests]
    there = tool(folder, "draw", INPUTS, device="apart", **line)
    here = tool(folder, "draw", INPUTS, engine="aten", **line)
    assert there.keys() == here.keys() and len(here) > 2
    return [(name, there[name], here[name]) for name in here if name.startswith(("latents", "picture", "estimate"))]


def compare(*arguments, **line):
    for name, there, here in both(*arguments, **line):
        assert difference(there, here) <= MOST, name


@pytest.mark.parametrize("name", REQUESTS)
def test_it_draws_there_what_it_draws_here(name, models, tool):
    compare(tool, models["plain"].folder, [REQUESTS[name]])


@pytest.mark.parametrize("model,request_", [("nine", {"strength": 0.8, "mask": True}), ("nine", {"strength": 1.0, "mask": True}),
                                            ("refiner", {"strength": 0.5}), ("refiner", {"latents": True, "denoising_start": 0.5})])
def test_other_models_draw_there_too(model, request_, models, tool):
    compare(tool, models[model].folder, [request_])


def test_jobs_share_steps_there(models, tool):
    compare(tool, models["plain"].folder, [REQUESTS["euler"], REQUESTS["weights"], REQUESTS["unipc"], REQUESTS["mask"]], apart=1)


def test_halves_are_computed_there(models, tool):
    for _, there, here in both(tool, models["plain"].folder, [REQUESTS["ddim"]], dtype="bfloat16"):
        assert (there - here).abs().mean() <= 0.05 * here.abs().mean()


def test_loras_are_added_there(models, tmp_path, tool):
    loras.write(tmp_path / "one.safetensors", "kohya", seed=1)
    folder, line = models["plain"].folder, {"loras_folder": str(tmp_path)}
    plain, changed = REQUESTS["euler"], {**REQUESTS["euler"], "loras": [["one", 0.7]]}
    compare(tool, folder, [changed], **line)
    before = tool(folder, "draw", INPUTS, device="apart", requests=[{"prompt": PROMPT, **plain}], **line)["picture 0"]
    found = tool(folder, "draw", INPUTS, device="apart", requests=[{"prompt": PROMPT, **one} for one in (changed, plain)], **line)
    assert difference(found["picture 0"], before) > 1e-3
    assert torch.equal(found["picture 1"], before), "something of the LoRA is left"


@pytest.mark.parametrize("name", ["euler_a", "dpmpp_2m_sde", "mask"])
def test_a_run_goes_on_there(name, models, tool):
    found = tool(models["plain"].folder, "resume", INPUTS, requests=[{"prompt": PROMPT, **REQUESTS[name]}], device="apart")
    assert len(found["equal"]) >= 2 and found["equal"].bool().all()


def test_previews_are_made_there(models, made, tool):
    compare(tool, models["plain"].folder, [REQUESTS["euler"], REQUESTS["unipc"]], watch=True)
    latents = {"latents": INPUTS["latents"]}
    there = tool(made("vae").folder, "vae", latents, preview=32, device="apart")["preview"]
    assert (there - tool(made("vae").folder, "vae", latents, preview=32)["preview"]).abs().max() <= 2


def test_large_pictures_go_there_in_tiles(made, tool):
    vae = made("vae")
    pixels = torch.rand(1, 3, 96, 80, generator=torch.Generator().manual_seed(1)) * 2 - 1
    shape = tool(vae.folder, "vae", {"pixels": pixels, "noise": torch.zeros(1)})["mean"].shape
    inputs = {"pixels": pixels, "noise": torch.zeros(shape), "latents": torch.randn(shape)}
    there = tool(vae.folder, "vae", inputs, tile=32, device="apart")
    here = tool(vae.folder, "vae", inputs, tile=32)
    for name in here:
        assert difference(there[name], here[name]) <= MOST, name
