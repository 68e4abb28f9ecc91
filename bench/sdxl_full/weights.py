# SPDX-License-Identifier: Apache-2.0
"""Writes Stable Diffusion XL's networks at their full size to a folder: the denoising network, 2.6 billion random numbers in bfloat16,
and the autoencoder's in float32.

    weights.py FOLDER

They are never in memory: their shapes come from diffusers, on a device that holds nothing, and their tensors go to the files one
by one. Prints how many numbers the denoising network has.
"""

import json
import sys
from pathlib import Path

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel

# Those of stable-diffusion-xl-base-1.0.
VAE = {"block_out_channels": (128, 256, 512, 512), "layers_per_block": 2, "sample_size": 1024, "scaling_factor": 0.13025,
       "down_block_types": ("DownEncoderBlock2D",) * 4, "up_block_types": ("UpDecoderBlock2D",) * 4, "latent_channels": 4}
UNET = {"block_out_channels": (320, 640, 1280), "layers_per_block": 2, "sample_size": 128, "cross_attention_dim": 2048,
          "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
          "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"), "attention_head_dim": (5, 10, 20),
          "transformer_layers_per_block": (1, 2, 10), "use_linear_projection": True, "addition_embed_type": "text_time",
          "addition_time_embed_dim": 256, "projection_class_embeddings_input_dim": 2816}


def numbers(name: str, shape: torch.Size, generator: torch.Generator) -> torch.Tensor:
    """So large that what goes through the network stays of one size."""
    if len(shape) > 1:
        return torch.randn(shape, generator=generator) * shape[1:].numel() ** -0.5
    return torch.ones(shape) if name.endswith("weight") else torch.zeros(shape)


def write(folder: Path, network: torch.nn.Module, dtype: torch.dtype, name_of_dtype: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(network.to_json_string())
    header, end = {}, 0
    for name, tensor in network.state_dict().items():
        begin, end = end, end + dtype.itemsize * tensor.numel()
        header[name] = {"dtype": name_of_dtype, "shape": list(tensor.shape), "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    generator = torch.Generator().manual_seed(0)
    with open(folder / "diffusion_pytorch_model.safetensors", "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name, tensor in network.state_dict().items():
            values = numbers(name, tensor.shape, generator).to(dtype)
            file.write(values.view(torch.uint8).numpy().data)


def main(folder: Path) -> None:
    folder.mkdir(parents=True)
    with torch.device("meta"):
        unet, vae = UNet2DConditionModel(**UNET), AutoencoderKL(**VAE)
    texts = {f"{part}{end}": ["transformers", kind + tail] for part, kind, tails in (
        ("text_encoder", "CLIPTextModel", ("", "WithProjection")), ("tokenizer", "CLIPTokenizer", ("", "")))
        for end, tail in zip(("", "_2"), tails)}
    (folder / "model_index.json").write_text(json.dumps({
        "_class_name": "StableDiffusionXLPipeline", "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"], "scheduler": ["diffusers", "EulerDiscreteScheduler"], **texts}))
    write(folder / "unet", unet, torch.bfloat16, "BF16")
    write(folder / "vae", vae, torch.float32, "F32")
    print(sum(tensor.numel() for tensor in unet.state_dict().values()))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
