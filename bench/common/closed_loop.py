# SPDX-License-Identifier: Apache-2.0
"""Measures responders one after the other with `loadgen`, a closed loop, round by round."""

import json
import subprocess
from dataclasses import dataclass

from common import report
from common.programs import BenchError, Program
from common.samples import Cell, Samples
from common.site import Site

_START_SECONDS = 30


@dataclass(frozen=True)
class Pace:
    """How long a run takes."""

    rounds: int
    warmup: float
    seconds: float


@dataclass(frozen=True)
class Responder:
    """A running program and how to reach it."""

    name: str
    program: Program
    url: str
    subject: str  # empty for HTTP
    options: tuple = ()  # more of loadgen's


class ClosedLoop:
    def __init__(self, site: Site):
        self._site = site
        self._loadgen = site.binary("loadgen")
        self.responders: list[Responder] = []

    def add(
        self, name: str, program: Program, subject: str, url: str = "", options: tuple = ()
    ) -> None:
        self.responders.append(Responder(name, program, url or self._site.url, subject, options))

    def await_one(
        self,
        responder: Responder,
        cell: Cell,
        pace: Pace = Pace(1, 0.05, 0.1),
        wait: float = _START_SECONDS,
    ) -> None:
        """Waits until it has answered; with one short run, so as loads will ask."""
        # Without its clocks: processes come and go while it starts, a daemon's probe among them.
        self._load(responder, cell, pace, [], wait)

    def await_all(self, cell: Cell) -> None:
        """Waits until each has answered."""
        for responder in self.responders:
            self.await_one(responder, cell)

    def measure(self, responder: Responder, cell: Cell, pace: Pace) -> dict:
        # With all that descend from it: a daemon's workers are its own.
        pids = ",".join(str(pid) for pid in responder.program.pids())
        clocks = ["--cpu-of", f"responder={pids}"]
        if responder.subject:
            clocks += ["--cpu-of", f"broker={self._site.server.pid}"]
        return self._load(responder, cell, pace, clocks)

    def _load(
        self,
        responder: Responder,
        cell: Cell,
        pace: Pace,
        clocks: list[str],
        wait: float = _START_SECONDS,
    ) -> dict:
        responder.program.check()
        command = [self._loadgen, "--url", responder.url, *responder.options, *clocks]
        if responder.subject:
            command += ["--subject", responder.subject]
        command += ["--concurrency", cell.concurrency, "--size", cell.size]
        command += ["--warmup", pace.warmup, "--seconds", pace.seconds, "--wait", wait]
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
        if done.returncode != 0:
            raise BenchError(
                f"{responder.name} at {cell.key}: {done.stderr.strip()}\n{responder.program.tail()}"
            )
        sample = json.loads(done.stdout)
        if sample["errors"]:
            errors, first = sample["errors"], sample["first_error"]
            report.say(f"{responder.name} at {cell.key}: {errors} errors: {first}")
        return sample

    def run_rounds(self, cells: list[Cell], pace: Pace) -> Samples:
        """Samples by responder, cell key and round. Who comes first changes from round to round."""
        samples = {r.name: {cell.key: [] for cell in cells} for r in self.responders}
        for number in range(pace.rounds):
            report.say(f"round {number + 1} of {pace.rounds}")
            shift = number % len(self.responders)
            order = self.responders[shift:] + self.responders[:shift]
            for cell in cells:
                for responder in order:
                    samples[responder.name][cell.key].append(self.measure(responder, cell, pace))
        return samples


def size_words(size: int) -> str:
    return f"{size >> 20} MiB" if size >= 1 << 20 else f"{size >> 10} KiB"


def print_cells(cells: list[Cell], everyone: dict[str, dict]) -> None:
    """A table a cell, of the figures by name."""
    columns = ["", "req/s", "p50 us", "p99 us", "cpu us", "broker us", "client us"]
    metrics = ["rps", "p50_us", "p99_us", "cpu_us", "broker_cpu_us", "client_cpu_us"]
    for cell in cells:
        rows = []
        for name, figures in everyone.items():
            rows.append([name] + [f"{figures[f'{metric}_{cell.key}']:,.0f}" for metric in metrics])
        title = f"{size_words(cell.size)}, {cell.concurrency} in flight"
        report.print_table(title, columns, rows)


def print_errors(everyone: dict[str, dict]) -> None:
    errors = {name: figures["errors"] for name, figures in everyone.items() if figures["errors"]}
    print(f"Errors: {errors or 'none'}")
