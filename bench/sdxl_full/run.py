#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Stable Diffusion XL's networks at their full size on a CPU, picture by picture

Started by scripts/bench. 2.6 billion random numbers of the denoising network in bfloat16, and the autoencoder's in float32, are
streamed to files of 5.5 GB (weights.py), which sdxl_runner maps, in a process of its own for each size: steps with guidance, and
decoding in one piece. It fails if a process takes more than 16 GiB, or if there are not 18 GiB of memory to begin with.
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

# Network, dtype, rows, edge of the latents, passes. The first pass of a process reads the file.
CELLS = [("unet", "bfloat16", 2, 64, 2), ("unet", "bfloat16", 2, 96, 2), ("unet", "bfloat16", 2, 128, 2),
         ("vae", "float32", 1, 64, 1), ("vae", "float32", 1, 96, 1), ("vae", "float32", 1, 128, 1)]
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


def run(build: Path, folder: Path, part: str, dtype: str, rows: int, edge: int, passes: int) -> dict:
    cell = f"{part}_{8 * edge}"
    binary = programs.need(build / "bench" / "sdxl_runner", "build the target `bench`")
    threads = {"OMP_NUM_THREADS": str(len(os.sched_getaffinity(0)))}
    begin = time.perf_counter()
    with subprocess.Popen([binary, folder, part, dtype], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                          env={**os.environ, **threads}) as process:
        if process.stdout.readline().strip() != "ready":
            raise BenchError(f"sdxl_runner failed with exit code {process.wait()}")
        figures = {f"load_s_{cell}": time.perf_counter() - begin}
        for _ in range(passes):
            process.stdin.write(f"{rows} {edge}\n")
            process.stdin.flush()
            line = process.stdout.readline()
            if not line:
                raise BenchError(f"sdxl_runner failed with exit code {process.wait()}")
            seconds, prepared, kib = map(float, line.split())
            figures.setdefault(f"first_pass_s_{cell}", seconds)
            figures.setdefault(f"prepare_s_{cell}", prepared)
            figures.update({f"pass_s_{cell}": seconds, f"peak_rss_mib_{cell}": kib / 1024})
            report.say(f"{cell}: {seconds:.1f} s, peak {kib / 1024:.0f} MiB")
        process.stdin.close()
    return figures


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
            report.say(f"{count / 1e9:.2f} billion numbers in {seconds:.0f} s; loading ...")
            figures = {"parameters": count, "write_s": seconds}
            for cell in CELLS:
                figures.update(run(arguments.build, Path(folder) / "model", *cell))
    except BenchError as error:
        print(f"bench sdxl_full: {error}", file=sys.stderr)
        return 1
    outcome = report.result("sdxl_full", figures, {}, {})
    report.print_heading(outcome)
    report.print_table("Steps with guidance, and decoding", ["figure", "value"],
                       [[name, f"{value:.1f}"] for name, value in figures.items()])
    if arguments.json:
        report.write_json(arguments.json, outcome)
    most = max(value for name, value in figures.items() if name.startswith("peak_rss_mib"))
    if most > _MOST_MIB:
        print(f"bench sdxl_full: a process held {most:.0f} MiB, the limit is {_MOST_MIB}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
