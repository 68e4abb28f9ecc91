# SPDX-License-Identifier: Apache-2.0
"""Holds the tokenizers of SigLIP and SigLIP2 against those of transformers: the same files, the same hostile texts.

DARKROOM_TOKENIZER_TOOL names the program that runs ours.
"""

import json
import subprocess
import sys
import unicodedata

import hostile
import pytest
import siglip_files
from comparing import TOOL, compare

TEXTS = 10500
SPECIAL = ["</s>", "<unk>", " </s> a cat</s>", "</s></s>", "a</s>", "a cat</s> ", "<pad>", "<unk> x", "\u2581</s>", "\u2581", "<eos>a<bos>",
           "<eos>", "a<eos>", "<0x41>", "\u2581\u2581a", "<mask> b"]


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """name -> (transformers' tokenizer, its folder), each made once."""
    known = {}

    def get(name):
        if name not in known:
            folder = tmp_path_factory.mktemp(name)
            write = siglip_files.write_siglip if name in siglip_files.SIGLIP else siglip_files.write_gemma
            known[name] = (write(name, folder), folder)
        return known[name]

    return get


def all_texts():
    return [*SPECIAL, *siglip_files.sentences(1000, seed=8), *hostile.texts(TEXTS)]


@pytest.mark.parametrize("name", [*siglip_files.SIGLIP, *siglip_files.GEMMA])
def test_hostile_texts(name, made, run_tool):
    reference, folder = made(name)
    lines = all_texts()
    ours = run_tool(folder, lines)
    theirs = [reference(line).input_ids for line in lines]
    compare([one["ids"] for one in ours], theirs, lines)
    compare([one["bare"] for one in ours], [reference(line, add_special_tokens=False).input_ids for line in lines], lines)
    assert len(set(lines)) >= 10000
    assert len({number for ids in theirs for number in ids}) > 500, "most of the vocabulary is never asked for"


@pytest.mark.parametrize("name", ["plain", "no-prefix", "bytes", "gemma", "siglip2"])
def test_filled_up(name, made, run_tool):
    reference, folder = made(name)
    lines = [*SPECIAL, *hostile.texts(TEXTS)[-300:]]
    for most in (2, 7, 64):
        theirs = [reference(line, truncation=True, padding="max_length", max_length=most).input_ids for line in lines]
        if hasattr(reference, "backend_tokenizer"):
            reference.backend_tokenizer.no_truncation()
            reference.backend_tokenizer.no_padding()
        compare([one["ids"] for one in run_tool(folder, lines, most, "fill")], theirs, lines)


@pytest.mark.parametrize("name", [*siglip_files.SIGLIP, *siglip_files.GEMMA])
def test_decoding(name, made, run_tool):
    reference, folder = made(name)
    lines = [reference(line).input_ids for line in all_texts()[::5]] + hostile.numbers(1500, len(reference))
    ours = run_tool(folder, lines)
    compare([one["text"] for one in ours], [reference.decode(ids, skip_special_tokens=True) for ids in lines], lines)
    compare([one["with_special"] for one in ours], [reference.decode(ids) for ids in lines], lines)


def test_a_sigma_at_the_end_of_a_word(made, run_tool):
    """Beside every character: whether the sigma is a final one hangs on what stands around it."""
    reference, folder = made("plain")
    vocabulary = reference.get_vocab()
    assert {"\u03c3", "\u03c2"} <= set("".join(vocabulary)), "the model cannot tell the two apart"
    known = [c for c in map(chr, range(sys.maxunicode + 1)) if unicodedata.category(c) not in ("Cn", "Cs", "Co", "Lo", "So")]
    lines = [text for c in known for text in (f"a\u03a3{c}", f"a\u03a3{c}a", f"{c}\u03a3", f"a{c}\u03a3 {c}A")]
    compare([one["ids"] for one in run_tool(folder, lines)], [reference(line).input_ids for line in lines], lines)


