# SPDX-License-Identifier: Apache-2.0
"""A model that is asked for ten times what it can do: what is done, and what is seen meanwhile."""

import time
from contextlib import ExitStack
from dataclasses import dataclass

from common import closed_loop, report
from common.closed_loop import ClosedLoop
from common.control import Control
from common.open_loop import OpenLoad
from common.samples import Cell
from common.site import Site
from overload import figures
from overload.figures import BATCH_MS, DEADLINE_MS, MAX_BATCH, Stretches
from overload.rss_watch import RssWatch

_TIMES = 10
# What is asked all the while, of what the model can do: before and after, nobody waits for long.
_STEADY = 0.25
_SIZE = 1024


@dataclass(frozen=True)
class Pace:
    """How long a run takes, in seconds."""

    capacity: float
    before: float
    load: float
    after: float


class Scene:
    def __init__(self, site: Site, stack: ExitStack):
        self._site = site
        prefix = "darkroom"
        params = {"batch_ms": BATCH_MS, "echo": True}
        models = {
            "model": {"plugin": "mock", "preload": True, "max_batch": MAX_BATCH, "params": params}
        }
        self._daemon = site.start_darkroom(prefix, "process", models)
        self._subject = f"{prefix}.run.model"
        self._control = stack.enter_context(Control(site.url, prefix))

    def _measure_capacity(self, seconds: float) -> float:
        """Results a second with more requests in flight than fit into two batches."""
        loop = ClosedLoop(self._site)
        loop.add("darkroom", self._daemon, self._subject)
        cell = Cell(4 * MAX_BATCH, _SIZE, "")
        loop.await_all(cell)
        pace = closed_loop.Pace(rounds=1, warmup=0.5, seconds=seconds)
        return loop.measure(loop.responders[0], cell, pace)["rps"]

    def _start_load(self, name: str, rate: float) -> OpenLoad:
        options = ["--size", _SIZE, "--deadline", f"{DEADLINE_MS}ms"]
        load = OpenLoad(self._site, name, self._subject, round(rate, 1), options=options)
        load.await_ready(self._daemon)
        return load

    def _jobs_run(self) -> int:
        return sum(instance["jobs_ended"] for instance in self._control.ask("ps")["instances"])

    def _run_load(self, capacity: float, pace: Pace) -> tuple[OpenLoad, OpenLoad, Stretches]:
        steady = self._start_load("steady", capacity * _STEADY)
        self._control.rest(1)  # what its start brings about is over
        begin = time.monotonic()
        self._control.rest(pace.before)
        load_begin = time.monotonic()
        flood = self._start_load("flood", capacity * (_TIMES - _STEADY))
        self._control.rest(pace.load)
        load_end = time.monotonic()
        flood.stop()
        self._control.rest(max(load_end + pace.after - time.monotonic(), 0))
        steady.check()
        self._daemon.check()
        steady.stop()
        return steady, flood, Stretches(begin, load_begin, load_end, load_end + pace.after)

    def run(self, pace: Pace) -> dict:
        """The figures."""
        capacity = self._measure_capacity(pace.capacity)
        report.say(f"{_TIMES} times {capacity:,.0f} requests/s for {pace.load:g} s")
        before = self._jobs_run()
        with RssWatch(self._daemon) as watch:
            steady, flood, stretches = self._run_load(capacity, pace)
        # Each load has begun with a request that is in no record.
        jobs_run = self._jobs_run() - before - 2
        of_steady, _ = steady.finish()
        of_flood, errors = flood.finish()
        everyone = of_steady + of_flood
        counts = figures.count_figures(everyone, jobs_run)
        if counts["errors"]:
            report.say(f"errors: {errors}")
        return {
            **figures.load_figures(everyone, stretches, capacity),
            **counts,
            **figures.recovery_figures(of_steady, stretches),
            **figures.memory_figures(watch.looks, stretches),
        }
