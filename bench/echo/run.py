#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the daemon adds to a NATS request: echo beside bare NATS.c, nats-py and Mosec

Started by scripts/bench. All responders run at once and idle while another is measured; each cell
(1, 16 or 64 requests in flight, of 1 KiB or 256 KiB) is measured for one after the other, round by
round. README.md beside the benchmarks' folder says what the figures mean and where the limit lies.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

_HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(_HERE.parent))

from common import programs, report  # noqa: E402
from common.programs import BenchError, Program  # noqa: E402
from echo.figures import CELLS, Cell, figures_of, ratios_of  # noqa: E402

OURS = "darkroom"
BARE = ["bare_queue", "bare_asap", "bare_send"]
RECEIPT = "bare_receipt"
_START_SECONDS = 30
_SETUP = "run scripts/setup"


@dataclass(frozen=True)
class Pace:
    """How long a run takes."""

    rounds: int
    warmup: float
    seconds: float


PACES = {
    "quick": Pace(rounds=1, warmup=0.2, seconds=0.4),
    "default": Pace(rounds=5, warmup=0.25, seconds=0.8),
    "long": Pace(rounds=15, warmup=0.3, seconds=1.0),
}


@dataclass(frozen=True)
class Responder:
    """A running program and how to reach it."""

    name: str
    program: Program
    url: str
    subject: str  # empty for HTTP


class Bench:
    def __init__(self, build: Path, folder: Path, stack: ExitStack):
        self._build = build
        self._folder = folder
        self._stack = stack
        self._loadgen = programs.need(build / "bench" / "loadgen", "build the target `bench`")
        self.responders: list[Responder] = []
        port = programs.free_port()
        self._url = f"nats://127.0.0.1:{port}"
        server = programs.need(programs.nats_server_path(), _SETUP)
        self._server = self._start("nats-server", [server, "-a", "127.0.0.1", "-p", port])
        programs.await_port(port)

    def _start(self, name: str, command: list) -> Program:
        return self._stack.enter_context(Program(name, command, self._folder))

    def start_bare(self, name: str) -> None:
        mode = name.removeprefix("bare_")
        binary = self._build / "bench" / "bare_responder"
        command = [binary, "--url", self._url, "--subject", f"bench.{name}", "--mode", mode]
        self._add(name, command, self._url, f"bench.{name}")

    def start_darkroom(self) -> None:
        daemon = programs.need(self._build / "bin" / "darkroomd", "build the target `bench`")
        config = self._folder / "darkroom.yaml"
        config.write_text(
            f"host_name: bench\n"
            f"state_dir: {self._folder}/state\n"
            f"nats: {{url: '{self._url}'}}\n"
            f"log: {{level: warning}}\n"
            f"plugins: {{folder: {self._build}/plugins}}\n"
            f"devices: [{{device: cpu, lanes: 1}}]\n"
            f"models:\n"
            f"  echo: {{plugin: echo, preload: true}}\n"
        )
        (self._folder / "state").mkdir()
        self._add(OURS, [daemon, "--config", config], self._url, "darkroom.run.echo")

    def start_nats_py(self) -> None:
        worker = _HERE / "peers" / "nats_py_worker.py"
        command = [self._python(), worker, self._url, "bench.nats_py"]
        self._add("nats_py", command, self._url, "bench.nats_py")

    def start_mosec(self) -> None:
        port = programs.free_port()
        server = _HERE / "peers" / "mosec_server.py"
        options = ["--address", "127.0.0.1", "--port", port, "--log-level", "warning"]
        options += ["--path", self._folder / "mosec"]
        url = f"http://127.0.0.1:{port}/inference"
        self._add("mosec", [self._python(), server, *options], url, "")

    def _python(self) -> Path:
        return programs.need(programs.python_path(), _SETUP)

    def _add(self, name: str, command: list, url: str, subject: str) -> None:
        self.responders.append(Responder(name, self._start(name, command), url, subject))

    def await_all(self) -> None:
        """Waits until each has answered; with one run of no length, so as loads will ask."""
        for responder in self.responders:
            self.measure(responder, CELLS[0], Pace(1, 0.05, 0.1))

    def measure(self, responder: Responder, cell: Cell, pace: Pace) -> dict:
        responder.program.check()
        pids = ",".join(str(pid) for pid in responder.program.pids())
        command = [self._loadgen, "--url", responder.url, "--cpu-of", f"responder={pids}"]
        if responder.subject:
            command += ["--subject", responder.subject, "--cpu-of", f"broker={self._server.pid}"]
        command += ["--concurrency", cell.concurrency, "--size", cell.size]
        command += ["--warmup", pace.warmup, "--seconds", pace.seconds, "--wait", _START_SECONDS]
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
        if done.returncode != 0:
            raise BenchError(
                f"{responder.name} at {cell.key}: {done.stderr.strip()}\n{responder.program.tail()}"
            )
        sample = json.loads(done.stdout)
        if sample["errors"]:
            errors, first = sample["errors"], sample["first_error"]
            say(f"{responder.name} at {cell.key}: {errors} errors: {first}")
        return sample


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def run_rounds(bench: Bench, pace: Pace) -> dict:
    """Samples by responder, cell key and round. Who comes first changes from round to round."""
    samples = {r.name: {cell.key: [] for cell in CELLS} for r in bench.responders}
    for number in range(pace.rounds):
        say(f"round {number + 1} of {pace.rounds}")
        shift = number % len(bench.responders)
        order = bench.responders[shift:] + bench.responders[:shift]
        for cell in CELLS:
            for responder in order:
                samples[responder.name][cell.key].append(bench.measure(responder, cell, pace))
    return samples