def refusal(folder, tmp_path):
    (tmp_path / "in").write_text("")
    done = subprocess.run([TOOL, folder, tmp_path / "in", tmp_path / "out"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1, "it was taken"
    return done.stderr


def copied(folder, tmp_path, **settings):
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    config = json.loads((tmp_path / "tokenizer_config.json").read_text())
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({**config, **settings}))
    return tmp_path


@pytest.mark.parametrize("changed", [
    {"do_lower_case": False}, {"padding_side": "left"}, {"pad_token": "<pad>"}, {"eos_token": "<pad>"},
])
def test_one_changed_setting_is_noticed(changed, made, run_tool, tmp_path):
    reference, folder = made("plain")
    lines = ["A Photo of the CAT"]
    theirs = [reference(line, padding="max_length", max_length=64).input_ids for line in lines]
    assert run_tool(folder, lines, 64, "fill")[0]["ids"] == theirs[0]
    assert run_tool(copied(folder, tmp_path, **changed), lines, 64, "fill")[0]["ids"] != theirs[0]


@pytest.mark.parametrize("field,value", [
    ("sp_model_kwargs", {"enable_sampling": True}), ("legacy", False), ("padding_side", "middle"),
    ("eos_token", "<nowhere>"), ("additional_special_tokens", ["<extra>"]), ("truncation_side", "left"),
    ("added_tokens_decoder", {"4000": {"content": "<new>", "special": False}}),
])
def test_what_is_not_implemented_is_refused(field, value, made, tmp_path):
    _, folder = made("plain")
    words = refusal(copied(folder, tmp_path, **{field: value}), tmp_path)
    assert (value if field == "eos_token" else field) in words


# Found by fuzzing: a piece without a character, which the library's trie throws at.
EMPTY_PIECE = (b"\n\x0e\n\x05<unk>\x15\0\0\0\0\x18\x02\n\x08\n\x01a\x15\0$\0\0\x18\x02\n\x08\n\x01\0\x15y\x80\0y"
               b"a" + b"\xb1" * 7 + b"y" * 21 + b"'" + b"y" * 5 + b"\xbf\n\x08\n\x01b\x15\0\0\0\xc0")


def test_damaged_and_missing_models_are_named(made, tmp_path):
    _, folder = made("plain")
    copied(folder, tmp_path)
    whole = (tmp_path / "spiece.model").read_bytes()
    for damaged in (b"", whole[:5000], b"\xff" * 400, EMPTY_PIECE):
        (tmp_path / "spiece.model").write_bytes(damaged)
        assert "spiece.model: is no model of sentencepiece" in refusal(tmp_path, tmp_path)
    (tmp_path / "spiece.model").unlink()
    (tmp_path / "tokenizer.json").write_text("{}")
    assert "spiece.model" in refusal(tmp_path, tmp_path)


@pytest.mark.parametrize("path,value", [
    (["normalizer"], {"type": "NFKC"}),
    (["normalizer"], None),
    (["pre_tokenizer", "behavior"], "Isolated"),
    (["decoder", "decoders"], [{"type": "Fuse"}]),
    (["model", "ignore_merges"], True),
    (["model", "dropout"], 0.1),
])
def test_what_is_not_gemma_is_refused(path, value, made, tmp_path):
    _, folder = made("gemma")
    copied(folder, tmp_path)
    whole = json.loads((tmp_path / "tokenizer.json").read_text())
    at = whole
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = value
    (tmp_path / "tokenizer.json").write_text(json.dumps(whole))
    words = refusal(tmp_path, tmp_path)
    assert "tokenizer.json: " in words and path[-1] in words


def test_a_byte_without_a_token_is_refused(made, tmp_path):
    _, folder = made("gemma")
    copied(folder, tmp_path)
    text = (tmp_path / "tokenizer.json").read_text()
    (tmp_path / "tokenizer.json").write_text(text.replace("<0x7F>", "<0x7f>"))
    assert "<0x7F>" in refusal(tmp_path, tmp_path)
