# SPDX-License-Identifier: Apache-2.0
"""Tiny SigLIP checkpoints with random weights, in folders as the hub has them: what the plugin is held against.

    siglip_checkpoints.py FOLDER PICTURE TEXT...

writes one, and prints as JSON what transformers makes of the picture and the texts with it, for tests that have no torch.
"""

import json
import sys
from pathlib import Path

import torch
from PIL import Image
from transformers import SiglipConfig, SiglipImageProcessor, SiglipModel
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

sys.path.insert(0, str(Path(__file__).parents[1] / "common" / "text"))
import siglip_files  # noqa: E402: it lies with the tests of tokenizers

# name -> its tokenizer, and what is other than in "plain": (vision, text)
VARIANTS = {
    "plain": ("plain", {}, {}),
    "narrow": (
        "bytes",
        {"hidden_size": 48, "intermediate_size": 100, "num_attention_heads": 3, "hidden_act": "gelu"},
        {"hidden_size": 80, "intermediate_size": 120, "num_attention_heads": 2, "projection_size": 48, "hidden_act": "gelu",
         "max_position_embeddings": 24}),
    "one-layer": (
        "no-prefix",
        {"num_hidden_layers": 1, "image_size": 98, "patch_size": 14, "layer_norm_eps": 1e-3},
        {"num_hidden_layers": 1, "max_position_embeddings": 9, "layer_norm_eps": 1e-3}),
    "siglip2": (
        "siglip2",
        {"hidden_size": 32, "num_attention_heads": 8, "image_size": 60, "patch_size": 7},
        {"hidden_size": 32, "num_attention_heads": 8, "num_hidden_layers": 2}),
}


def config_of(variant: str) -> SiglipConfig:
    _, vision, text = VARIANTS[variant]
    tower = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 3, "num_attention_heads": 4}
    return SiglipConfig(vision_config={**tower, "image_size": 96, "patch_size": 16, **vision},
                        text_config={**tower, "vocab_size": 1200, **text})


def make_model(variant: str, seed: int = 1) -> SiglipModel:
    torch.manual_seed(seed)
    model = SiglipModel(config_of(variant)).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.startswith("logit_"):
                parameter.fill_(1.2 if name == "logit_scale" else -0.7)
            elif name.endswith("patch_embedding.weight"):
                parameter.normal_(std=0.02)  # else the pictures drown all constants beside them
            elif "embedding" in name or name.endswith("probe"):
                parameter.normal_(std=0.4)
            elif parameter.dim() == 2:
                parameter.normal_(std=1.5 * parameter.shape[1] ** -0.5)
            else:
                parameter.add_(torch.randn_like(parameter) * 0.2)
    return model


def write(model: SiglipModel, variant: str, folder: Path, **how):
    """The whole folder: weights and config, image processor, tokenizer. Returns transformers' tokenizer of it."""
    model.save_pretrained(folder, **how)
    return write_processors(model.config, variant, folder)


def write_processors(config: SiglipConfig, variant: str, folder: Path):
    edge = config.vision_config.image_size
    SiglipImageProcessor(size={"height": edge, "width": edge}).save_pretrained(folder)
    kind = VARIANTS[variant][0]
    if kind in siglip_files.SIGLIP:
        return siglip_files.write_siglip(kind, folder)
    # As SigLIP2 was trained: one token at the end, and filled up behind it.
    return siglip_files.write_gemma(kind, folder, padding_side="right", add_bos_token=False, add_eos_token=True)


def inputs_of(model: SiglipModel, tokenizer, pictures, texts) -> dict[str, torch.Tensor]:
    edge = model.config.vision_config.image_size
    processor = SiglipImageProcessorPil(size={"height": edge, "width": edge})
    tokens = tokenizer(texts, padding="max_length", truncation=True,
                       max_length=model.config.text_config.max_position_embeddings, return_tensors="pt")
    return {"pixel_values": processor(pictures, return_tensors="pt")["pixel_values"], "input_ids": tokens["input_ids"]}


@torch.inference_mode()
def expected_of(model: SiglipModel, tokenizer, pictures, texts) -> dict[str, torch.Tensor]:
    """What transformers makes of them: "pictures", "texts", each n x width, not normalised, and "classes"."""
    made = model(**inputs_of(model, tokenizer, pictures, texts))
    return {"pictures": made.vision_model_output.pooler_output, "texts": made.text_model_output.pooler_output,
            "classes": made.logits_per_image.sigmoid()}


if __name__ == "__main__":
    made = make_model("plain")
    target = Path(sys.argv[1])
    its_tokenizer = write(made, "plain", target)
    found = expected_of(made, its_tokenizer, [Image.open(sys.argv[2])], sys.argv[3:])
    print(json.dumps({"scale": float(made.logit_scale.exp()), "bias": float(made.logit_bias),
                      **{key: value.tolist() for key, value in found.items()}}))
