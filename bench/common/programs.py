# SPDX-License-Identifier: Apache-2.0
"""The programs that a benchmark runs: each with a log file, found again by pid, and ended with it.

A program gets a process group of its own, so that ending it ends its children too, and dies with
this process even if that is killed.
"""

import ctypes
import importlib.util
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

_LIBC = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1
_STOP_SECONDS = 10


class BenchError(Exception):
    """A benchmark cannot run; the message says why and what to do."""


def deps_folder() -> Path:
    """Where scripts/setup puts what Debian does not bring."""
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.environ["HOME"], ".cache")
    return Path(os.environ.get("DARKROOM_DEPS") or os.path.join(cache, "darkroom"))


def python_path() -> Path:
    """The Python of the peers; DARKROOM_PYTHON overrides it."""
    override = os.environ.get("DARKROOM_PYTHON")
    return Path(override) if override else deps_folder() / "python" / "bin" / "python3"


def nats_server_path() -> Path:
    """The nats-server; DARKROOM_NATS_SERVER overrides it."""
    override = os.environ.get("DARKROOM_NATS_SERVER")
    return Path(override) if override else deps_folder() / "bin" / "nats-server"


def need(path: Path, how: str) -> Path:
    """`path`, or an error that says how to get it."""
    if not path.exists():
        raise BenchError(f"{path} is missing: {how}")
    return path


def run_where_there_is(module: str, how: str) -> None:
    """Starts this program again with the Python of the peers, if the one that runs it has no such
    module. Then it does not return."""
    if importlib.util.find_spec(module) is not None:
        return
    python = need(python_path(), how)
    if python == Path(sys.executable):
        raise BenchError(f"{python} has no {module}: {how}")
    os.execv(python, [str(python), "-B", *sys.argv])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def await_port(port: int, seconds: float = 10) -> None:
    """Waits until somebody listens on the loopback port."""
    end = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError as error:
            if time.monotonic() > end:
                raise BenchError(f"nobody listens on port {port}") from error
            time.sleep(0.01)


def _prepare_child() -> None:
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


class Program:
    """One running program. Use it in a `with` statement or an ExitStack."""

    def __init__(self, name: str, command: list, folder: Path, environment: dict | None = None):
        self.name = name
        self.log = folder / f"{name}.log"
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env={**os.environ, **(environment or {})},
                start_new_session=True,
                preexec_fn=_prepare_child,
            )

    def __enter__(self) -> "Program":
        return self

    def __exit__(self, *_) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        return self._process.pid

    def pids(self) -> list[int]:
        """The program and all processes that descend from it."""
        found, unseen = [], [self.pid]
        while unseen:
            pid = unseen.pop()
            found.append(pid)
            for children in Path(f"/proc/{pid}/task").glob("*/children"):
                try:
                    unseen += [int(child) for child in children.read_text().split()]
                except OSError:
                    continue  # that thread has ended meanwhile
        return found

    def running(self) -> bool:
        return self._process.poll() is None

    def check(self) -> None:
        """Raises if the program has ended by itself."""
        code = self._process.poll()
        if code is not None:
            raise BenchError(f"{self.name} ended with exit code {code}; its log:\n{self.tail()}")

    def tail(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-20:])

    def stop(self) -> None:
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                pass
        try:
            os.killpg(self._process.pid, signal.SIGKILL)  # what it may have left behind
        except ProcessLookupError:
            pass
        self._process.wait()
