# SPDX-License-Identifier: Apache-2.0
"""What the fuzz targets begin with: good and hostile inputs of each kind, too many or too little text to keep.

    make_seeds.py FOLDER

writes FOLDER/TARGET/..., for scripts/fuzz.
"""

import json
import os
import struct
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "tests/e2e"))

import hostile_files  # noqa: E402
from pictures import encode, grey_quarters, oriented, png16, quarters  # noqa: E402

SMALL = 4096


def image() -> dict[str, bytes]:
    good = {"png": encode(quarters()), "grey": encode(grey_quarters()), "16": png16(grey_quarters()),
            "jpeg": encode(quarters(), "JPEG"), "turned": oriented(6), "webp": encode(quarters(), "WEBP"),
            "lossless": encode(quarters(), "WEBP", lossless=True), "palette": encode(quarters().convert("P"))}
    return good | {name: data for name, data in hostile_files.images().items() if len(data) <= SMALL}


def safetensors() -> dict[str, bytes]:
    good = hostile_files.safetensors(
        {"__metadata__": {"format": "pt"}, "a": hostile_files.tensor([2, 2], 0, 16),
         "b": hostile_files.tensor([4], 16, 20, "U8")}, bytes(20))
    return {"good": good} | {name: data for name, data in hostile_files.weights().items() if len(data) <= SMALL}


def record(kind: int, about: int, body: bytes) -> bytes:
    """worker/records.h: size, kind, about, reserved."""
    return struct.pack("<IIII", 16 + len(body), kind, about, 0) + body


def records() -> dict[str, bytes]:
    text = struct.pack("<I", 5) + b"hello"
    status = struct.pack("<i", 2) + text
    found = {f"kind-{kind}": record(kind, 1, struct.pack("<Q", 7) + status + text + bytes(64)) for kind in range(24)}
    found["several"] = b"".join(found.values())
    found["set-up"] = json.dumps({"readable": ["/usr/lib"], "writable": [], "memory": 0, "local_sockets": False,
                                  "memory_files": False}).encode()
    return found


def plugin_file() -> dict[str, bytes]:
    manifests = {path.parent.name: path.read_bytes() for path in REPOSITORY.glob("plugins/*/manifest.json")}
    # The smallest whole file: headers alone, with a section for the manifest.
    names = b"\0.darkroom\0.shstrtab\0"
    text = manifests["echo"]
    section = b"DARKROOM" + struct.pack("<IIII", 24, 1, 0, len(text)) + text
    data = names + section
    sections = [bytes(64),
                struct.pack("<IIQQQQIIQQ", 1, 1, 2, 0, 64 + len(names), len(section), 0, 0, 1, 0),
                struct.pack("<IIQQQQIIQQ", 11, 3, 0, 0, 64, len(names), 0, 0, 1, 0)]
    head = b"\x7fELF\2\1\1" + bytes(9) + struct.pack(
        "<HHIQQQIHHHHHH", 3, 62, 1, 0, 0, 64 + len(data), 0, 64, 56, 0, 64, 3, 2)
    return {f"manifest-{name}": text for name, text in manifests.items()} | {"elf": head + data + b"".join(sections)}


def config() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in REPOSITORY.glob("config/*.yaml")}


def tokenizer() -> dict[str, bytes]:
    """The first byte says which file it is: fuzz_tokenizer.cc."""
    small = {
        0: json.dumps({"version": "1.0", "truncation": None, "padding": None, "added_tokens": [],
                       "normalizer": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True,
                                      "strip_accents": None, "lowercase": True},
                       "pre_tokenizer": {"type": "BertPreTokenizer"}, "post_processor": None,
                       "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
                       "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                                 "max_input_chars_per_word": 100, "vocab": {"[UNK]": 0, "a": 1, "##b": 2}}}).encode(),
        1: b"[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n##b\n",
        2: b"\n\x0e\n\x05<unk>\x15\0\0\0\0\x18\x02\n\x08\n\x01a\x15\0\0\x80\xbf\n\x08\n\x01b\x15\0\0\0\xc0",
        3: b'{"a": 0, "b": 1, "ab": 2, "<|startoftext|>": 3, "<|endoftext|>": 4}',
        4: b'{"tokenizer_class": "BertTokenizer", "do_lower_case": true, "pad_token": "[PAD]"}',
    }
    found = {f"small-{kind}": bytes([kind]) + text for kind, text in small.items()}
    models = Path(os.environ["DARKROOM_DEPS"]) / "tokenizers"
    for path in models.glob("*/tokenizer_config.json"):
        found[f"config-of-{path.parent.name}"] = bytes([4]) + path.read_bytes()
    return found


TARGETS = (config, image, plugin_file, records, safetensors, tokenizer)


def main(folder: Path) -> None:
    for target in TARGETS:
        place = folder / target.__name__
        place.mkdir(parents=True)
        for i, data in enumerate(target().values()):
            (place / f"{i:04}").write_bytes(data)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
