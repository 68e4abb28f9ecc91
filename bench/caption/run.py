#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tokens a second of the caption plugin beside the same network in transformers eager

Started by scripts/bench. BLIP-base and BLIP-large with random weights, made for the run: what is in them does not matter to
the time. Each cell is a size, how many pictures are described together, and how many beams. The plugin's captioner runs in
a program of a few lines (caption_runner), the peer in Python (`transformers`), eager, float32, with its cache of keys and
values. Both have as many threads as the machine has cores.

Each cell gets its own processes, so that peak memory is that cell's; within a round the two take turns. The first run of
each process is not counted. A text of one token is timed beside one of many, so that reading the picture and writing are
told apart.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

_HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(_HERE.parent))

from common import programs, report  # noqa: E402
from common.programs import BenchError  # noqa: E402

# size, pictures, beams
_CELLS = [("base", 1, 1), ("base", 1, 4), ("base", 8, 1), ("large", 1, 1)]
_TOKENS = {"quick": 12, "default": 33, "long": 65}
_ROUNDS = {"quick": 1, "default": 5, "long": 15}
OURS, PEER = "darkroom", "transformers"


def name_of(cell: tuple) -> str:
    size, pictures, beams = cell
    return f"{size}_b{pictures}" + (f"_beams{beams}" if beams > 1 else "")


