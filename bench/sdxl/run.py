#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Seconds of Stable Diffusion XL's networks beside the same in diffusers eager

Started by scripts/bench. Networks of SDXL's shape with random weights, made for the run, of sizes that a CPU can work at: what
is in them does not matter to the time. Each cell is a network, a size, and the rows and the edge of its latents. Ours runs in a
program of a few lines (sdxl_runner), the peer in Python (`diffusers`), eager, float32. Both have as many threads as the
machine has cores. With --compile the denoising network is there twice more: as `darkroom models compile` makes it and the plugin
runs it (`darkroom_compiled`), and in diffusers under torch.compile (`torch_compile`).

Each cell gets its own processes, so that peak memory is that cell's; within a round the two take turns. The first pass of each
process is not counted.
"""

import argparse
import json
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

# size, network, rows, edge of latents
_CELLS = [("tiny", "unet", 2, 16), ("small", "unet", 2, 32), ("small", "unet", 1, 64), ("tiny", "vae", 1, 16),
          ("small", "vae", 1, 32)]
_ROUNDS = {"quick": 1, "default": 7, "long": 21}
OURS, PEER = "darkroom", "diffusers"
OURS_COMPILED, PEER_COMPILED = "darkroom_compiled", "torch_compile"
_PIXELS = {"tiny": 2, "small": 8}  # an edge, of one of the latents


def name_of(cell: tuple) -> str:
    size, network, rows, edge = cell
    return f"{network}_{size}_b{rows}_{edge}"


class Runner:
    """A process that runs one network; see sdxl_runner."""

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

    def run(self, rows: int, edge: int) -> tuple[float, float, float]:
        """Seconds of a pass and of what was prepared for it, and peak memory in MiB so far."""
        self._process.stdin.write(f"{rows} {edge}\n")
        self._process.stdin.flush()
        seconds, prepared, kib = map(float, self._expect().split())
        return seconds, prepared, kib / 1024

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait()


def environment() -> dict:
    # On a host without CUDA, PyTorch's own module finds stubs of its libraries there.
    return {"OMP_NUM_THREADS": str(len(os.sched_getaffinity(0))), "HF_HUB_OFFLINE": "1",
            "LD_LIBRARY_PATH": str(programs.deps_folder() / "cuda-stubs")}


def make(size: str, folder: Path) -> None:
    python = programs.need(programs.python_path(), "run scripts/setup")
    done = subprocess.run([python, "-B", _HERE / "peer.py", "make", size, folder],
                          env={**os.environ, **environment()}, capture_output=True, text=True)
    if done.returncode != 0:
        raise BenchError(f"the {size} networks could not be made:\n{done.stderr[-2000:]}")


def compile_for(build: Path, weights: Path, cell: tuple, package: Path) -> str:
    """Makes the package of a cell's size, and returns its digest."""
    size, _, rows, edge = cell
    darkroom = programs.need(build / "bin" / "darkroom", "build the target `darkroom`")
    python = programs.need(programs.python_path(), "run scripts/setup")
    done = subprocess.run(
        [darkroom, "models", "compile", weights, "--edge", str(edge * _PIXELS[size]), "--rows", str(rows), "--output", package,
         "--python", python, "--json"], env={**os.environ, **environment()}, capture_output=True, text=True)
    if done.returncode != 0:
        raise BenchError(f"the {size} network could not be compiled:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout)["sha256"]


def start(build: Path, folder: Path, cell: tuple, compiles: bool) -> dict[str, Runner]:
    network = cell[1]
    binary = programs.need(build / "bench" / "sdxl_runner", "build the target `bench`")
    python = programs.need(programs.python_path(), "run scripts/setup")
    threads = {"OMP_NUM_THREADS": environment()["OMP_NUM_THREADS"]}
    peer = [python, "-B", _HERE / "peer.py", "run", folder, network]
    runners = {OURS: Runner(OURS, [binary, folder, network], threads), PEER: Runner(PEER, peer, environment())}
    if compiles and network == "unet":
        package = folder / f"{name_of(cell)}.pt2"
        digest = compile_for(build, folder, cell, package)
        # As workers have it: a package then looks at what it is given.
        looks = {"AOTI_RUNTIME_CHECK_INPUTS": "1"}
        runners[OURS_COMPILED] = Runner(OURS_COMPILED, [binary, folder, network, "float32", package, digest], {**threads, **looks})
        caches = {"TORCHINDUCTOR_CACHE_DIR": str(folder / "cache")}
        runners[PEER_COMPILED] = Runner(PEER_COMPILED, [*peer, "compiled"], {**environment(), **caches})
    return runners


def measure(runners: dict[str, Runner], cell: tuple, rounds: int) -> dict[str, dict]:
    """name -> {"pass_s", "prepare_s": a round each, "peak": MiB}"""
    _, _, rows, edge = cell
    outcome = {name: {"pass_s": [], "prepare_s": [], "peak": 0.0} for name in runners}
    names = list(runners)
    for runner in runners.values():
        runner.run(rows, edge)
    for number in range(rounds):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            values = outcome[name]
            seconds, prepared, values["peak"] = runners[name].run(rows, edge)
            values["pass_s"].append(seconds)
            values["prepare_s"].append(prepared)
    return outcome


def result_of(measured: dict[str, dict[str, dict]], rounds: int) -> dict:
    figures, peers, ratios = {"rounds": rounds}, {}, {}

    def compare(ours: str, peer: str, name: str, cell: str, outcome: dict) -> None:
        if ours in outcome and peer in outcome:
            ratios[f"speed_{name}_{cell}"] = statistics.median(
                b / a for a, b in zip(outcome[ours]["pass_s"], outcome[peer]["pass_s"]))

    for cell, outcome in measured.items():
        for name, values in outcome.items():
            target = figures if name == OURS else peers.setdefault(name, {})
            target[f"pass_s_{cell}"] = statistics.median(values["pass_s"])
            target[f"peak_rss_mib_{cell}"] = values["peak"]
        figures[f"prepare_s_{cell}"] = statistics.median(outcome[OURS]["prepare_s"])
        compare(OURS, PEER, f"vs_{PEER}", cell, outcome)
        ratios[f"peak_rss_vs_{PEER}_{cell}"] = outcome[OURS]["peak"] / outcome[PEER]["peak"]
        compare(OURS, PEER_COMPILED, f"vs_{PEER_COMPILED}", cell, outcome)
        compare(OURS_COMPILED, OURS, f"of_compiled_vs_{OURS}", cell, outcome)
        compare(OURS_COMPILED, PEER_COMPILED, f"of_compiled_vs_{PEER_COMPILED}", cell, outcome)
    ratios[f"speed_vs_{PEER}"] = min(ratios[f"speed_vs_{PEER}_{cell}"] for cell in measured)
    return report.result("sdxl", figures, peers, ratios)


def print_result(outcome: dict) -> None:
    report.print_heading(outcome)
    figures, sides = outcome["figures"], {OURS: outcome["figures"], **outcome["peers"]}
    for metric, title, digits in (("pass_s", "Seconds a pass", 4), ("peak_rss_mib", "Peak memory of the process, MiB", 0)):
        rows = [[name, *(f"{side[f'{metric}_{name}']:.{digits}f}" if f"{metric}_{name}" in side else "-" for side in sides.values())]
                for name in map(name_of, _CELLS)]
        report.print_table(title, ["cell", *sides], rows)
    rows = [[name_of(cell), f"{figures[f'prepare_s_{name_of(cell)}']:.4f}"] for cell in _CELLS if cell[1] == "unet"]
    report.print_table("Seconds once for a prompt", ["cell", OURS], rows)
    report.print_ratios("Ratios (the median of each round's; without a cell: the worst cell)", outcome)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=Path, required=True, help="CMake build folder")
    parser.add_argument("--json", type=Path, help="write the result here")
    parser.add_argument("--compile", action="store_true", help="also with compiled denoising networks")
    pace = parser.add_mutually_exclusive_group()
    pace.add_argument("--quick", action="store_const", const="quick", dest="pace")
    pace.add_argument("--long", action="store_const", const="long", dest="pace")
    arguments = parser.parse_args()
    rounds = _ROUNDS[arguments.pace or "default"]

    measured = {}
    try:
        # Weights of half a gigabyte: not in /tmp, which may be memory.
        with tempfile.TemporaryDirectory(dir=programs.deps_folder(), prefix="bench-sdxl-") as folder:
            made = set()
            for cell in _CELLS:
                weights = Path(folder) / cell[0]
                if cell[0] not in made:
                    report.say(f"making the {cell[0]} networks ...")
                    make(cell[0], weights)
                    made.add(cell[0])
                report.say(f"{name_of(cell)} ...")
                runners = start(arguments.build, weights, cell, arguments.compile)
                try:
                    measured[name_of(cell)] = measure(runners, cell, rounds)
                finally:
                    for runner in runners.values():
                        runner.close()
    except BenchError as error:
        print(f"bench sdxl: {error}", file=sys.stderr)
        return 1
    outcome = result_of(measured, rounds)
    print_result(outcome)
    if arguments.json:
        report.write_json(arguments.json, outcome)
    return 0


if __name__ == "__main__":
    sys.exit(main())
