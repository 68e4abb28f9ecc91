# SPDX-License-Identifier: Apache-2.0
"""Our tokenizers beside the reference's.

DARKROOM_TOKENIZER_TOOL names the program that runs ours.
"""

import os

TOOL = os.environ["DARKROOM_TOKENIZER_TOOL"]


def compare(ours, theirs, lines):
    assert len(ours) == len(theirs) == len(lines)
    wrong = [(line, a, b) for line, a, b in zip(lines, ours, theirs) if a != b]
    assert not wrong, f"{len(wrong)} of {len(lines)} differ, the first: " + "; ".join(
        f"{line!r:.200}: {a!r:.200} instead of {b!r:.200}" for line, a, b in wrong[:3])
