# SPDX-License-Identifier: Apache-2.0
"""A durable queue and its load generator: loaded in full, then at half of what it reached."""

import json
import subprocess
from dataclasses import dataclass

from common import report
from common.programs import BenchError, Program

SIZE = 1024
IN_FLIGHT = 64
_WAIT_SECONDS = 60


@dataclass(frozen=True)
class Pace:
    """How long a run takes."""

    rounds: int
    warmup: float
    seconds: float  # of the closed loop
    half_seconds: float  # of the open one


@dataclass(frozen=True)
class Queue:
    """Where jobs go, who runs them, and what submits them."""

    name: str
    load: list  # the command, without how it is to load
    worker: Program
    broker: Program
    environment: dict | None = None  # of the load generator; None: this program's

    def sample(self, pace: Pace) -> dict:
        """One round's."""
        full = self._run(["--concurrency", IN_FLIGHT, "--seconds", pace.seconds], pace)
        rate = max(full["jobs_per_s"] / 2, 1)
        half = self._run(["--rate", f"{rate:.1f}", "--seconds", pace.half_seconds], pace)
        return {"full": full, "half": half}

    def _run(self, how: list, pace: Pace) -> dict:
        self.worker.check()
        self.broker.check()
        # With all that descend from it: a daemon's workers are its own.
        pids = ",".join(str(pid) for pid in self.worker.pids())
        command = [*self.load, *how, "--size", SIZE, "--warmup", pace.warmup]
        command += ["--wait", _WAIT_SECONDS]
        command += ["--cpu-of", f"worker={pids}", "--cpu-of", f"broker={self.broker.pid}"]
        done = subprocess.run(
            [str(part) for part in command], capture_output=True, text=True, env=self.environment
        )
        if done.returncode != 0:
            raise BenchError(f"{self.name}: {done.stderr.strip()}\n{self.worker.tail()}")
        sample = json.loads(done.stdout)
        if sample["errors"]:
            errors, first = sample["errors"], sample["first_error"]
            report.say(f"{self.name}: {errors} errors: {first}")
        return sample
