# SPDX-License-Identifier: Apache-2.0
"""Writes a CLIP checkpoint of real size with random weights.

usage: checkpoint.py FOLDER SIZE; SIZE is b32, b16, l14 or l14-336
"""

import os
import shutil
import sys
from pathlib import Path

import torch
from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel

_BASE = {"projection_dim": 512}
_LARGE = {"projection_dim": 768}
_LARGE_TEXT = {"hidden_size": 768, "intermediate_size": 3072, "num_attention_heads": 12}
_LARGE_VISION = {"hidden_size": 1024, "intermediate_size": 4096, "num_attention_heads": 16, "num_hidden_layers": 24,
                 "patch_size": 14}
# The published sizes: vision, text, whole.
SIZES = {
    "b32": ({"patch_size": 32}, {}, _BASE),
    "b16": ({"patch_size": 16}, {}, _BASE),
    "l14": (_LARGE_VISION, _LARGE_TEXT, _LARGE),
    "l14-336": ({**_LARGE_VISION, "image_size": 336}, _LARGE_TEXT, _LARGE),
}


def write(folder: Path, size: str) -> None:
    vision, text, whole = SIZES[size]
    config = CLIPConfig(vision_config={**vision, **whole}, text_config={**text, **whole}, **whole)
    torch.manual_seed(0)
    CLIPModel(config).save_pretrained(folder)
    edge = config.vision_config.image_size
    CLIPImageProcessor(size={"shortest_edge": edge}, crop_size={"height": edge, "width": edge}).save_pretrained(folder)
    for file in (Path(os.environ["DARKROOM_DEPS"]) / "tokenizers" / "clip").iterdir():
        shutil.copy(file, folder)


if __name__ == "__main__":
    write(Path(sys.argv[1]), sys.argv[2])
