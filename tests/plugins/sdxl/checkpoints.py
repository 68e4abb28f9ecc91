# SPDX-License-Identifier: Apache-2.0
"""Tiny models of Stable Diffusion XL's kind with random weights, in folders as the model hub has them, and the reference's own
objects of them.

Biases and norms are jittered and layers are wide awake, so that what a network makes depends on every tensor and input.
"""

import dataclasses
import functools
import json
import os
import shutil
from pathlib import Path

import torch
from diffusers import AutoencoderKL, EulerDiscreteScheduler, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer
from transformers.utils import logging

logging.set_verbosity_error()
TOKENIZER = Path(os.environ["DARKROOM_DEPS"]) / "tokenizers" / "clip"
END = 49407  # <|endoftext|>

# name -> what is other than in "plain"
UNETS = {
    "plain": {},
    # As Stable Diffusion 1: convolutions of one pixel about transformers, one number for all, no additions.
    "convolutions": {"block_out_channels": (32, 64, 64), "use_linear_projection": False, "addition_embed_type": None,
                     "down_block_types": ("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
                     "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"), "attention_head_dim": 8,
                     "transformer_layers_per_block": 1, "layers_per_block": 1, "cross_attention_dim": 48},
    # Inpainting's channels, LCM's guidance, time that scales.
    "inpaint-guided": {"in_channels": 9, "time_cond_proj_dim": 24, "resnet_time_scale_shift": "scale_shift",
                       "norm_num_groups": 4, "upcast_attention": True},
    # As SSD-1B: depths block by block, a middle without attention; waves the other way round.
    "uneven": {"block_out_channels": (32, 48, 64), "layers_per_block": (1, 2, 2), "flip_sin_to_cos": False, "freq_shift": 1,
               "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
               "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"), "attention_head_dim": (2, 3, 8),
               "transformer_layers_per_block": [0, [2, 1], [1, 2]], "mid_block_type": "UNetMidBlock2D",
               "reverse_transformer_layers_per_block": [[1, 0, 2], [2, 1, 1], 0], "norm_eps": 1e-3},
    # All of one width, so that skips fit in any order.
    "level": {"block_out_channels": (32, 32), "attention_head_dim": (4, 4), "mid_block_scale_factor": 1.6,
              "center_input_sample": True, "cross_attention_dim": (64, 64), "down_block_types": ("CrossAttnDownBlock2D",) * 2,
              "up_block_types": ("CrossAttnUpBlock2D",) * 2, "time_embedding_dim": 40, "conv_in_kernel": 5, "conv_out_kernel": 1},
    "faint": {},
    "no-middle": {"mid_block_type": None, "downsample_padding": 0, "out_channels": 8, "addition_time_embed_dim": 7,
                  "projection_class_embeddings_input_dim": 32 + 42, "sample_size": (32, 48)},
}
VAES = {
    "plain": {},
    "faint": {},
    "bare": {"use_quant_conv": False, "use_post_quant_conv": False, "mid_block_add_attention": False, "layers_per_block": 2,
             "shift_factor": 0.11, "scaling_factor": 0.36, "force_upcast": False},
    "scaled": {"block_out_channels": [16, 32, 48], "down_block_types": ["DownEncoderBlock2D"] * 3,
               "up_block_types": ["UpDecoderBlock2D"] * 3, "norm_num_groups": 4, "sample_size": 48,
               "latents_mean": [0.1, -0.2, 0.3, 0.4], "latents_std": [1.1, 0.9, 1.3, 0.7]},
}
# name -> of the first encoder, of the second
TEXTS = {
    "plain": ({}, {}),
    # As the files of 2023: the end is the token with the highest number.
    "end-2": ({"eos_token_id": 2, "num_hidden_layers": 2, "hidden_size": 48, "num_attention_heads": 3},
              {"eos_token_id": 2, "projection_dim": 20, "layer_norm_eps": 1e-3, "intermediate_size": 100}),
}


@dataclasses.dataclass
class Model:
    folder: Path
    unet: UNet2DConditionModel = None
    vae: AutoencoderKL = None
    text_encoder: CLIPTextModel = None
    text_encoder_2: CLIPTextModelWithProjection = None
    scheduler: object = None


# What these layers make goes into the stream that the norms look at.
STREAM = ("conv_in", "conv2", "conv_shortcut", "proj_in", "proj_out", "to_out.0", "ff.net.2", "downsamplers.0.conv",
          "upsamplers.0.conv")


