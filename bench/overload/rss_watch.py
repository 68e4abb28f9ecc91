# SPDX-License-Identifier: Apache-2.0
"""Looks at the memory of a program and all that descend from it, again and again, on a thread."""

import threading
import time

from common import process
from common.programs import Program

_SECONDS = 0.1


class RssWatch:
    """Use it in a `with` statement. `looks` are (seconds of the monotonic clock, MiB), all of them
    once it has ended."""

    def __init__(self, program: Program):
        self._program = program
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.looks: list[tuple[float, float]] = []

    def __enter__(self) -> "RssWatch":
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._ending.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ending.wait(_SECONDS):
            held = sum(process.rss_mib(pid) for pid in self._program.pids())
            self.looks.append((time.monotonic(), held))
