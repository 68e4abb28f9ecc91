# SPDX-License-Identifier: Apache-2.0
"""The servers that have the same model: the daemon, and those peers that are installed."""

from collections.abc import Callable
from pathlib import Path

from batching.figures import BATCH_MS, CELL, MAX_BATCH
from common import programs, report
from common.closed_loop import ClosedLoop, Pace
from common.programs import BenchError, Program
from common.site import Site

OURS = "darkroom"
_SLOW = "ray"
# Its many processes take more than a minute to start on two cores that do something else, too.
_START_SECONDS = 120
# What is slow at first is to have its replies within this, too.
_FIRST = Pace(rounds=1, warmup=0.5, seconds=1)
_PEERS = Path(__file__).resolve().parent / "peers"
# Triton takes the bytes of its one input as they are, and puts a description before its answer's.
_TRITON_OPTIONS = ("--http-header", "Inference-Header-Content-Length: 0", "--reply-has-prefix")


def python_of(peer: str) -> Path | None:
    """The Python that has it, or nothing: Mosec is in that of the tests, bench/batching/setup makes
    the others."""
    python = programs.deps_folder() / peer / "bin" / "python3"
    path = programs.python_path() if peer == "mosec" else python
    return path if path.exists() else None


class Servers:
    def __init__(self, site: Site):
        self._site = site
        self.loop = ClosedLoop(site)
        self._starters: dict[str, Callable[[], None]] = {
            "mosec": self._start_mosec,
            "litserve": self._start_litserve,
            "pytriton": self._start_pytriton,
            _SLOW: self._start_ray,
        }

    def start_all(self, quick: bool) -> None:
        """Those that are there. A peer that is not installed, does not start on this machine, or
        takes too long for a quick run, is named and left out."""
        self._start_darkroom()
        self.loop.await_all(CELL)
        for name, start in self._starters.items():
            if quick and name == _SLOW:
                report.say(f"{name} is left out: it takes up to a minute to start")
            elif python_of(name) is None:
                report.say(f"{name} is left out: it is not installed (bench/batching/setup does)")
            else:
                start()
        for responder in self.loop.responders[1:]:
            try:
                self.loop.await_one(responder, CELL, _FIRST, _START_SECONDS)
            except BenchError as error:
                lines = str(error).splitlines()
                report.say(f"{responder.name} is left out: {lines[0]}; it says: {lines[-1]}")
                self.loop.responders.remove(responder)
                responder.program.stop()

    def _start_darkroom(self) -> None:
        params = {"batch_ms": BATCH_MS, "echo": True}
        models = {
            "model": {"plugin": "mock", "preload": True, "max_batch": MAX_BATCH, "params": params}
        }
        # As it is by default: in a worker process, and without waiting for a batch to become full.
        daemon = self._site.start_darkroom(OURS, "process", models)
        self.loop.add(OURS, daemon, f"{OURS}.run.model")

    def _start(self, name: str, *arguments, environment: dict | None = None) -> Program:
        command = [python_of(name), "-B", _PEERS / f"{name}_server.py", *arguments]
        model = {"BENCH_BATCH_MS": str(BATCH_MS), "BENCH_MAX_BATCH": str(MAX_BATCH)}
        return self._site.start(name, command, {**model, **(environment or {})})

    def _add(self, name: str, program: Program, port: int, path: str, options: tuple = ()) -> None:
        self.loop.add(name, program, "", f"http://127.0.0.1:{port}{path}", options)

    def _start_mosec(self) -> None:
        port = programs.free_port()
        options = ["--address", "127.0.0.1", "--port", port, "--log-level", "warning"]
        program = self._start("mosec", *options, "--path", self._site.folder / "mosec")
        self._add("mosec", program, port, "/inference")

    def _start_litserve(self) -> None:
        port = programs.free_port()
        self._add("litserve", self._start("litserve", port), port, "/predict")

    def _start_pytriton(self) -> None:
        port, other = programs.free_port(), programs.free_port()
        # What it unpacks goes where all else of this run does.
        environment = {"PYTRITON_HOME": str(self._site.folder / "pytriton")}
        program = self._start("pytriton", port, other, environment=environment)
        self._add("pytriton", program, port, "/v2/models/model/infer", _TRITON_OPTIONS)

    def _start_ray(self) -> None:
        port = programs.free_port()
        # On a small machine its parts take longer to start than it allows them by itself.
        patience = {"RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S": "60"}
        environment = {"RAY_USAGE_STATS_ENABLED": "0", **patience}
        program = self._start("ray", port, self._site.folder / "ray", environment=environment)
        self._add("ray", program, port, "/")
