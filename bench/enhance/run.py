#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Time and memory of the enhance plugin beside the same networks in PyTorch eager

Started by scripts/bench. Each cell is a model and the edge of a square input: `fast` is realesr-animevideov3-x4,
`x4plus` is realesrgan-x4plus. The plugin's own file runs in a program of a few lines (enhance_runner), with its default
tiles; the peers run each picture whole, in PyTorch's default memory layout (`pytorch`) and with channels last
(`pytorch_channels_last`). All have as many threads as the machine has cores, and all start from and end in 8 bits.

Every cell gets its own processes, so that peak memory is that cell's; within a round the plugin and its peers take
turns. Where there are peers, the first run of each process is not counted.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

_HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(_HERE.parent))

from common import programs, report  # noqa: E402
from common.programs import BenchError  # noqa: E402

_MODELS = {"fast": "realesr-animevideov3-x4", "x4plus": "realesrgan-x4plus"}
# The last two are for memory alone: the tiler cuts them into 2 x 2 and 4 x 4 windows of nearly the same size.
_CELLS = [("fast", 128), ("fast", 256), ("fast", 512), ("x4plus", 128), ("fast", 640),
          ("fast", 1280)]
_ALONE = {("fast", 640), ("fast", 1280)}
_PEERS = {"pytorch": "default", "pytorch_channels_last": "channels_last"}
_ROUNDS = {"quick": 1, "default": 5, "long": 15}
OURS = "darkroom"


class Runner:
    """A process that runs one model; see enhance_runner."""

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

    def run(self, edge: int) -> tuple[float, float]:
        """Seconds per megapixel of output, and peak memory in MiB so far."""
        self._process.stdin.write(f"{edge} {edge}\n")
        self._process.stdin.flush()
        seconds, pixels, kib = map(float, self._expect().split())
        return seconds / (pixels / 1e6), kib / 1024

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait()


def start(build: Path, models: Path, model: str, edge: int) -> dict[str, Runner]:
    weights = programs.need(models / f"{_MODELS[model]}.safetensors", "run scripts/setup")
    threads = {"OMP_NUM_THREADS": str(len(os.sched_getaffinity(0)))}
    binary = programs.need(build / "bench" / "enhance_runner", "build the target `bench`")
    plugin = programs.need(build / "plugins" / "enhance.so", "build the target `bench`")
    config = json.dumps({"name": model, "weights": str(weights), "options": {}})
    runners = {OURS: Runner(OURS, [binary, plugin, config], threads)}
    if (model, edge) not in _ALONE:
        python = programs.need(programs.python_path(), "run scripts/setup")
        # On a host without CUDA, PyTorch's own module finds stubs of its libraries there.
        stubs = {"LD_LIBRARY_PATH": str(programs.deps_folder() / "cuda-stubs")}
        for name, layout in _PEERS.items():
            command = [python, "-B", _HERE / "peer.py", weights, layout]
            runners[name] = Runner(name, command, {**threads, **stubs})
    return runners


def measure(runners: dict[str, Runner], edge: int, rounds: int) -> dict[str, dict]:
    """name -> {"times": a round each, "peak": MiB}"""
    outcome = {name: {"times": [], "peak": 0.0} for name in runners}
    names = list(runners)
    for runner in runners.values():
        if len(runners) > 1:
            runner.run(edge)
    for number in range(rounds):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            seconds, peak = runners[name].run(edge)
            outcome[name]["times"].append(seconds)
            outcome[name]["peak"] = peak
    return outcome


def result_of(measured: dict[str, dict[str, dict]], rounds: int) -> dict:
    figures, ratios = {"rounds": rounds}, {}
    peers = {name: {} for name in _PEERS}
    for cell, outcome in measured.items():
        for name, values in outcome.items():
            target = figures if name == OURS else peers[name]
            target[f"s_per_mpx_{cell}"] = statistics.median(values["times"])
            target[f"peak_rss_mib_{cell}"] = values["peak"]
        for name in _PEERS.keys() & outcome.keys():
            pairs = zip(outcome[OURS]["times"], outcome[name]["times"])
            ratios[f"time_vs_{name}_{cell}"] = statistics.median(a / b for a, b in pairs)
            ratios[f"peak_rss_vs_{name}_{cell}"] = outcome[OURS]["peak"] / outcome[name]["peak"]
    for name in _PEERS:
        ratios[f"time_vs_{name}"] = max(
            value for key, value in ratios.items()
            if key.startswith(f"time_vs_{name}_") and key[len(f"time_vs_{name}_"):] in measured)
    # Four times the pixels, both in tiles, without the pictures themselves (3 bytes a pixel, the output 16 times larger).
    small, large = (figures[f"peak_rss_mib_fast_{edge}"] - 17 * 3 * edge**2 / 2**20
                    for edge in (640, 1280))
    ratios["working_rss_1280_vs_640"] = large / small
    return report.result("enhance", figures, peers, ratios)


def print_result(outcome: dict) -> None:
    report.print_heading(outcome)
    figures, peers, ratios = outcome["figures"], outcome["peers"], outcome["ratios"]
    for metric, title in (("s_per_mpx", "Seconds per megapixel of output"),
                          ("peak_rss_mib", "Peak memory of the process, MiB")):
        rows = []
        for model, edge in _CELLS:
            key = f"{metric}_{model}_{edge}"
            cells = [figures.get(key)] + [peers[name].get(key) for name in _PEERS]
            digits = 3 if metric == "s_per_mpx" else 0
            rows.append([f"{model} {edge}x{edge}"] +
                        ["-" if value is None else f"{value:.{digits}f}" for value in cells])
        report.print_table(title, ["input", OURS, *_PEERS], rows)
    rows = [[key, f"{value:.2f}"] for key, value in sorted(ratios.items())]
    report.print_table("Ratios (time: the median of each round's; without a cell: the worst cell)",
                       ["", ""], rows)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=Path, required=True, help="CMake build folder")
    parser.add_argument("--json", type=Path, help="write the result here")
    pace = parser.add_mutually_exclusive_group()
    pace.add_argument("--quick", action="store_const", const="quick", dest="pace")
    pace.add_argument("--long", action="store_const", const="long", dest="pace")
    arguments = parser.parse_args()
    rounds = _ROUNDS[arguments.pace or "default"]
    models = Path(os.environ.get("DARKROOM_MODELS") or programs.deps_folder() / "models")

    measured = {}
    try:
        for model, edge in _CELLS:
            print(f"{model} {edge}x{edge} ...", file=sys.stderr)
            runners = start(arguments.build, models, model, edge)
            try:
                alone = (model, edge) in _ALONE
                measured[f"{model}_{edge}"] = measure(runners, edge, 1 if alone else rounds)
            finally:
                for runner in runners.values():
                    runner.close()
    except BenchError as error:
        print(f"bench enhance: {error}", file=sys.stderr)
        return 1
    outcome = result_of(measured, rounds)
    print_result(outcome)
    if arguments.json:
        report.write_json(arguments.json, outcome)
    return 0


if __name__ == "__main__":
    sys.exit(main())
