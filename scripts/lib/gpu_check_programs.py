# SPDX-License-Identifier: Apache-2.0
"""The bundle's programs as gpu-check runs them: nats-server, darkroomd and the command darkroom.

Each server has a free port or socket of its own and a log in the working folder, and is ended by
its `with`.
"""

from __future__ import annotations

import ctypes
import json
import re
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

_START_SECONDS = 300  # CUDA's libraries are gigabytes to read on a cold host
_STOP_SECONDS = 60
_RUN_SECONDS = 1800
_LIBC = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1


class CheckError(Exception):
    """One part of the check failed; the text is for the report."""


class _Program:
    def __init__(self, name: str, folder: Path):
        self._name = name
        self._log_path = folder / f"{name}.log"
        self._process: subprocess.Popen | None = None

    def _spawn(self, arguments: list, environment: dict) -> None:
        def die_with_parent():
            _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

        with open(self._log_path, "ab") as log:
            self._process = subprocess.Popen(
                [str(argument) for argument in arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                preexec_fn=die_with_parent,
            )

    def _wait_until(self, condition) -> None:
        end = time.monotonic() + _START_SECONDS
        while not condition():
            if self._process.poll() is not None:
                raise CheckError(
                    f"{self._name} ended with {self._process.returncode}: {self.last_words()}"
                )
            if time.monotonic() > end:
                raise CheckError(f"{self._name} was not ready in {_START_SECONDS} s")
            time.sleep(0.02)

    def log(self) -> str:
        return self._log_path.read_text(errors="replace") if self._log_path.exists() else ""

    def last_words(self) -> str:
        return " / ".join(self.log().strip().splitlines()[-5:])

    def stop(self) -> int:
        """Asks it to end; its exit code, negative if it had to be killed or died by a signal."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
        return self._process.wait()

    def __exit__(self, *_):
        if self._process is not None:
            self.stop()


class NatsServer(_Program):
    def __init__(self, bundle: Path, folder: Path, environment: dict):
        super().__init__("nats-server", folder)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        self._binary = bundle / "bin" / "nats-server"
        self._environment = environment
        self._settings = folder / "nats.conf"
        # Large pictures travel whole: as much as the server allows.
        self._settings.write_text(f"listen: 127.0.0.1:{self._port}\nmax_payload: 64MB\n")
        self.url = f"nats://127.0.0.1:{self._port}"

    def __enter__(self) -> NatsServer:
        self._spawn([self._binary, "-c", self._settings], self._environment)
        try:
            self._wait_until(self._greets)
        except BaseException:
            self.__exit__()
            raise
        return self

    def _greets(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self._port), timeout=1) as connection:
                return connection.recv(5) == b"INFO "
        except OSError:
            return False


@dataclass
class Run:
    """What one request took; seconds."""

    decode: float
    network: float
    encode: float


class Daemon(_Program):
    """darkroomd with one model on one device, loaded before it is ready."""

    def __init__(self, bundle: Path, folder: Path, environment: dict, url: str, config: dict):
        super().__init__("darkroomd", folder)
        self._bin = bundle / "bin"
        self._folder = folder
        self._url = url
        self._requests = 0
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(folder / "notify"))
        self._socket.setblocking(False)
        self._notices = ""
        self._environment = {**environment, "NOTIFY_SOCKET": str(folder / "notify")}
        self._config = folder / "darkroom.json"  # JSON is YAML
        config = {
            "host_name": "gpu-check",
            "state_dir": str(folder / "state"),
            "nats": {"url": url},
            # Its debug messages tell how long the network alone took.
            "log": {"level": "debug", "format": "text"},
            **config,
        }
        self._config.write_text(json.dumps(config, indent=2))
        (self.model,) = config["models"]
        (self._device,) = (device["device"] for device in config["devices"])

    def __enter__(self) -> Daemon:
        self._spawn([self._bin / "darkroomd", "--config", self._config], self._environment)
        try:
            self._wait_until(self._ready)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *arguments):
        super().__exit__(*arguments)
        self._socket.close()

    def _ready(self) -> bool:
        try:
            while True:
                self._notices += self._socket.recv(65536).decode() + "\n"
        except BlockingIOError:
            return "READY=1" in self._notices

    def run(self, source: Path, result: Path) -> Run:
        """Sends the picture; the result's extension says its form."""
        self._requests += 1
        job = f"check-{self._requests}"
        done = subprocess.run(
            [self._bin / "darkroom", "run", self.model, "-i", source, "-o", result]
            + ["--job", job, "--timeout", f"{_RUN_SECONDS}s", "--json", "-q", "--url", self._url],
            capture_output=True,
            text=True,
            env=self._environment,
        )
        try:
            answer = json.loads(done.stdout)
        except ValueError:
            raise CheckError(f"darkroom run ended with {done.returncode}: {done.stderr}") from None
        if done.returncode != 0:
            error = answer.get("error", {})
            raise CheckError(
                f"darkroom run: {error.get('code')}: {error.get('message')} "
                f"[darkroomd: {self.last_words()}]"
            )
        receipt = answer["receipt"]
        if receipt["device"] != self._device:
            raise CheckError(f"the job ran on {receipt['device']}, not on {self._device}")
        times = re.search(
            rf"{job} {re.escape(self.model)}: succeeded: decoded ([\d.]+) ms, "
            r"ran ([\d.]+) ms, encoded ([\d.]+) ms",
            self.log(),
        )
        if times is None:
            raise CheckError("darkroomd did not log the job's times")
        decode, network, encode = (float(ms) / 1000 for ms in times.groups())
        return Run(decode, network, encode)

    def peak_rss_mib(self) -> int:
        for line in Path(f"/proc/{self._process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) >> 10
        raise CheckError("/proc does not tell darkroomd's memory")
