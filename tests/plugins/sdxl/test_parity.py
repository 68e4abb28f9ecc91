# SPDX-License-Identifier: Apache-2.0
"""Holds the networks of Stable Diffusion XL against diffusers: the same weights, the same inputs, numbers side by side.

DARKROOM_SDXL_TOOL names the program that runs the plugin's code.
"""

import checkpoints
import diffusers
import pytest
import torch
from checkpoints import run_unet, unet_inputs
from diffusers.models.unets import unet_2d_blocks

TOLERANCE = 1e-5  # of the reference's largest number
ENGINES = ["packed", "aten"]
PROMPTS = [
    ("a red cube", "a red cube"), ("", ""), ("a photograph of an astronaut riding a horse!", "oil on canvas, 3 brushes"),
    ("çà et là — a naïve café", "a "), ("!!! a ! b", "one! two !three"), ("word " * 90, "a long road " * 40),
]


def difference(found, expected):
    """The largest, as a part of the largest number of what is expected."""
    assert found.shape == expected.shape
    assert torch.isfinite(found).all()
    return float((found - expected).abs().max() / expected.abs().max())


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("variant", checkpoints.UNETS)
def test_the_denoising_network_equals_diffusers(variant, engine, made, tool, report):
    model = made("unet", variant)
    inputs = unet_inputs(model.unet)
    worst = difference(tool(model.folder, "unet", inputs, engine=engine)["sample"], run_unet(model.unet, inputs))
    report(f"unet {variant}, {engine}: {worst:.1e}")
    assert worst <= TOLERANCE


@pytest.mark.parametrize("variant", checkpoints.UNETS)
def test_each_input_counts(variant, made):
    """A fixture that cannot tell its inputs apart proves nothing."""
    model = made("unet", variant)
    inputs = unet_inputs(model.unet)
    expected = run_unet(model.unet, inputs)
    for name in inputs:
        changed = {**inputs, name: inputs[name].flip(0)}
        assert difference(run_unet(model.unet, changed), expected) > 100 * TOLERANCE, name


@pytest.mark.parametrize("height,width,length", [(8, 8, 77), (13, 22, 77), (15, 9, 154), (32, 8, 5)])
def test_sizes_and_lengths_are_the_requests_affair(height, width, length, made, tool):
    for variant in ("plain", "uneven", "no-middle"):
        model = made("unet", variant)
        inputs = unet_inputs(model.unet, 2, height, width, length)
        found = tool(model.folder, "unet", inputs)["sample"]
        assert difference(found, run_unet(model.unet, inputs)) <= TOLERANCE, variant


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("variant", ["plain", "inpaint-guided", "uneven"])
def test_a_batch_is_as_its_rows_alone(variant, engine, made, tool, report):
    model = made("unet", variant)
    inputs = unet_inputs(model.unet, 5)
    runs = {rows: tool(model.folder, "unet", inputs, engine=engine, rows=rows)["sample"]
            for rows in ("together", "joined", "alone")}
    worst = {rows: difference(runs[rows], runs["together"]) for rows in ("joined", "alone")}
    report(f"{variant}, {engine}: " + ", ".join(f"{rows} {value:.1e}" for rows, value in worst.items()))
    assert max(worst.values()) <= 5e-6


@pytest.mark.parametrize("dtype,tolerance", [("bfloat16", 0.1), ("float16", 0.01)])
def test_halves_are_near(dtype, tolerance, made, tool, report):
    """Half precision is for devices that compute in it; that it is the same network shows here."""
    model = made("unet")
    inputs = unet_inputs(model.unet)
    worst = difference(tool(model.folder, "unet", inputs, dtype=dtype)["sample"], run_unet(model.unet, inputs))
    report(f"unet in {dtype}: {worst:.1e}")
    assert worst <= tolerance


# What is wrong -> how the reference is made so; the plugin's network must then be far from it.
def wrong_gelu(patch, _):
    patch.setattr(diffusers.models.activations.GEGLU, "gelu",
                  lambda self, gate: torch.nn.functional.gelu(gate, approximate="tanh"))


def wrong_skips(patch, _):
    def forward(self, hidden_states, res_hidden_states_tuple, *arguments, real=unet_2d_blocks.CrossAttnUpBlock2D.forward, **named):
        return real(self, hidden_states, res_hidden_states_tuple[::-1], *arguments, **named)

    patch.setattr(unet_2d_blocks.CrossAttnUpBlock2D, "forward", forward)


