# SPDX-License-Identifier: Apache-2.0
"""The same networks in diffusers, eager or compiled: the peers of bench/sdxl.

    peer.py make SIZE FOLDER         writes both networks of that size with random weights
    peer.py run FOLDER (unet | vae) [compiled]

`run` prints "ready", then for each line ROWS EDGE of its input makes one pass and prints SECONDS PREPARED PEAK_RSS_KIB, as
sdxl_runner does. Here nothing is prepared. `compiled`: by torch.compile, at the first pass.
"""

import json
import sys
import time
from pathlib import Path

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel

_DOWN = ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D")
_UP = ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D")
_UNETS = {
    # That of the parity tests.
    "tiny": {"block_out_channels": (32, 64), "down_block_types": _DOWN[:2], "up_block_types": _UP[1:], "cross_attention_dim": 64,
             "attention_head_dim": (2, 4), "transformer_layers_per_block": (1, 2), "norm_num_groups": 8,
             "addition_time_embed_dim": 8, "projection_class_embeddings_input_dim": 80},
    # SDXL's shape, its widths by 2.5, its deepest transformers by 5.
    "small": {"block_out_channels": (128, 256, 512), "down_block_types": _DOWN, "up_block_types": _UP, "cross_attention_dim": 768,
              "attention_head_dim": (2, 4, 8), "transformer_layers_per_block": (1, 2, 2), "addition_time_embed_dim": 256,
              "projection_class_embeddings_input_dim": 2048},
}
_VAES = {"tiny": {"block_out_channels": (32, 64), "norm_num_groups": 8}, "small": {"block_out_channels": (64, 128, 256, 256)}}


def peak_rss_kib() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1])
    return 0


def make(size: str, folder: Path) -> None:
    torch.manual_seed(0)
    UNet2DConditionModel(layers_per_block=2, use_linear_projection=True, addition_embed_type="text_time",
                         sample_size=32, **_UNETS[size]).save_pretrained(folder / "unet")
    stages = len(_VAES[size]["block_out_channels"])
    AutoencoderKL(layers_per_block=2, down_block_types=("DownEncoderBlock2D",) * stages,
                  up_block_types=("UpDecoderBlock2D",) * stages, **_VAES[size]).save_pretrained(folder / "vae")
    text = {f"{part}{end}": ["transformers", kind + tail] for part, kind, tails in (
        ("text_encoder", "CLIPTextModel", ("", "WithProjection")), ("tokenizer", "CLIPTokenizer", ("", "")))
        for end, tail in zip(("", "_2"), tails)}
    (folder / "model_index.json").write_text(json.dumps({
        "_class_name": "StableDiffusionXLPipeline", "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"], "scheduler": ["diffusers", "EulerDiscreteScheduler"], **text}))


@torch.inference_mode()
def run(folder: Path, part: str, compiled: bool) -> None:
    kind = UNet2DConditionModel if part == "unet" else AutoencoderKL
    model = kind.from_pretrained(folder / part, low_cpu_mem_usage=False).eval()
    config = model.config
    if compiled:
        model = torch.compile(model)
    print("ready", flush=True)
    for line in sys.stdin:
        rows, edge = map(int, line.split())
        if part == "unet":
            pooled = config.projection_class_embeddings_input_dim - 6 * config.addition_time_embed_dim
            text, latents = torch.randn(rows, 77, config.cross_attention_dim), torch.randn(rows, 4, edge, edge)
            added = {"text_embeds": torch.randn(rows, pooled), "time_ids": torch.zeros(rows, 6)}
            begin = time.perf_counter()
            model(latents, torch.full((rows,), 500.0), text, added_cond_kwargs=added)
        else:
            latents = torch.randn(rows, config.latent_channels, edge, edge)
            begin = time.perf_counter()
            model.decode(latents)
        print(time.perf_counter() - begin, 0, peak_rss_kib(), flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(sys.argv[2], Path(sys.argv[3]))
    else:
        run(Path(sys.argv[2]), sys.argv[3], "compiled" in sys.argv[4:])