def print_tables(outcome: dict) -> None:
    report.print_heading(outcome)
    everyone = {OURS: outcome["figures"], **outcome["peers"]}
    columns = ["", "req/s", "p50 us", "p99 us", "cpu us", "broker us", "client us"]
    metrics = ["rps", "p50_us", "p99_us", "cpu_us", "broker_cpu_us", "client_cpu_us"]
    for cell in CELLS:
        rows = []
        for name, figures in everyone.items():
            rows.append([name] + [f"{figures[f'{metric}_{cell.key}']:,.0f}" for metric in metrics])
        size = f"{cell.size // 1024} KiB"
        report.print_table(f"{size}, {cell.concurrency} in flight", columns, rows)
    rows = [[key, f"{value:.2f}"] for key, value in outcome["ratios"].items()]
    report.print_table("Against the best bare responder", ["", "ratio"], rows)
    errors = {name: figures["errors"] for name, figures in everyone.items() if figures["errors"]}
    print(f"Errors: {errors or 'none'}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=Path, required=True, help="CMake build folder")
    parser.add_argument("--json", type=Path, help="write the result to this file")
    length = parser.add_mutually_exclusive_group()
    for name in ("quick", "long"):
        length.add_argument(f"--{name}", dest="pace", action="store_const", const=name)
    parser.set_defaults(pace="default")
    arguments = parser.parse_args()
    pace = PACES[arguments.pace]

    try:
        with tempfile.TemporaryDirectory(prefix="darkroom-bench-") as folder, ExitStack() as stack:
            bench = Bench(arguments.build.resolve(), Path(folder), stack)
            bench.start_darkroom()
            for name in [*BARE, RECEIPT]:
                bench.start_bare(name)
            bench.start_nats_py()
            bench.start_mosec()
            bench.await_all()
            samples = run_rounds(bench, pace)
    except BenchError as error:
        say(f"echo: {error}")
        return 1

    figures = figures_of(samples[OURS]) | {"rounds": pace.rounds, "seconds": pace.seconds}
    peers = {name: figures_of(cells) for name, cells in samples.items() if name != OURS}
    outcome = report.result("echo", figures, peers, ratios_of(samples, OURS, BARE, RECEIPT))
    print_tables(outcome)
    if arguments.json:
        report.write_json(arguments.json, outcome)
    return 0


if __name__ == "__main__":
    sys.exit(main())