def wrong_modules(kind, name, change):
    def wrong(patch, unet):
        found = [module for module in unet.modules() if isinstance(module, kind)]
        assert found
        for module in found:
            patch.setattr(module, name, change(getattr(module, name)))

    return wrong


def wrong_scale(patch, _):
    real = torch.nn.functional.scaled_dot_product_attention
    patch.setattr(torch.nn.functional, "scaled_dot_product_attention",
                  lambda *arguments, **named: real(*arguments, **{**named, "scale": arguments[0].shape[-1] ** -0.55}))


MUTATIONS = {
    "epsilon of residual blocks": wrong_modules(torch.nn.GroupNorm, "eps", lambda eps: 1e-6 if eps == 1e-5 else eps),
    "epsilon of transformers' group norms": wrong_modules(torch.nn.GroupNorm, "eps", lambda eps: 1e-5 if eps == 1e-6 else eps),
    "epsilon of layer norms": wrong_modules(torch.nn.LayerNorm, "eps", lambda eps: eps * 10),
    "heads": wrong_modules(diffusers.models.attention_processor.Attention, "heads", lambda heads: heads // 2),
    "scale of attention": wrong_scale,
    "order of waves": wrong_modules(diffusers.models.embeddings.Timesteps, "flip_sin_to_cos", lambda flip: not flip),
    "shift of frequencies": wrong_modules(diffusers.models.embeddings.Timesteps, "downscale_freq_shift", lambda shift: shift + 1),
    "gelu by tanh": wrong_gelu,
    "order of skips": wrong_skips,
    "scale of the middle": wrong_modules(unet_2d_blocks.ResnetBlock2D, "output_scale_factor",
                                         lambda scale: scale * 1.001 if scale != 1 else scale),
}


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_a_changed_constant_shows(mutation, made, tool, monkeypatch, report):
    model = made("unet", "faint" if "epsilon" in mutation else "level")
    inputs = unet_inputs(model.unet)
    found = tool(model.folder, "unet", inputs)["sample"]
    assert difference(found, run_unet(model.unet, inputs)) <= TOLERANCE
    MUTATIONS[mutation](monkeypatch, model.unet)
    worst = difference(found, run_unet(model.unet, inputs))
    report(f"{mutation}: {worst:.1e}")
    assert worst > 2 * TOLERANCE


@torch.inference_mode()
def run_vae(vae, pixels, noise, latents):
    posterior = vae.encode(pixels).latent_dist
    config = vae.config
    moved = (posterior.mean - (config.shift_factor or 0)) * config.scaling_factor
    if config.latents_mean:
        mean, std = (torch.tensor(values).reshape(1, -1, 1, 1) for values in (config.latents_mean, config.latents_std))
        moved = (posterior.mean - mean) * config.scaling_factor / std
    return {"mean": posterior.mean, "deviation": posterior.std, "sampled": posterior.mean + posterior.std * noise,
            "diffusion": moved, "decoded": vae.decode(latents).sample}


def vae_inputs(vae, rows=2, height=48, width=64):
    factor = 2 ** (len(vae.config.block_out_channels) - 1)
    generator = torch.Generator().manual_seed(7)
    latents = (rows, 4, height // factor, width // factor)
    return {"pixels": torch.rand((rows, 3, height, width), generator=generator) * 2 - 1,
            "noise": torch.randn(latents, generator=generator), "latents": torch.randn(latents, generator=generator)}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("variant", checkpoints.VAES)
def test_the_autoencoder_equals_diffusers(variant, engine, made, tool, report):
    model = made("vae", variant)
    inputs = vae_inputs(model.vae)
    found = tool(model.folder, "vae", inputs, engine=engine)
    expected = run_vae(model.vae, **inputs)
    worst = {name: difference(found[name], tensor) for name, tensor in expected.items()}
    report(f"vae {variant}, {engine}: " + ", ".join(f"{name} {value:.1e}" for name, value in worst.items()))
    assert max(worst.values()) <= TOLERANCE
    # There and back again.
    back = tool(model.folder, "vae", {"latents": found["diffusion"]}, engine=engine)["from_diffusion"]
    assert difference(back, found["mean"]) <= 1e-6


def test_the_autoencoders_epsilon_shows(made, tool, monkeypatch, report):
    model = made("vae", "faint")
    inputs = vae_inputs(model.vae)
    found = tool(model.folder, "vae", inputs)
    MUTATIONS["epsilon of transformers' group norms"](monkeypatch, model.vae)
    worst = {name: difference(found[name], tensor) for name, tensor in run_vae(model.vae, **inputs).items()}
    report(f"another epsilon: mean {worst['mean']:.1e}, decoded {worst['decoded']:.1e}")
    assert min(worst["mean"], worst["decoded"]) > 2 * TOLERANCE


@pytest.mark.parametrize("variant,tile,height,width", [("plain", 64, 72, 200), ("plain", 64, 160, 40), ("scaled", 48, 100, 148)])
def test_tiles_are_blended_as_diffusers_does(variant, tile, height, width, made, tool, report):
    model = made("vae", variant)
    inputs = vae_inputs(model.vae, 1, height, width)
    whole = run_vae(model.vae, **inputs)
    model.vae.enable_tiling()
    expected = run_vae(model.vae, **inputs)
    model.vae.disable_tiling()
    assert difference(whole["decoded"], expected["decoded"]) > 1e-3  # else nothing was cut
    found = tool(model.folder, "vae", inputs, tile=tile)
    worst = {name: difference(found[name], expected[name]) for name in ("mean", "decoded")}
    report(f"tiles of {tile}, {height} x {width}: " + ", ".join(f"{name} {value:.1e}" for name, value in worst.items()))
    assert max(worst.values()) <= TOLERANCE


@torch.inference_mode()
def run_texts(model, texts, skipped=0):
    """As encode_prompt of diffusers' pipeline, with what is beyond 77 tokens cut off; texts: (text, text_2), ..."""
    states, pooled = [], None
    for tokenizer, encoder, part in zip(checkpoints.tokenizers(), (model.text_encoder, model.text_encoder_2), (0, 1)):
        ids = tokenizer([text[part] for text in texts], padding="max_length", truncation=True, return_tensors="pt").input_ids
        out = encoder(ids, output_hidden_states=True)
        states.append(out.hidden_states[-(skipped + 2)])
        pooled = out[0]
    return {"states": torch.cat(states, -1), "pooled": pooled}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("variant", checkpoints.TEXTS)
def test_the_text_encoders_equal_diffusers(variant, engine, made, tool, report):
    model = made("texts", variant)
    for skipped in (0, 1):
        found = tool(model.folder, "text", engine=engine, prompts=PROMPTS[:-1], skipped=skipped)
        expected = run_texts(model, PROMPTS[:-1], skipped)
        worst = {name: difference(found[name], tensor) for name, tensor in expected.items()}
        report(f"texts {variant}, {engine}, skip {skipped}: " + ", ".join(f"{k} {v:.1e}" for k, v in worst.items()))
        assert max(worst.values()) <= TOLERANCE
    other = run_texts(model, PROMPTS[:-1], 0)
    assert difference(other["states"], expected["states"]) > 0.01  # so a layer makes a difference
    assert difference(other["pooled"][:1], other["pooled"][1:2]) > 0.01


def test_a_long_prompt_goes_in_chunks(made, tool):
    """Each in a frame of its own; the pooled vector is the first one's."""
    model = made("texts")
    found = tool(model.folder, "text", prompts=PROMPTS, skipped=0)
    chunks = -(-90 // 75), -(-120 // 75)
    assert found["states"].shape == (len(PROMPTS), 77 * max(chunks), 64)
    short = run_texts(model, PROMPTS[:-1])
    assert difference(found["states"][:-1, :77], short["states"]) <= TOLERANCE
    empty = run_texts(model, [("", "")])["states"]
    assert difference(found["states"][:1, 77:], empty) <= TOLERANCE
    parts = [("word " * 75, "a long road " * 25), ("word " * 15, "a long road " * 15)]
    expected = run_texts(model, parts)
    assert difference(found["states"][-1], torch.cat(list(expected["states"]))) <= TOLERANCE
    assert difference(found["pooled"][-1], expected["pooled"][0]) <= TOLERANCE
    more = tool(model.folder, "text", prompts=PROMPTS[:1], skipped=0, chunks=3)["states"]
    assert torch.equal(more[:, 77:154], more[:, 154:]) and difference(more[:, 154:], empty) <= TOLERANCE