class Runner:
    """A process that runs one model; see caption_runner."""

    def __init__(self, name: str, command: list, environment: dict):
        self._name = name
        self._process = subprocess.Popen(
            [str(part) for part in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True, env={**os.environ, **environment})
        self._expect("ready")

    def _expect(self, word: str = "") -> str:
        line = self._process.stdout.readline().strip()
        if not line or (word and line != word):
            self._process.wait()
            raise BenchError(f"{self._name} failed with exit code {self._process.returncode}")
        return line

    def run(self, pictures: int, beams: int, tokens: int) -> tuple[float, float]:
        """Seconds, and peak memory in MiB so far."""
        self._process.stdin.write(f"{pictures} {beams} {tokens}\n")
        self._process.stdin.flush()
        seconds, written, kib = map(float, self._expect().split())
        if written != tokens * pictures:
            raise BenchError(f"{self._name} wrote {written:.0f} tokens instead of {tokens * pictures}")
        return seconds, kib / 1024

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait()


def environment() -> dict:
    # On a host without CUDA, PyTorch's own module finds stubs of its libraries there.
    deps = programs.deps_folder()
    return {"OMP_NUM_THREADS": str(len(os.sched_getaffinity(0))), "HF_HUB_OFFLINE": "1",
            "DARKROOM_TOKENIZERS": os.environ.get("DARKROOM_TOKENIZERS") or str(deps / "tokenizers"),
            "LD_LIBRARY_PATH": str(deps / "cuda-stubs")}


def make(size: str, folder: Path) -> None:
    python = programs.need(programs.python_path(), "run scripts/setup")
    done = subprocess.run([python, "-B", _HERE / "peer.py", "make", size, folder],
                          env={**os.environ, **environment()}, capture_output=True, text=True)
    if done.returncode != 0:
        raise BenchError(f"BLIP-{size} could not be made:\n{done.stderr[-2000:]}")


def start(build: Path, folder: Path) -> dict[str, Runner]:
    binary = programs.need(build / "bench" / "caption_runner", "build the target `bench`")
    python = programs.need(programs.python_path(), "run scripts/setup")
    threads = {"OMP_NUM_THREADS": environment()["OMP_NUM_THREADS"]}
    return {OURS: Runner(OURS, [binary, folder], threads),
            PEER: Runner(PEER, [python, "-B", _HERE / "peer.py", "run", folder], environment())}


def measure(runners: dict[str, Runner], cell: tuple, tokens: int, rounds: int) -> dict[str, dict]:
    """name -> {"caption_s", "picture_s", "tokens_per_s": a round each, "peak": MiB}"""
    _, pictures, beams = cell
    outcome = {name: {"caption_s": [], "picture_s": [], "tokens_per_s": [], "peak": 0.0} for name in runners}
    names = list(runners)
    for runner in runners.values():
        runner.run(pictures, beams, 2)
    for number in range(rounds):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            values = outcome[name]
            one, _ = runners[name].run(pictures, beams, 1)
            all_of_them, values["peak"] = runners[name].run(pictures, beams, tokens)
            values["caption_s"].append(all_of_them / pictures)
            values["picture_s"].append(one / pictures)
            values["tokens_per_s"].append((tokens - 1) * pictures / (all_of_them - one))
    return outcome


def result_of(measured: dict[str, dict[str, dict]], rounds: int, tokens: int) -> dict:
    figures, peer, ratios = {"rounds": rounds, "tokens": tokens}, {}, {}
    for cell, outcome in measured.items():
        for target, values in ((figures, outcome[OURS]), (peer, outcome[PEER])):
            for metric in ("tokens_per_s", "caption_s", "picture_s"):
                target[f"{metric}_{cell}"] = statistics.median(values[metric])
            target[f"peak_rss_mib_{cell}"] = values["peak"]
        ours, theirs = outcome[OURS], outcome[PEER]
        for metric, key in (("tokens_per_s", "tokens"), ("caption_s", "time"), ("picture_s", "picture_time")):
            ratios[f"{key}_vs_{PEER}_{cell}"] = statistics.median(
                a / b for a, b in zip(ours[metric], theirs[metric]))
        ratios[f"peak_rss_vs_{PEER}_{cell}"] = ours["peak"] / theirs["peak"]
    ratios[f"tokens_vs_{PEER}"] = min(ratios[f"tokens_vs_{PEER}_{cell}"] for cell in measured)
    return report.result("caption", figures, {PEER: peer}, ratios)


def print_result(outcome: dict) -> None:
    report.print_heading(outcome)
    figures, peer, ratios = outcome["figures"], outcome["peers"][PEER], outcome["ratios"]
    for metric, title, digits in (("tokens_per_s", "Tokens a second, of all texts together", 1),
                                  ("caption_s", f"Seconds a caption of {figures['tokens']} tokens", 2),
                                  ("picture_s", "Seconds to the first token, a picture", 2),
                                  ("peak_rss_mib", "Peak memory of the process, MiB", 0)):
        rows = [[name_of(cell), f"{figures[f'{metric}_{name_of(cell)}']:.{digits}f}",
                 f"{peer[f'{metric}_{name_of(cell)}']:.{digits}f}"] for cell in _CELLS]
        report.print_table(title, ["cell", OURS, PEER], rows)
    rows = [[key, f"{value:.2f}"] for key, value in sorted(ratios.items())]
    report.print_table("Ratios (the median of each round's; without a cell: the worst cell)", ["", ""], rows)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=Path, required=True, help="CMake build folder")
    parser.add_argument("--json", type=Path, help="write the result here")
    pace = parser.add_mutually_exclusive_group()
    pace.add_argument("--quick", action="store_const", const="quick", dest="pace")
    pace.add_argument("--long", action="store_const", const="long", dest="pace")
    arguments = parser.parse_args()
    rounds, tokens = (table[arguments.pace or "default"] for table in (_ROUNDS, _TOKENS))

    measured = {}
    try:
        # Weights of two gigabytes: not in /tmp, which may be memory.
        with tempfile.TemporaryDirectory(dir=programs.deps_folder(), prefix="bench-caption-") as folder:
            made = set()
            for cell in _CELLS:
                weights = Path(folder) / cell[0]
                if cell[0] not in made:
                    report.say(f"making BLIP-{cell[0]} ...")
                    make(cell[0], weights)
                    made.add(cell[0])
                report.say(f"{name_of(cell)} ...")
                runners = start(arguments.build, weights)
                try:
                    measured[name_of(cell)] = measure(runners, cell, tokens, rounds)
                finally:
                    for runner in runners.values():
                        runner.close()
    except BenchError as error:
        print(f"bench caption: {error}", file=sys.stderr)
        return 1
    outcome = result_of(measured, rounds, tokens)
    print_result(outcome)
    if arguments.json:
        report.write_json(arguments.json, outcome)
    return 0


if __name__ == "__main__":
    sys.exit(main())
