# SPDX-License-Identifier: Apache-2.0
"""Writes Stable Diffusion XL's denoising network at its full size, 2.6 billion random numbers in bfloat16, to a folder.

    weights.py FOLDER

The network is never in memory: its shapes come from diffusers, on a device that holds nothing, and its tensors go to the file one
by one.
"""

import json
import sys
from pathlib import Path

import torch
from diffusers import UNet2DConditionModel

# That of stable-diffusion-xl-base-1.0.
CONFIG = {"block_out_channels": (320, 640, 1280), "layers_per_block": 2, "sample_size": 128, "cross_attention_dim": 2048,
          "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
          "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"), "attention_head_dim": (5, 10, 20),
          "transformer_layers_per_block": (1, 2, 10), "use_linear_projection": True, "addition_embed_type": "text_time",
          "addition_time_embed_dim": 256, "projection_class_embeddings_input_dim": 2816}


def numbers(name: str, shape: torch.Size, generator: torch.Generator) -> torch.Tensor:
    """So large that what goes through the network stays of one size."""
    if len(shape) > 1:
        return torch.randn(shape, generator=generator) * shape[1:].numel() ** -0.5
    return torch.ones(shape) if name.endswith("weight") else torch.zeros(shape)


def main(folder: Path) -> None:
    with torch.device("meta"):
        unet = UNet2DConditionModel(**CONFIG)
    (folder / "unet").mkdir(parents=True)
    (folder / "unet/config.json").write_text(unet.to_json_string())
    texts = {f"{part}{end}": ["transformers", kind + tail] for part, kind, tails in (
        ("text_encoder", "CLIPTextModel", ("", "WithProjection")), ("tokenizer", "CLIPTokenizer", ("", "")))
        for end, tail in zip(("", "_2"), tails)}
    (folder / "model_index.json").write_text(json.dumps({
        "_class_name": "StableDiffusionXLPipeline", "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"], "scheduler": ["diffusers", "EulerDiscreteScheduler"], **texts}))
    header, end = {}, 0
    for name, tensor in unet.state_dict().items():
        begin, end = end, end + 2 * tensor.numel()
        header[name] = {"dtype": "BF16", "shape": list(tensor.shape), "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    generator = torch.Generator().manual_seed(0)
    with open(folder / "unet/diffusion_pytorch_model.safetensors", "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name, tensor in unet.state_dict().items():
            values = numbers(name, tensor.shape, generator).to(torch.bfloat16)
            file.write(values.view(torch.uint8).numpy().data)
    print(sum(tensor.numel() for tensor in unet.state_dict().values()))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
