# SPDX-License-Identifier: Apache-2.0
"""Folders with small tokenizers of SigLIP's and SigLIP2's kinds, as the hub has them: nobody ships the real ones.

They are trained here, on words of many scripts, so that pieces are of one character and of many.
"""

import io
import json
import random
from pathlib import Path

import hostile
import sentencepiece
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import GemmaTokenizer, Siglip2Tokenizer, SiglipTokenizer

# name -> (how the sentencepiece model is trained, what tokenizer_config.json says)
SIGLIP = {
    "plain": ({}, {}),
    "no-prefix": ({"normalization_rule_name": "identity", "add_dummy_prefix": False,
                   "remove_extra_whitespaces": False}, {"do_lower_case": False, "pad_token": "<pad>"}),
    "bytes": ({"byte_fallback": True, "normalization_rule_name": "nfkc", "user_defined_symbols": ["cat", "\u043f"]},
              {"padding_side": "left"}),
    "pairs": ({"model_type": "bpe"}, {}),
}
GEMMA = {"gemma": GemmaTokenizer, "siglip2": Siglip2Tokenizer}


def sentences(count: int, seed: int = 7) -> list[str]:
    """Words in any order, cased and not: those of the hostile texts, and a thousand of a language that nobody speaks."""
    spoken = random.Random(6)
    syllables = ["".join(spoken.choice(part) for part in ("bdfgklmnprstvz", "aeiou", ["", "", "n", "r", "s"])) for _ in range(60)]
    made_up = ["".join(spoken.choice(syllables) for _ in range(spoken.randrange(1, 4))) for _ in range(1000)]
    generator = random.Random(seed)
    words = [*hostile.WORDS, *hostile.CASES, "astronaut", "smiling", "coffee", "\u03bb\u03cc\u03b3\u03bf\u03c2"]
    made = []
    for _ in range(count):
        line = " ".join(generator.choice(words if generator.random() < 0.4 else made_up) for _ in range(generator.randrange(2, 14)))
        made.append(line.lower() if generator.random() < 0.7 else line)
    return made


def write_siglip(variant: str, folder: Path) -> SiglipTokenizer:
    training, settings = SIGLIP[variant]
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(sentences(3000)), model_writer=model, hard_vocab_limit=False, minloglevel=2, num_threads=1,
        **{"vocab_size": 800, "pad_id": 0, "eos_id": 1, "unk_id": 2, "bos_id": -1, "character_coverage": 0.999,
           "normalization_rule_name": "nmt_nfkc", **training})
    (folder / "spiece.model").write_bytes(model.getvalue())
    special = {"lstrip": True, "rstrip": True, "normalized": False, "single_word": False, "special": True}
    (folder / "tokenizer_config.json").write_text(json.dumps({
        "added_tokens_decoder": {"1": {"content": "</s>", **special}, "2": {"content": "<unk>", **special}},
        "additional_special_tokens": [], "clean_up_tokenization_spaces": False, "do_lower_case": True, "eos_token": "</s>",
        "model_input_names": ["input_ids"], "model_max_length": 64, "pad_token": "</s>", "sp_model_kwargs": {},
        "tokenizer_class": "SiglipTokenizer", "unk_token": "<unk>", **settings}))
    return SiglipTokenizer.from_pretrained(folder)


def write_gemma(kind: str, folder: Path, **settings):
    special = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>"]
    trained = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    trained.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never", split=True)
    trained.train_from_iterator(sentences(3000), trainers.BpeTrainer(
        vocab_size=900, show_progress=False, special_tokens=[*special, *(f"<0x{byte:02X}>" for byte in range(256))]))
    model = json.loads(trained.to_str())["model"]
    made = GEMMA[kind](vocab=model["vocab"], merges=[tuple(merge) for merge in model["merges"]], **settings)
    made.save_pretrained(folder)
    return GEMMA[kind].from_pretrained(folder)
