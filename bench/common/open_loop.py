# SPDX-License-Identifier: Apache-2.0
"""A load at a fixed rate, by `openload`, and what became of each of its requests."""

import json
import math
import time
from dataclasses import dataclass
from pathlib import Path

from common.programs import BenchError, Program
from common.site import Site

_START_SECONDS = 60


@dataclass(frozen=True)
class Request:
    """A line of what openload writes."""

    sent: float  # seconds of the monotonic clock
    late_us: float
    latency_us: float  # negative: no reply
    replies: int
    wrong: bool
    code: int = 0  # of the error that it was answered with; 0: none
    queue_ms: float = -1  # this and the next as the receipt says; negative: it has none
    run_ms: float = -1


def read_requests(file: Path) -> list[Request]:
    requests = []
    for line in file.read_text().splitlines():
        sent, late, latency, replies, wrong, code, queue, run = line.split()
        requests.append(
            Request(
                float(sent),
                float(late),
                float(latency),
                int(replies),
                wrong == "1",
                int(code),
                float(queue),
                float(run),
            )
        )
    return requests


def quantile(values: list[float], share: float) -> float:
    """The smallest value that at least `share` of all do not exceed; 0 of none."""
    ordered = sorted(values)
    return ordered[max(math.ceil(share * len(ordered)), 1) - 1] if ordered else 0.0


class OpenLoad:
    """It asks from the moment that it was made, once the responder has answered for the first time,
    until `finish`. `body`: of every request; without it each has bytes of its own, which are to
    come back."""

    def __init__(
        self, site: Site, name: str, subject: str, rate: float, body: bytes = b"", options=()
    ):
        self._records = site.folder / f"{name}.records"
        command = [site.binary("openload"), "--url", site.url, "--subject", subject]
        command += ["--rate", rate, "--records", self._records, "--wait", _START_SECONDS]
        command += options
        if body:
            file = site.folder / f"{name}.body"
            file.write_bytes(body)
            command += ["--body", file]
        self._name = name
        self._program = site.start(name, command)

    def await_ready(self, responder: Program) -> None:
        end = time.monotonic() + _START_SECONDS + 5
        while "ready" not in self._program.tail():
            self.check()
            responder.check()
            if time.monotonic() > end:
                raise BenchError(f"{responder.name} does not answer:\n{responder.tail()}")
            time.sleep(0.02)

    def check(self) -> None:
        """Raises if it has ended by itself."""
        self._program.check()

    def stop(self) -> None:
        """It asks no more, and ends once the last replies are there."""
        self._program.stop()

    def finish(self) -> tuple[list[Request], dict[str, int]]:
        """Its requests, and what was wrong, in words, and how often. Stops it."""
        self.stop()
        if not self._records.exists():
            raise BenchError(f"{self._name} failed:\n{self._program.tail()}")
        line = json.loads(self._program.tail().splitlines()[-1])
        return read_requests(self._records), line["errors"]
