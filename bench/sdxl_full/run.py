#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Stable Diffusion XL's networks at their full size on a CPU, in bfloat16 and float32

Started by scripts/bench. 2.6 billion random numbers are streamed to files of 5 GB (weights.py), which sdxl_runner maps; then steps
are made of pictures with guidance, and latents decoded, each cell in a process of its own. It fails if one takes more than 16 GiB,
or if there are not 18 GiB of memory to begin with.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

_HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(_HERE.parent))

from common import programs, report  # noqa: E402
from common.programs import BenchError  # noqa: E402

# Network, dtype, edge of the picture in pixels, passes. Two rows: a picture with guidance.
_CELLS = [("unet", "bfloat16", 512, 2), ("unet", "bfloat16", 1024, 1), ("unet", "float32", 512, 2), ("vae", "float32", 512, 1),
          ("vae", "float32", 1024, 1)]
_MOST_MIB = 16 << 10
_NEEDED_MIB = 18 << 10


def available_mib() -> float:
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) / 1024
    return 0.0


def make(folder: Path) -> tuple[int, float]:
    """How many numbers the network has, and the seconds it took to write them."""
    python = programs.need(programs.python_path(), "run scripts/setup")
    # On a host without CUDA, PyTorch's own module finds stubs of its libraries there.
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "LD_LIBRARY_PATH": str(programs.deps_folder() / "cuda-stubs")}
    begin = time.perf_counter()
    done = subprocess.run([python, "-B", _HERE / "weights.py", folder], env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        raise BenchError(f"the weights could not be written:\n{done.stderr[-2000:]}")
    return int(done.stdout), time.perf_counter() - begin


def name_of(cell: tuple) -> str:
    return "_".join(map(str, cell[:3]))


def run(build: Path, folder: Path, cell: tuple) -> dict:
    """The last of its passes; the first one reads the file."""
    network, dtype, pixels, passes = cell
    binary = programs.need(build / "bench" / "sdxl_runner", "build the target `bench`")
    threads = {"OMP_NUM_THREADS": str(len(os.sched_getaffinity(0)))}
    begin = time.perf_counter()
    with subprocess.Popen([binary, folder, network, dtype], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                          env={**os.environ, **threads}) as process:
        if process.stdout.readline().strip() != "ready":
            raise BenchError(f"sdxl_runner failed with exit code {process.wait()}")
        loaded = time.perf_counter() - begin
        for _ in range(passes):
            process.stdin.write(f"{2 if network == 'unet' else 1} {pixels // 8}\n")
            process.stdin.flush()
            line = process.stdout.readline()
            if not line:
                raise BenchError(f"sdxl_runner failed with exit code {process.wait()}")
            seconds, prepared, kib = map(float, line.split())
        process.stdin.close()
    name = name_of(cell)
    return {f"load_s_{name}": loaded, f"pass_s_{name}": seconds, f"prepare_s_{name}": prepared, f"peak_rss_mib_{name}": kib / 1024}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=Path, required=True, help="CMake build folder")
    parser.add_argument("--json", type=Path, help="write the result here")
    for pace in ("--quick", "--long"):
        parser.add_argument(pace, action="store_true", help="changes nothing: there is one length")
    arguments = parser.parse_args()
    try:
        if available_mib() < _NEEDED_MIB:
            raise BenchError(f"{available_mib():.0f} MiB of memory are available, it takes {_NEEDED_MIB}")
        with tempfile.TemporaryDirectory(dir=programs.deps_folder(), prefix="bench-sdxl-") as folder:
            report.say("writing the weights ...")
            count, seconds = make(Path(folder) / "model")
            figures = {"parameters": count, "write_s": seconds}
            for cell in _CELLS:
                report.say(f"{name_of(cell)} ...")
                figures.update(run(arguments.build, Path(folder) / "model", cell))
    except BenchError as error:
        print(f"bench sdxl_full: {error}", file=sys.stderr)
        return 1
    outcome = report.result("sdxl_full", figures, {}, {})
    report.print_heading(outcome)
    rows = [[name_of(cell), *(f"{figures[f'{figure}_{name_of(cell)}']:.1f}" for figure in (
        "load_s", "prepare_s", "pass_s", "peak_rss_mib"))] for cell in _CELLS]
    report.print_table("A step, or a decoding", ["cell", "load s", "for a prompt, s", "pass s", "peak MiB"], rows)
    if arguments.json:
        report.write_json(arguments.json, outcome)
    most = max(figures[f"peak_rss_mib_{name_of(cell)}"] for cell in _CELLS)
    if most > _MOST_MIB:
        print(f"bench sdxl_full: it held {most:.0f} MiB, the limit is {_MOST_MIB}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
