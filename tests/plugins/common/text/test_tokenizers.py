# SPDX-License-Identifier: Apache-2.0
"""Holds the tokenizers against those of transformers: the same files, the same hostile texts, number for number.

DARKROOM_TOKENIZER_TOOL names the program that runs ours, DARKROOM_TOKENIZERS the folder with the vocabularies.
"""

import json
import os
import subprocess
from pathlib import Path

import hostile
import pytest
from comparing import TOOL, compare
from transformers import BertTokenizer, CLIPTokenizer, GPT2Tokenizer

FILES = Path(os.environ["DARKROOM_TOKENIZERS"])
KINDS = {"clip": CLIPTokenizer, "gpt2": GPT2Tokenizer, "bert": BertTokenizer}
TEXTS = 10500


@pytest.fixture(scope="session")
def folders(tmp_path_factory):
    """(kind, form) -> folder: the older files as they are, and the tokenizer.json that transformers makes of them."""
    made = {}
    for kind, reference in KINDS.items():
        made[kind, "files"] = FILES / kind
        made[kind, "json"] = tmp_path_factory.mktemp(kind)
        reference.from_pretrained(FILES / kind).save_pretrained(made[kind, "json"])
        assert (made[kind, "json"] / "tokenizer.json").exists()
    return made


@pytest.fixture(scope="session")
def references(folders):
    """(kind, form) -> transformers' tokenizer of that folder"""
    return {key: KINDS[key[0]].from_pretrained(folder) for key, folder in folders.items()}


@pytest.mark.parametrize("form", ["files", "json"])
@pytest.mark.parametrize("kind", KINDS)
def test_hostile_texts(kind, form, folders, references, run_tool):
    backend = references[kind, form].backend_tokenizer
    # The older files are the same tokenizer: a third of the texts tells whether they are read right.
    lines = hostile.texts(TEXTS)[::1 if form == "json" else 3]
    assert form != "json" or len(set(lines)) >= 10000
    ours = run_tool(folders[kind, form], lines)
    compare([one["ids"] for one in ours], [one.ids for one in backend.encode_batch_fast(lines)], lines)
    bare = backend.encode_batch_fast(lines, add_special_tokens=False)
    compare([one["bare"] for one in ours], [one.ids for one in bare], lines)


@pytest.mark.parametrize("kind", KINDS)
def test_decoding(kind, folders, references, run_tool):
    reference = references[kind, "json"]
    of_texts = [one.ids for one in reference.backend_tokenizer.encode_batch_fast(hostile.texts(TEXTS)[::3])]
    lines = of_texts + hostile.numbers(2000, len(reference) + 50)
    ours = run_tool(folders[kind, "json"], lines)
    compare([one["text"] for one in ours], [reference.decode(ids, skip_special_tokens=True) for ids in lines], lines)
    compare([one["with_special"] for one in ours], [reference.decode(ids) for ids in lines], lines)


@pytest.mark.parametrize("kind", KINDS)
def test_truncation(kind, folders, references, run_tool):
    lines = hostile.texts(TEXTS)[-200:]
    for most in (2, 3, 9, 77):
        theirs = [references[kind, "json"](line, truncation=True, max_length=most).input_ids for line in lines]
        # What transformers was told, its tokenizer keeps: the next test wants it whole again.
        references[kind, "json"].backend_tokenizer.no_truncation()
        ours = run_tool(folders[kind, "json"], lines, most)
        compare([one["ids"] for one in ours], theirs, lines)


def test_settings_of_bert(tmp_path, run_tool):
    """Cased, with accents kept, without Chinese characters alone, and with transformers' own clean-up."""
    settings = {"do_lower_case": False, "strip_accents": False, "tokenize_chinese_chars": False,
                "clean_up_tokenization_spaces": True}
    reference = BertTokenizer.from_pretrained(FILES / "bert", **settings)
    (tmp_path / "old").mkdir()
    reference.save_pretrained(tmp_path / "new")
    (tmp_path / "old" / "vocab.txt").write_bytes((FILES / "bert" / "vocab.txt").read_bytes())
    (tmp_path / "old" / "tokenizer_config.json").write_text(json.dumps(settings))
    lines = hostile.texts(TEXTS)[-1500:]
    theirs = [one.ids for one in reference.backend_tokenizer.encode_batch_fast(lines)]
    without = run_tool(FILES / "bert", lines)
    assert sum(one["ids"] != ids for one, ids in zip(without, theirs)) > 500, "no setting makes a difference"
    for folder in (tmp_path / "new", tmp_path / "old"):
        compare([one["ids"] for one in run_tool(folder, lines)], theirs, lines)
        compare([one["text"] for one in run_tool(folder, theirs)],
                [reference.decode(ids, skip_special_tokens=True) for ids in theirs], theirs)


def test_added_tokens(tmp_path, run_tool):
    """As BLIP's authors add them: special ones, looked for in the raw text; and ordinary ones, in the normalized."""
    reference = BertTokenizer.from_pretrained(FILES / "bert")
    reference.add_special_tokens({"bos_token": "[DEC]", "additional_special_tokens": ["[ENC]"]})
    reference.add_tokens(["BLIPtoken", "bliptokens"])
    reference.save_pretrained(tmp_path / "t")
    lines = ["[DEC] a cat [ENC]", "a bliptoken BLIPTOKENS bliptokensx", "x[DEC]y[dec]", "BliptoKen\u0301s"]
    ours = run_tool(tmp_path / "t", lines)
    compare([one["ids"] for one in ours], [reference(line).input_ids for line in lines], lines)
    ids = [one["ids"] for one in ours]
    compare([one["text"] for one in run_tool(tmp_path / "t", ids)],
            [reference.decode(one, skip_special_tokens=True) for one in ids], ids)


@pytest.mark.parametrize("kind,path,value", [
    ("clip", ["normalizer"], {"type": "NFKC"}),
    ("clip", ["normalizer", "normalizers", 2, "type"], "Strip"),
    ("clip", ["pre_tokenizer", "pretokenizers", 0, "pattern", "Regex"], r"\w+"),
    ("clip", ["pre_tokenizer", "pretokenizers", 0, "behavior"], "Isolated"),
    ("clip", ["model", "end_of_word_suffix"], "<end>"),
    ("gpt2", ["model", "byte_fallback"], True),
    ("gpt2", ["model", "dropout"], 0.1),
    ("gpt2", ["model", "ignore_merges"], True),
    ("gpt2", ["model", "type"], "Unigram"),
    ("gpt2", ["pre_tokenizer", "use_regex"], False),
    ("gpt2", ["decoder", "type"], "Metaspace"),
    ("gpt2", ["novelty"], 1),
    ("bert", ["model", "continuing_subword_prefix"], "@@"),
    ("bert", ["normalizer", "type"], "Lowercase"),
    ("bert", ["pre_tokenizer", "type"], "Whitespace"),
    ("bert", ["added_tokens", 0, "lstrip"], True),
    ("bert", ["post_processor", "single", 0], {"SpecialToken": {"id": "[NONE]", "type_id": 0}}),
])
def test_what_is_not_implemented_is_refused(kind, path, value, folders, tmp_path):
    whole = json.loads((folders[kind, "json"] / "tokenizer.json").read_text())
    at = whole
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = value
    (tmp_path / "tokenizer.json").write_text(json.dumps(whole))
    (tmp_path / "in").write_text("")
    done = subprocess.run([TOOL, tmp_path, tmp_path / "in", tmp_path / "out"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "tokenizer.json: " in done.stderr
    name = next(step for step in reversed(path) if isinstance(step, str))
    assert name in done.stderr, done.stderr
