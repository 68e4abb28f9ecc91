# SPDX-License-Identifier: Apache-2.0
"""Tiny captioners with random weights, in folders as the model hub has them, and transformers' own objects of them.

Random weights are a poor captioner: what they write must not be one token over and over, nor the same about each picture,
or a test would see nothing. So they are drawn wider than usual, biases and norms are not left at 0 and 1, and the tests
assert that two pictures give two texts.
"""

import dataclasses
import json
import os
import sys
from pathlib import Path

import numpy
import torch
from PIL import Image
from transformers import (BertTokenizer, BlipConfig, BlipForConditionalGeneration, BlipImageProcessorPil, BlipTextConfig,
                          BlipVisionConfig, GPT2Config, GPT2Tokenizer, VisionEncoderDecoderConfig, VisionEncoderDecoderModel,
                          ViTConfig, ViTImageProcessorPil)
from transformers.utils import logging

logging.set_verbosity_error()
TOKENIZERS = Path(os.environ.get("DARKROOM_TOKENIZERS") or Path(os.environ["DARKROOM_DEPS"]) / "tokenizers")


@dataclasses.dataclass
class Captioner:
    folder: Path
    model: torch.nn.Module
    tokenizer: object
    processor: object
    is_blip: bool

    def pixels(self, picture):
        return self.processor(picture, return_tensors="pt").pixel_values

    def generate(self, pixels, prompt="", **settings):
        """transformers' tokens after the prompt, for each picture a list, and the prompt's."""
        ids = self.tokenizer(prompt, add_special_tokens=self.is_blip).input_ids
        with torch.inference_mode():
            if self.is_blip:
                ids = torch.tensor([ids] * len(pixels))
                out = self.model.generate(pixels, input_ids=ids, **settings)
                begin = ids.shape[1] - 1
            else:
                ids = torch.tensor([[self.model.config.decoder_start_token_id, *ids]] * len(pixels))
                out = self.model.generate(pixels, decoder_input_ids=ids, **settings)
                begin = ids.shape[1]
        return out[:, begin:].tolist(), out[0, :begin].tolist()


def disturb(model, seed):
    """Biases and norms away from 0 and 1, as training leaves them."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 1:
                parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.1)
    return model.eval()


def blip(folder, seed=0, *, width=64, heads=4, layers=2, inner=128, tower_width=48, tower_heads=4, tower_layers=2,
         image_size=48, patch_size=16, places=160, activation="gelu", epsilon=1e-12, tower_activation="gelu", tied=True,
         spread=0.15):
    torch.manual_seed(seed)
    text = BlipTextConfig(vocab_size=30524, hidden_size=width, intermediate_size=inner, num_hidden_layers=layers,
                          num_attention_heads=heads, max_position_embeddings=places, hidden_act=activation,
                          layer_norm_eps=epsilon, initializer_range=spread, tie_word_embeddings=tied)
    vision = BlipVisionConfig(hidden_size=tower_width, intermediate_size=2 * tower_width, num_hidden_layers=tower_layers,
                              num_attention_heads=tower_heads, image_size=image_size, patch_size=patch_size,
                              hidden_act=tower_activation, initializer_range=spread)
    config = BlipConfig(text_config=text.to_dict(), vision_config=vision.to_dict(), tie_word_embeddings=tied)
    model = disturb(BlipForConditionalGeneration(config), seed + 1)
    model.save_pretrained(folder)
    tokenizer = BertTokenizer.from_pretrained(TOKENIZERS / "bert")
    tokenizer.save_pretrained(folder)
    processor = BlipImageProcessorPil(size={"height": image_size, "width": image_size})
    processor.save_pretrained(folder)
    return Captioner(Path(folder), model, tokenizer, processor, True)


def vit_gpt2(folder, seed=0, *, width=64, heads=4, layers=2, inner=None, tower_width=64, tower_heads=4, tower_layers=2,
             image_size=48, patch_size=16, places=160, activation="gelu_new", epsilon=1e-5, tower_activation="gelu",
             qkv_bias=True, tied=True, spread=0.15):
    torch.manual_seed(seed)
    encoder = ViTConfig(hidden_size=tower_width, intermediate_size=2 * tower_width, num_hidden_layers=tower_layers,
                        num_attention_heads=tower_heads, image_size=image_size, patch_size=patch_size, qkv_bias=qkv_bias,
                        hidden_act=tower_activation, initializer_range=spread)
    decoder = GPT2Config(n_embd=width, n_layer=layers, n_head=heads, n_inner=inner, n_positions=places,
                         activation_function=activation, layer_norm_epsilon=epsilon, initializer_range=spread,
                         add_cross_attention=True, is_decoder=True, tie_word_embeddings=tied)
    config = VisionEncoderDecoderConfig.from_encoder_decoder_configs(encoder, decoder)
    config.decoder_start_token_id = config.pad_token_id = config.eos_token_id = 50256
    model = disturb(VisionEncoderDecoderModel(config), seed + 1)
    for name in ("decoder_start_token_id", "pad_token_id", "eos_token_id"):
        setattr(model.generation_config, name, 50256)
    model.save_pretrained(folder)
    tokenizer = GPT2Tokenizer.from_pretrained(TOKENIZERS / "gpt2")
    tokenizer.save_pretrained(folder)
    processor = ViTImageProcessorPil(size={"height": image_size, "width": image_size})
    processor.save_pretrained(folder)
    return Captioner(Path(folder), model, tokenizer, processor, False)


def main():
    """usage: checkpoints.py FOLDER PICTURE...: makes a BLIP in FOLDER and prints, as JSON, what it says of each picture,
    greedily, in 12 tokens, without and with the prompt of the template `photo`; for tests of other processes."""
    folder, *pictures = sys.argv[1:]
    captioner = blip(folder, 1)
    said = {"plain": [], "photo": []}
    for path in pictures:
        pixels = captioner.pixels(numpy.asarray(Image.open(path).convert("RGB")))
        for name, prompt in (("plain", ""), ("photo", "a photo of")):
            tokens, begin = captioner.generate(pixels, prompt, max_new_tokens=12, do_sample=False)
            said[name].append(captioner.tokenizer.decode(begin + tokens[0], skip_special_tokens=True).strip())
    print(json.dumps(said))


if __name__ == "__main__":
    main()
