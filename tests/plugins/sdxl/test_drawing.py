# SPDX-License-Identifier: Apache-2.0
"""Pictures after texts, from the prompt to the picture, held against diffusers' StableDiffusionXLPipeline.

DARKROOM_SDXL_TOOL names the program that runs the plugin's code.
"""

import checkpoints
import diffusers
import pytest
import torch
from conftest import Refused

PROMPT = ("a red cube on a table", "a red cube on a table")
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
SCHEDULERS = {"dpmpp_2m_karras": (diffusers.DPMSolverMultistepScheduler, {"use_karras_sigmas": True}),
              "euler_a": (diffusers.EulerAncestralDiscreteScheduler, {}), "heun": (diffusers.HeunDiscreteScheduler, {}),
              "lcm": (diffusers.LCMScheduler, {})}
TOLERANCE = 1e-4  # of the reference's largest number: four steps add up


def make(folder, **changes):
    return checkpoints.write(folder, checkpoints.make_unet("plain", **changes), checkpoints.make_vae(), checkpoints.make_texts(),
                             checkpoints.make_scheduler())


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    torch.set_num_threads(1)
    return make(tmp_path_factory.mktemp("whole"))


def draw(model, prompt=PROMPT, negative=None, seed=0, steps=4, scheduler=None, crop=(0, 0), clip_skip=None, **settings):
    """diffusers' latents and picture."""
    first, second = checkpoints.tokenizers()
    chosen = model.scheduler
    if scheduler:
        kind, fields = SCHEDULERS[scheduler]
        chosen = kind.from_config(chosen.config, **fields)
    pipeline = diffusers.StableDiffusionXLPipeline(
        unet=model.unet, vae=model.vae, text_encoder=model.text_encoder, text_encoder_2=model.text_encoder_2, tokenizer=first,
        tokenizer_2=second, scheduler=chosen, force_zeros_for_empty_prompt=True, add_watermarker=False)
    pipeline.set_progress_bar_config(disable=True)
    if negative is not None:
        settings.update(negative_prompt=negative[0], negative_prompt_2=negative[1])
    settings = {name: tuple(value) if isinstance(value, list) else value for name, value in settings.items()}
    kept = {}
    picture = pipeline(prompt[0], prompt[1], num_inference_steps=steps, generator=torch.Generator().manual_seed(seed),
                       crops_coords_top_left=tuple(crop), clip_skip=clip_skip, output_type="pt",
                       callback_on_step_end=lambda _, __, ___, tensors: kept.update(tensors) or {}, **settings).images
    return {"latents": kept["latents"], "picture": picture}


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


def test_drawings_join_and_leave_a_batch_between_steps(whole, tool, report):
    """Of different steps, schedulers, prompts and guidance: each is as it is alone."""
    requests = [{"prompt": PROMPT, **REQUESTS[name], "seed": number} for number, name in enumerate(REQUESTS) if name != "sizes"]
    together = tool(whole.folder, "draw", requests=requests, apart=1)
    worst = 0.0
    for number, request in enumerate(requests):
        alone = tool(whole.folder, "draw", requests=[request])
        worst = max(worst, *(difference(together[f"{part} {number}"], alone[f"{part} 0"]) for part in ("latents", "picture")))
    report(f"in a batch and alone: {worst:.1e}")
    assert worst <= TOLERANCE


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
                                           ({"steps": 0}, "steps")])
def test_what_cannot_be_drawn_is_named(changes, words, whole, tool):
    with pytest.raises(Refused, match=words):
        tool(whole.folder, "draw", requests=[{"prompt": PROMPT, **changes}])


def test_parts_that_are_not_of_one_model_are_named(tmp_path, tool):
    model = checkpoints.write(tmp_path, checkpoints.make_unet("convolutions"), checkpoints.make_vae(), checkpoints.make_texts(),
                              checkpoints.make_scheduler())
    with pytest.raises(Refused, match="states is 64, the unet's config says 48"):
        tool(model.folder, "draw", requests=[{"prompt": PROMPT}])