@torch.no_grad()
def awake(model, seed, faint=False):
    """Random weights. `faint`: what norms look at is so small that their epsilons count."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        if "embedding" in name and "token_" in name or "position_" in name:
            parameter.copy_(noise * 0.4)
        elif parameter.dim() > 1:
            parameter.copy_(noise * 1.2 * parameter[0].numel() ** -0.5)
        else:
            parameter.add_(noise * 0.2)
        if faint and name.removesuffix(".weight").removesuffix(".bias").endswith(STREAM):
            parameter.mul_(0.02)
    return model.eval()


def make_unet(variant="plain", seed=1, **changes):
    config = {"block_out_channels": (32, 64), "layers_per_block": 2, "sample_size": 32, "in_channels": 4, "out_channels": 4,
              "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"), "attention_head_dim": (2, 4),
              "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"), "use_linear_projection": True,
              "addition_embed_type": "text_time", "addition_time_embed_dim": 8, "transformer_layers_per_block": (1, 2),
              "projection_class_embeddings_input_dim": 80, "cross_attention_dim": 64, "norm_num_groups": 8}
    torch.manual_seed(seed)
    return awake(UNet2DConditionModel(**{**config, **UNETS[variant], **changes}), seed, variant == "faint")


def make_vae(variant="plain", seed=2):
    config = {"block_out_channels": [32, 64], "in_channels": 3, "out_channels": 3, "latent_channels": 4, "norm_num_groups": 8,
              "down_block_types": ["DownEncoderBlock2D"] * 2, "up_block_types": ["UpDecoderBlock2D"] * 2, "sample_size": 64,
              "scaling_factor": 0.13025, "force_upcast": True}
    torch.manual_seed(seed)
    return awake(AutoencoderKL(**{**config, **VAES[variant]}), seed, variant == "faint")


def make_texts(variant="plain", seed=3):
    config = {"bos_token_id": END - 1, "eos_token_id": END, "hidden_size": 32, "intermediate_size": 37, "pad_token_id": 1,
              "num_attention_heads": 4, "num_hidden_layers": 5, "projection_dim": 32}
    first, second = TEXTS[variant]
    torch.manual_seed(seed)
    return (awake(CLIPTextModel(CLIPTextConfig(**{**config, "hidden_act": "quick_gelu", **first})), seed),
            awake(CLIPTextModelWithProjection(CLIPTextConfig(**{**config, "hidden_act": "gelu", **second})), seed + 1))


def make_scheduler():
    """What stable-diffusion-xl-base-1.0 has."""
    return EulerDiscreteScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1,
                                  timestep_spacing="leading", interpolation_type="linear")


def write(folder, unet=None, vae=None, texts=None, scheduler=None, **how):
    """A folder with these parts, and an index that names all of a whole pipeline's. Without a first text encoder it is a refiner."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    model = Model(folder, unet, vae, *(texts or (None, None)), scheduler)
    if scheduler is not None:
        scheduler.register_to_config(skip_prk_steps=True)  # as the hub's files have it, for PNDM
        scheduler.save_pretrained(folder / "scheduler")
    for name in ("unet", "vae", "text_encoder", "text_encoder_2"):
        part = getattr(model, name)
        if part is not None:
            part.save_pretrained(folder / name, **how)
    is_refiner = bool(texts) and texts[0] is None
    if texts:
        for name, pad in (("tokenizer", "<|endoftext|>"), ("tokenizer_2", "!"))[is_refiner:]:
            (folder / name).mkdir()
            for file in TOKENIZER.iterdir():
                shutil.copy(file, folder / name)
            (folder / name / "tokenizer_config.json").write_text(json.dumps(
                {"tokenizer_class": "CLIPTokenizer", "model_max_length": 77, "pad_token": pad}))
    index = {
        "_class_name": "StableDiffusionXLPipeline", "_diffusers_version": "0.42.1", "add_watermarker": None,
        "feature_extractor": [None, None], "force_zeros_for_empty_prompt": True, "image_encoder": [None, None],
        "scheduler": ["diffusers", "EulerDiscreteScheduler"], "text_encoder": ["transformers", "CLIPTextModel"],
        "text_encoder_2": ["transformers", "CLIPTextModelWithProjection"], "tokenizer": ["transformers", "CLIPTokenizer"],
        "tokenizer_2": ["transformers", "CLIPTokenizer"], "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"]}
    if is_refiner:
        index.update(_class_name="StableDiffusionXLImg2ImgPipeline", force_zeros_for_empty_prompt=False,
                     requires_aesthetics_score=True, text_encoder=[None, None], tokenizer=[None, None])
    (folder / "model_index.json").write_text(json.dumps(index))
    return model


@functools.cache  # to read them takes longer than to draw a small picture
def tokenizers():
    return (CLIPTokenizer.from_pretrained(TOKENIZER, model_max_length=77),
            CLIPTokenizer.from_pretrained(TOKENIZER, model_max_length=77, pad_token="!"))


def unet_inputs(unet, rows=3, height=16, width=24, length=77, seed=5):
    """What a network takes: each row at a step of its own, one of them between two."""
    generator = torch.Generator().manual_seed(seed)
    draw = lambda *shape: torch.randn(shape, generator=generator)
    config = unet.config
    context = config.cross_attention_dim
    inputs = {"latents": draw(rows, config.in_channels, height, width),
              "timesteps": torch.tensor([999.0, 500.5, 1.0, 37.0, 801.0])[:rows],
              "text": draw(rows, length, context if isinstance(context, int) else context[0])}
    if config.addition_embed_type:
        ids = torch.tensor([[1024.0, 768, 0, 32, 1024, 1024], [512, 512, 8, 0, 640, 896], [64, 96, 1, 2, 64, 96]])
        inputs["time_ids"] = ids.repeat(2, 1)[:rows].contiguous()
        inputs["pooled"] = draw(rows, config.projection_class_embeddings_input_dim - 6 * config.addition_time_embed_dim)
    if config.time_cond_proj_dim:
        inputs["guidance"] = draw(rows, config.time_cond_proj_dim)
    return inputs


@torch.inference_mode()
def run_unet(unet, inputs):
    added = {"text_embeds": inputs["pooled"], "time_ids": inputs["time_ids"]} if "pooled" in inputs else None
    return unet(inputs["latents"], inputs["timesteps"], inputs["text"], timestep_cond=inputs.get("guidance"),
                added_cond_kwargs=added).sample
