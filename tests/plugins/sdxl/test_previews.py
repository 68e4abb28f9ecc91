# SPDX-License-Identifier: Apache-2.0
"""Previews: to look at how a picture comes along changes nothing, and what is shown is near the picture.

DARKROOM_SDXL_TOOL names the program that runs the plugin's code.
"""

import pytest
import skimage.data
import torch
from reference import PROMPT, make

# Those whose last step goes to what they think that the end is.
SCHEDULERS = ["euler", "euler_a", "ddim", "dpmpp_2m", "dpmpp_2m_sde", "unipc"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    torch.set_num_threads(1)
    return make(tmp_path_factory.mktemp("whole"))


def test_to_watch_changes_no_bit(whole, tool):
    requests = [{"prompt": PROMPT, "scheduler": name, "seed": 5} for name in [*SCHEDULERS, "heun", "dpmpp_2s", "pndm", "lcm", "tcd"]]
    plain = tool(whole.folder, "draw", requests=requests, apart=1)
    watched = tool(whole.folder, "draw", requests=requests, apart=1, watch=True)
    for name, tensor in plain.items():
        assert name == "hits" or torch.equal(watched[name], tensor), name


@pytest.mark.parametrize("name", SCHEDULERS)
def test_the_last_estimate_is_the_end(name, whole, tool):
    found = tool(whole.folder, "draw", requests=[{"prompt": PROMPT, "scheduler": name}], watch=True)
    end, estimate = found["latents 0"], found["estimate 0"]
    # DDIM ends a step before: at the first of the training's timesteps, with what noise there is.
    most = 0.05 if name == "ddim" else 1e-4
    assert float((estimate - end).abs().max() / end.abs().max()) <= most


def test_a_preview_is_near_the_picture(made, tool, report):
    """Of an autoencoder with random weights, which no linear map is equal to. It says much of a photograph's latents, on which
    such a one works as on those that the map is fitted to, and nothing of noise, which only a trained one makes pictures of."""
    vae = made("vae")
    photo = torch.from_numpy(skimage.data.astronaut()).permute(2, 0, 1)[None].float() / 127.5 - 1
    pixels = torch.nn.functional.interpolate(photo, (96, 128), mode="area")
    shares = {}
    for name, latents in {"photo": tool(vae.folder, "vae", {"pixels": pixels, "noise": torch.zeros(1, 4, 48, 64)})["diffusion"],
                          "noise": torch.randn(1, 4, 48, 64, generator=torch.Generator().manual_seed(3))}.items():
        seen = tool(vae.folder, "vae", {"latents": latents}, preview=32)
        decoded = tool(vae.folder, "vae", {"latents": seen["from_diffusion"]})["decoded"]
        picture = torch.nn.functional.adaptive_avg_pool2d((decoded / 2 + 0.5).clamp(0, 1), (48, 64))[0].permute(1, 2, 0)
        assert seen["preview"].shape == picture.shape == (48, 64, 3)
        error, deviation = (seen["preview"] / 255 - picture).square().mean().sqrt(), picture.std()
        shares[name] = float(error / deviation)
        report(f"{name}: error {error:.4f}, {shares[name]:.0%} of the deviation of {deviation:.4f}")
    assert shares["photo"] < 0.5
