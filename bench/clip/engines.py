# SPDX-License-Identifier: Apache-2.0
"""CLIP's image tower in several engines, each in a process of its own that answers "BATCH" with seconds."""

import os
import subprocess
from pathlib import Path

from clip.figures import BATCHES, OURS
from common import programs, report
from common.programs import BenchError

_PEER = Path(__file__).resolve().parent / "peers" / "engine.py"
PEERS = ["transformers", "onnxruntime", "openvino"]


def python_environment() -> dict[str, str]:
    """For peers in Python: the stubs of CUDA's libraries where there are none, and the engines."""
    deps = programs.deps_folder()
    return {"LD_LIBRARY_PATH": str(deps / "cuda-stubs"), "PYTHONPATH": str(deps / "clip-engines"),
            "DARKROOM_DEPS": str(deps), "HF_HUB_OFFLINE": "1"}


class Engine:
    """One process. `ready`: seconds from its start to its first embedding, as it says."""

    def __init__(self, name: str, command: list, environment: dict, log: Path):
        self.name = name
        self._log = log
        with log.open("wb") as errors:
            self._process = subprocess.Popen(
                [str(part) for part in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
                text=True, env={**os.environ, **environment})
        self.ready = float(self._line("ready")[1])
        self.peak_mib = 0.0

    def _line(self, first: str = "") -> list[str]:
        while True:
            line = self._process.stdout.readline()
            if not line:
                self._process.wait()
                tail = self._log.read_text(errors="replace").splitlines()[-1:]
                raise BenchError(f"{self.name} ended with exit code {self._process.returncode}: {''.join(tail)}")
            words = line.split()
            if words and (not first or words[0] == first):  # some libraries print there, too
                return words

    def run(self, batch: int) -> float:
        self._process.stdin.write(f"{batch}\n")
        self._process.stdin.flush()
        seconds, kib = self._line()[:2]
        self.peak_mib = float(kib) / 1024
        return float(seconds)

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait()


def start(build: Path, folder: Path, work: Path) -> list[Engine]:
    """Ours, and those peers that are there."""
    binary = programs.need(build / "bench" / "clip_runner", "build the target `bench`")
    engines = [Engine(OURS, [binary, folder], {}, work / "ours.log")]
    python = programs.need(programs.python_path(), "run scripts/setup")
    for name in PEERS:
        try:
            engines.append(Engine(name, [python, "-B", _PEER, name, folder, work], python_environment(),
                                  work / f"{name}.log"))
        except BenchError as error:
            report.say(f"{name} is left out: {error}")
    return engines


def measure(engines: list[Engine], rounds: int) -> dict[str, dict[int, list[float]]]:
    """engine -> batch -> seconds a round. The first run of each is not counted; who comes first changes."""
    times = {engine.name: {batch: [] for batch in BATCHES} for engine in engines}
    for engine in engines:
        for batch in BATCHES:
            engine.run(batch)
    for number in range(rounds):
        report.say(f"engines: round {number + 1} of {rounds}")
        turn = number % len(engines)
        for batch in BATCHES:
            for engine in engines[turn:] + engines[:turn]:
                # Small batches are over soon: the median of several.
                repeats = sorted(engine.run(batch) for _ in range(max(1, 8 // batch)))
                times[engine.name][batch].append(repeats[len(repeats) // 2])
    return times
