# SPDX-License-Identifier: Apache-2.0
"""The same captioner in transformers, eager, with its cache of keys and values: the peer of bench/caption.

    peer.py make (base | large) FOLDER    writes BLIP of that size with random weights
    peer.py run FOLDER

`run` prints "ready", then for each line PICTURES BEAMS TOKENS of its input describes so many pictures together and prints
SECONDS TOKENS PEAK_RSS_KIB, as caption_runner does.
"""

import os
import sys
import time
from pathlib import Path

import torch
from transformers import (BertTokenizer, BlipConfig, BlipForConditionalGeneration, BlipImageProcessor, BlipTextConfig,
                          BlipVisionConfig)
from transformers.utils import logging

# As the published checkpoints of these names have them.
_VISION = {
    "base": {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 3072},
    "large": {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16, "intermediate_size": 4096},
}
_END = 102


def peak_rss_kib() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1])
    return 0


def make(size: str, folder: Path) -> None:
    torch.manual_seed(0)
    text = BlipTextConfig(vocab_size=30524, num_attention_heads=12)
    vision = BlipVisionConfig(initializer_range=0.02, **_VISION[size])
    model = BlipForConditionalGeneration(BlipConfig(text_config=text.to_dict(), vision_config=vision.to_dict()))
    # A text that ended by itself would end the measurement.
    with torch.no_grad():
        model.text_decoder.cls.predictions.bias[_END] = -1e4
    model.save_pretrained(folder)
    BertTokenizer.from_pretrained(Path(os.environ["DARKROOM_TOKENIZERS"]) / "bert").save_pretrained(folder)
    BlipImageProcessor().save_pretrained(folder)


def run(folder: Path) -> None:
    model = BlipForConditionalGeneration.from_pretrained(folder).eval()
    processor = BlipImageProcessor.from_pretrained(folder)
    print("ready", flush=True)
    for line in sys.stdin:
        pictures, beams, tokens = map(int, line.split())
        images = [torch.randint(0, 256, (3, 480, 640), dtype=torch.uint8) for _ in range(pictures)]
        begin = time.perf_counter()
        with torch.inference_mode():
            pixels = processor(images, return_tensors="pt").pixel_values
            out = model.generate(pixels, max_new_tokens=tokens, num_beams=beams, do_sample=False)
        seconds = time.perf_counter() - begin
        print(seconds, (out.shape[1] - 1) * pictures, peak_rss_kib(), flush=True)


def main() -> None:
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    if sys.argv[1] == "make":
        make(sys.argv[2], Path(sys.argv[3]))
    else:
        run(Path(sys.argv[2]))


if __name__ == "__main__":
    main()
