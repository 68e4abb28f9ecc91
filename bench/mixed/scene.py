# SPDX-License-Identifier: Apache-2.0
"""Two models on one lane: bulk jobs of many steps wait for one, somebody waits for the other."""

import time
from contextlib import ExitStack
from dataclasses import dataclass

from common import report
from common.control import Control
from common.open_loop import OpenLoad
from common.programs import BenchError
from common.site import Site
from mixed.bulk_queue import BulkQueue
from mixed.figures import INTERACTIVE_MS, STEP_MS, STEPS, Round, figures_of, rate_within, ratios_of

_PREFIX = "darkroom"
_BULK, _INTERACTIVE = "sdxl", "clip"
_RATE = 20  # interactive requests a second: a tenth of the lane's time


@dataclass(frozen=True)
class Pace:
    """How long a run takes."""

    jobs: int  # that wait
    rounds: int
    seconds: float  # of each of a round's two stretches


class Scene:
    def __init__(self, site: Site, stack: ExitStack):
        self._site = site
        models = {
            # Each job waits for hours, in a queue as long as this.
            _BULK: {"plugin": "mock-steps", "preload": True, "max_batch": 1, "deadline": "24h"},
            _INTERACTIVE: {
                "plugin": "mock",
                "preload": True,
                "max_batch": 1,
                "params": {"delay_ms": INTERACTIVE_MS, "output_bytes": 2048},
            },
        }
        devices = [{"device": "sim:0", "lanes": 1, "memory": "8GiB"}]
        self._daemon = site.start_darkroom(
            _PREFIX, "process", models, devices=devices, jobs={"enabled": True}
        )
        self._control = stack.enter_context(Control(site.url, _PREFIX))
        self._bulk = stack.enter_context(BulkQueue(site.url, _PREFIX, _BULK))

    def _await_daemon(self) -> None:
        """Whoever asks before it listens is told so."""
        end = time.monotonic() + 60
        while True:
            try:
                self._control.ask("status")
                return
            except BenchError:
                self._daemon.check()
                if time.monotonic() > end:
                    raise
                self._control.rest(0.05)

    def _rest(self, seconds: float) -> tuple[float, float]:
        """At what rate bulk jobs ended meanwhile, and when that was over."""
        self._bulk.rest(0.1)  # what ended while nobody listened is not of this stretch
        begin = time.monotonic()
        self._bulk.rest(seconds)
        end = time.monotonic()
        return rate_within(self._bulk.ended, begin, end), end

    def _run_round(self, number: int, seconds: float) -> Round:
        alone, _ = self._rest(seconds)
        name, subject = f"interactive-{number}", f"{_PREFIX}.run.{_INTERACTIVE}"
        load = OpenLoad(self._site, name, subject, _RATE, body=b"a picture")
        load.await_ready(self._daemon)
        beside, end = self._rest(seconds)
        requests, errors = load.finish()
        if errors:
            report.say(f"{_INTERACTIVE}: {errors}")
        self._daemon.check()
        asked = [request for request in requests if end - seconds <= request.sent < end]
        return Round(alone, beside, asked, seconds)

    def run(self, pace: Pace) -> tuple[dict, dict]:
        """The figures and the ratios."""
        self._await_daemon()
        self._bulk.submit(pace.jobs, {"steps": STEPS, "step_ms": STEP_MS})
        # What their coming brings about is over: the states of all that wait are written.
        self._bulk.await_end_of(2)
        self._bulk.rest(pace.seconds / 4)
        waiting = self._bulk.waiting
        rounds = []
        for number in range(pace.rounds):
            report.say(f"round {number + 1} of {pace.rounds}")
            rounds.append(self._run_round(number, pace.seconds))
        if self._bulk.errors:
            report.say(f"{_BULK}: {self._bulk.errors[0]}")
        figures = figures_of(rounds) | {"bulk_waiting": waiting}
        figures["errors"] += len(self._bulk.errors)
        return figures, ratios_of(rounds, figures)
