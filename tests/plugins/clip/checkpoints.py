# SPDX-License-Identifier: Apache-2.0
"""Tiny CLIP checkpoints with random weights, in folders as the hub has them: what the plugin is held against.

Biases and norms are jittered, and layers are wide awake, so that an embedding depends on every tensor and on its input.

    checkpoints.py FOLDER PICTURE TEXT...

writes one, and prints as JSON what transformers makes of the picture and the texts with it, for tests that have no torch.
"""

import json
import os
import shutil
import sys
from pathlib import Path

import torch
from PIL import Image
from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPTokenizer
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

TOKENIZER = Path(os.environ["DARKROOM_DEPS"]) / "tokenizers" / "clip"
END = 49407  # <|endoftext|>
A = 320  # the word "a"

# name -> what is other than in "plain": (vision, text, whole)
VARIANTS = {
    "plain": ({}, {}, {}),
    "gelu-2021": (
        {"hidden_size": 48, "intermediate_size": 100, "num_attention_heads": 3, "image_size": 96, "patch_size": 16,
         "hidden_act": "gelu"},
        {"hidden_size": 80, "intermediate_size": 120, "num_attention_heads": 2, "hidden_act": "gelu", "eos_token_id": 2},
        {"projection_dim": 24}),
    "one-layer": (
        {"num_hidden_layers": 1, "image_size": 98, "patch_size": 14, "layer_norm_eps": 1e-3},
        {"num_hidden_layers": 1, "max_position_embeddings": 12, "layer_norm_eps": 1e-3, "hidden_act": "gelu_new"},
        {"projection_dim": 48}),
    "another-end": (
        {"hidden_size": 32, "num_attention_heads": 8, "image_size": 60, "patch_size": 7},
        {"hidden_size": 32, "num_attention_heads": 8, "num_hidden_layers": 2, "eos_token_id": A},
        {}),
}


def config_of(variant: str) -> CLIPConfig:
    vision, text, whole = VARIANTS[variant]
    whole = {"projection_dim": 32, **whole}
    tower = {**whole, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 3, "num_attention_heads": 4}
    return CLIPConfig(
        vision_config={**tower, "image_size": 224, "patch_size": 32, **vision},
        text_config={**tower, "bos_token_id": END - 1, "eos_token_id": END, **text},
        **whole)


def make_model(variant: str, seed: int = 1) -> CLIPModel:
    torch.manual_seed(seed)
    model = CLIPModel(config_of(variant)).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "embedding" in name:
                parameter.normal_(std=0.4)
            elif parameter.dim() == 2:
                parameter.normal_(std=1.5 * parameter.shape[1] ** -0.5)
            elif parameter.dim() == 1:
                parameter.add_(torch.randn_like(parameter) * 0.2)
    return model


def pixels_of(model, pictures: list) -> torch.Tensor:
    edge = getattr(model.config, "vision_config", model.config).image_size
    processor = CLIPImageProcessorPil(size={"shortest_edge": edge}, crop_size={"height": edge, "width": edge})
    return processor(pictures, return_tensors="pt")["pixel_values"]


def tokens_of(model, texts: list[str]) -> torch.Tensor:
    config = getattr(model.config, "text_config", model.config)
    tokenizer = CLIPTokenizer.from_pretrained(TOKENIZER, model_max_length=config.max_position_embeddings)
    return tokenizer(texts, padding="max_length", truncation=True, return_tensors="pt")["input_ids"]


@torch.inference_mode()
def expected_of(model: CLIPModel, pictures=None, texts=None) -> dict[str, torch.Tensor]:
    """What transformers makes of them: "pictures", "texts", each n x width, not normalised."""
    out = {}
    if pictures is not None:
        out["pictures"] = model.get_image_features(pixel_values=pixels_of(model, pictures)).pooler_output
    if texts is not None:
        out["texts"] = model.get_text_features(input_ids=tokens_of(model, texts)).pooler_output
    return out


def write(model, folder: Path, **how) -> Path:
    """The whole folder: weights and config, image processor, tokenizer."""
    model.save_pretrained(folder, **how)
    write_processors(folder, getattr(model.config, "vision_config", model.config))
    return folder


def write_processors(folder: Path, vision):
    if hasattr(vision, "image_size"):
        edge = vision.image_size
        CLIPImageProcessor(size={"shortest_edge": edge}, crop_size={"height": edge, "width": edge}).save_pretrained(folder)
    for file in TOKENIZER.iterdir():
        shutil.copy(file, folder)


if __name__ == "__main__":
    made = make_model("plain")
    write(made, Path(sys.argv[1]))
    found = expected_of(made, [Image.open(sys.argv[2])], sys.argv[3:])
    scale = float(made.logit_scale.exp())
    print(json.dumps({"scale": scale, **{key: value.tolist() for key, value in found.items()}}))
