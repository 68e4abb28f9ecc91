# SPDX-License-Identifier: Apache-2.0
"""How a run is asked for, and how it says what came of it: a table, and the same as JSON."""

import argparse
import json
import random
import sys

from verify import NONE_ALLOWED, Verdict

_SHOWN = 20  # lines of problems, and of notes


def say(text: str):
    """One line of progress."""
    print(f"torture: {text}", file=sys.stderr, flush=True)


def arguments(description: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--jobs", type=int)
    parser.add_argument("--kills", type=int)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--patience", type=float, default=90, help="seconds without any progress")
    parser.add_argument("--keep", action="store_true")
    return parser.parse_args()


def finish(verdict: Verdict, facts: dict, file: str | None) -> int:
    """Shows it all, and returns the exit code."""
    for key, count in verdict.counts.items():
        mark = "  <-- must be 0" if key in NONE_ALLOWED and count else ""
        print(f"{key.replace('_', ' '):<20}{count:>8}{mark}")
    for key, fact in facts.items():
        if isinstance(fact, dict):
            print(f"{key.replace('_', ' '):<20}{sum(fact.values()):>8}  {_parts(fact)}")
        else:
            print(f"{key.replace('_', ' '):<20}{fact:>8}")
    for lines in (verdict.problems, verdict.notes):
        for line in lines[:_SHOWN]:
            print(f"  {line}")
        if (more := len(lines) - _SHOWN) > 0:
            print(f"  and {more} more")
    if file:
        with open(file, "w") as out:
            json.dump({**verdict.counts, **facts, "problems": verdict.problems, "notes": verdict.notes}, out, indent=2)
            out.write("\n")
    return 0 if verdict.good else 1


def _parts(counts: dict[str, int]) -> str:
    if len(counts) > 6:
        return f"at {len(counts)} places"
    return ", ".join(f"{count} {name}" for name, count in counts.items())
