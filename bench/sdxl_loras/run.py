#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Seconds and memory to add LoRAs to a denoising network in place, beside those of a copy

Started by scripts/bench. The network `small` of bench/sdxl (SDXL's shape, 2.5 times narrower) with random weights and LoRAs of rank
16 on all of its layers, by each engine of a CPU (sdxl_loras_runner). Nothing but the network is loaded.
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

RANK = 16
_CELLS = [("float32", "packed"), ("float32", "aten"), ("float32", "int8"), ("bfloat16", "aten")]
_ACTIONS = ["load", "add", "switch", "remove", "copy"]
_ROUNDS = {"quick": 1, "default": 5, "long": 15}


def environment() -> dict:
    # On a host without CUDA, PyTorch's own module finds stubs of its libraries there.
    return {**os.environ, "OMP_NUM_THREADS": str(len(os.sched_getaffinity(0))), "HF_HUB_OFFLINE": "1",
            "LD_LIBRARY_PATH": str(programs.deps_folder() / "cuda-stubs")}


def make(folder: Path) -> None:
    python = programs.need(programs.python_path(), "run scripts/setup")
    done = subprocess.run([python, "-B", _HERE.parent / "sdxl" / "peer.py", "make", "small", folder],
                          env=environment(), capture_output=True, text=True)
    if done.returncode != 0:
        raise BenchError(f"the network could not be made:\n{done.stderr[-2000:]}")


def run(build: Path, folder: Path, dtype: str, engine: str) -> dict:
    """action -> (seconds, seconds of all processors, layers, MiB held, MiB grown by)"""
    binary = programs.need(build / "bench" / "sdxl_loras_runner", "build the target `bench`")
    done = subprocess.run([binary, folder, dtype, engine, str(RANK)], env=environment(), capture_output=True, text=True)
    lines = [line.split() for line in done.stdout.splitlines()]
    if done.returncode != 0 or [line[0] for line in lines] != _ACTIONS:
        raise BenchError(f"sdxl_loras_runner failed with exit code {done.returncode}:\n{done.stderr[-2000:]}")
    return {name: (float(seconds), float(cpu), int(layers), int(held) / 1024, int(grew) / 1024)
            for name, seconds, cpu, layers, held, grew in lines}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=Path, required=True, help="CMake build folder")
    parser.add_argument("--json", type=Path, help="write the result here")
    pace = parser.add_mutually_exclusive_group()
    pace.add_argument("--quick", action="store_const", const="quick", dest="pace")
    pace.add_argument("--long", action="store_const", const="long", dest="pace")
    arguments = parser.parse_args()
    rounds = _ROUNDS[arguments.pace or "default"]
    figures = {"rounds": rounds, "rank": RANK}
    rows = []
    try:
        # Weights of half a gigabyte: not in /tmp, which may be memory.
        with tempfile.TemporaryDirectory(dir=programs.deps_folder(), prefix="bench-sdxl-") as folder:
            report.say("making the small network ...")
            make(Path(folder) / "small")
            for dtype, engine in _CELLS:
                cell = f"{dtype}_{engine}"
                report.say(f"{cell} ...")
                made = [run(arguments.build, Path(folder) / "small", dtype, engine) for _ in range(rounds)]
                for action in _ACTIONS:
                    values = [statistics.median(one[action][i] for one in made) for i in range(5)]
                    for name, value in zip(("s", "cpu_s", "layers", "held_mib", "grew_mib"), values):
                        figures[f"{action}_{name}_{cell}"] = value
                    rows.append([cell, action, *(f"{value:.2f}" for value in values[:2]), *(f"{value:.0f}" for value in values[2:])])
    except BenchError as error:
        print(f"bench sdxl_loras: {error}", file=sys.stderr)
        return 1
    outcome = report.result("sdxl_loras", figures, {}, {})
    report.print_heading(outcome)
    report.print_table("LoRAs on all layers", ["cell", "what", "seconds", "CPU seconds", "layers made", "MiB held", "MiB grown by"], rows)
    if arguments.json:
        report.write_json(arguments.json, outcome)
    return 0


if __name__ == "__main__":
    sys.exit(main())
