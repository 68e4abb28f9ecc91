# SPDX-License-Identifier: Apache-2.0
"""Texts that tokenizers get wrong: made from a seed, the same on each run, of every script that Unicode has."""

import random
import sys
import unicodedata

SPACES = [" ", "  ", "\t", "\n", "\r\n", "\v", "\f", "\x1c", "\x85", "\xa0", "\u1680", "\u2003", "\u2028", "\u2029", "\u202f",
          "\u205f", "\u3000", "\u200b", "\ufeff", "   \n  "]
CONTROLS = [chr(c) for c in [*range(0, 32), *range(0x7F, 0xA0)]] + ["\xad", "\u200d", "\u200e", "\u202e", "\u2066", "\ufffd",
                                                                  "\uffff", "\U000e0001", "\U0010ffff", "\ue000"]
CONTRACTIONS = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d", "'S", "'LL", "'", "''", "\u2019s", "n't", " 've", " do not"]
SPECIAL = ["<|startoftext|>", "<|endoftext|>", "<|STARTOFTEXT|>", "<|EndOfText|>", "<|endoftext|", "|>", "[CLS]", "[SEP]", "[UNK]",
           "[MASK]", "[PAD]", "[cls]", "[DEC]", "[ENC]", "[unused0]", "##ing", "</w>", "\u0120", "\u2581"]
EMOJI = ["\U0001f600", "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\U0001f1e9\U0001f1ea", "\U0001f44d\U0001f3fd", "\u2764\ufe0f",
         "1\ufe0f\u20e3", "\U0001fae8"]
MARKS = ["\u0301", "\u0323", "\u0307", "\u0327", "\u0345", "\u20dd", "\u0591", "\u064b", "\u093c", "\u1abf", "\U0001e130", "\u3099"]
CASES = ["\u0130", "\u0131", "\u1e9e", "\xdf", "\ufb01", "\u01c5", "\u03a3\u03a3", "\u212a", "\u212b", "\U00010400", "\ua7cb", "\u1c89",
         "\xc5", "A\u030a", "\u1ea5", "\uac00", "\u1112\u1161\u11ab", "\u0958", "\u2126", "\ufa10", "\U0002f800", "\u0f73", "\u0344"]
WORDS = ["a", "photo", "of", "the", "cat", "Sitting", "ON", "table", "running", "unbelievable", "caf\xe9", "na\xefve",
         "Stra\xdfe", "\u043f\u0440\u0438\u0432\u0435\u0442", "\u0395\u03bb\u03bb\u03ac\u03b4\u03b1", "\u05e9\u05dc\u05d5\u05dd", "\u0645\u0631\u062d\u0628\u0627", "\u0928\u092e\u0938\u094d\u0924\u0947",
         "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35", "\u4f60\u597d\u4e16\u754c", "\u3053\u3093\u306b\u3061\u306f", "\uc548\ub155\ud558\uc138\uc694", "\u12a0\u121b\u122d\u129b", "1234567", "3.14", "1,000",
         "\u0663\u0664", "\u216b", "\xbd", "x\xb2", "http://a.b/c?d=e&f#g", "foo_bar", "C++", "...", "!!!", "--", "$9.99", "\u20ac5",
         "\u201cquoted\u201d", "\u2014", "\u3002", "\xbf"]
LONG = ["a" * 101, "a" * 100, "x" * 3000, "ab" * 900, "\xe9" * 400, "!" * 700, "9" * 500, " " * 300 + "end", "\u4e00" * 150,
        "\u0301" * 200, "antidisestablishmentarianism" * 12, "e\u0323\u0301" * 90, "\U0001f600" * 80, "\x00" * 50]


def code_point(generator: random.Random) -> str:
    """Any character, from the small planes more often, never a surrogate."""
    while True:
        limit = generator.choice([0x80, 0x800, 0x3000, 0x10000, 0x10000, 0x20000, sys.maxunicode + 1])
        c = generator.randrange(limit)
        if not 0xD800 <= c <= 0xDFFF:
            return chr(c)


def assigned() -> list[str]:
    """Every 23rd assigned character, and all that are neither letters nor symbols of CJK and Hangul."""
    known = [chr(c) for c in range(sys.maxunicode + 1) if unicodedata.category(chr(c)) not in ("Cn", "Cs", "Co")]
    return [c for at, c in enumerate(known)
            if at % 23 == 0 or unicodedata.category(c)[0] in "MZPNC" or unicodedata.category(c) in ("Lu", "Lt", "Lm")]


def texts(count: int, seed: int = 1) -> list[str]:
    """At least `count` different texts."""
    generator = random.Random(seed)
    pools = [SPACES, CONTROLS, CONTRACTIONS, SPECIAL, EMOJI, MARKS, CASES, WORDS, WORDS, WORDS]
    made = dict.fromkeys(["", *LONG, *(item for pool in pools for item in pool)])
    characters = assigned()
    # Single characters between letters, a few to a text, so that each is seen in company.
    for at in range(0, len(characters), 4):
        made["a".join(["", *characters[at:at + 4], "B"])] = None
    while len(made) < count:
        kind = generator.randrange(4)
        if kind == 0:
            text = "".join(code_point(generator) for _ in range(generator.randrange(1, 24)))
        elif kind == 1:
            text = " ".join(generator.choice(WORDS) for _ in range(generator.randrange(1, 30)))
        else:
            text = "".join(generator.choice(generator.choice(pools)) for _ in range(generator.randrange(1, 16)))
        made[text] = None
    return list(made)


def numbers(count: int, most: int, seed: int = 2) -> list[list[int]]:
    """Lists of token numbers that no text would give, some of them of no token."""
    generator = random.Random(seed)
    return [[generator.randrange(most) for _ in range(generator.randrange(0, 12))] for _ in range(count)]
