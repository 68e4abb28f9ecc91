# SPDX-License-Identifier: Apache-2.0
"""The demo's daemon with a NATS server of its own: configured, started, and ended in any case.

Daemon is a context manager. Whatever ends the `with` block, an exception as well, ends the daemon;
should this process be killed, the system ends it.
"""

import ctypes
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

START_SECONDS = 60
# The daemon gives up on its jobs after drain_timeout, and then confirms its last replies.
STOP_SECONDS = 30
PR_SET_PDEATHSIG = 1

CONFIGURATION = """\
# The demo's configuration, written anew at each start. docs/configuration.md explains the keys.
state_dir: {state}
drain_timeout: 5s  # whoever interrupts the demo waits for no result

nats:
  embedded: true  # a private nats-server on loopback
  server: {server}
  port: {port}

plugins:
  folder: {plugins}

models:
  photo-enhance:
    plugin: enhance
    weights: {weights}

  photo-enhance-fast:
    plugin: enhance
    weights: {fast_weights}

  echo:
    plugin: echo

  mock:
    plugin: mock

routes:
  # A request to photos.cat.incoming, or with any other word in the middle, is for this model.
  - subject: photos.*.incoming
    model: photo-enhance-fast
    params: {{scale: 4}}
"""


class DaemonError(Exception):
    """The daemon could not be started, or ended when it should not have."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Daemon:
    def __init__(self, build: Path, output: Path, deps: Path):
        self.program = build / "bin" / "darkroomd"
        self.config = output / "darkroom.yaml"
        self.log = output / "darkroomd.log"
        self.url = f"nats://127.0.0.1:{free_port()}"
        self._build = build
        self._deps = deps
        self._process: subprocess.Popen | None = None

    def __enter__(self) -> "Daemon":
        self._folder = Path(tempfile.mkdtemp(prefix="darkroom-demo-"))
        self._notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            self._notify.bind(str(self._folder / "notify"))
            self._configure()
            self._spawn()
            self._await_ready()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        # A second Ctrl-C while the daemon drains must not leave it behind.
        ignored = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
        before = [signal.signal(number, signal.SIG_IGN) for number in ignored]
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._notify.close()
        shutil.rmtree(self._folder, ignore_errors=True)
        for number, handler in zip(ignored, before):
            signal.signal(number, handler)

    def wait(self):
        """Never returns: ends with what a signal raises, or because the daemon has ended."""
        code = self._process.wait()
        raise DaemonError(f"darkroomd ended with exit code {code}:\n{self._last_words()}")

    def _configure(self):
        def quoted(path: Path) -> str:
            return json.dumps(str(path))  # JSON strings are YAML

        models = self._deps / "models"
        self.config.write_text(
            CONFIGURATION.format(
                state=quoted(self._folder / "state"),
                server=quoted(self._deps / "bin" / "nats-server"),
                port=self.url.rsplit(":", 1)[1],
                plugins=quoted(self._build / "plugins"),
                weights=quoted(models / "realesrgan-x4plus.safetensors"),
                fast_weights=quoted(models / "realesr-animevideov3-x4.safetensors"),
            )
        )

    def _spawn(self):
        if not self.program.exists():
            raise DaemonError(f"there is no {self.program}: build it first, or leave --build out")
        libc = ctypes.CDLL(None)

        def die_with_parent():
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)

        with open(self.log, "wb") as log:
            # A session of its own: Ctrl-C is for us, who then end it in order.
            self._process = subprocess.Popen(
                [self.program, "--config", self.config],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "NOTIFY_SOCKET": str(self._folder / "notify")},
                start_new_session=True,
                preexec_fn=die_with_parent,
            )

    def _await_ready(self):
        """Waits for what the daemon tells systemd once it answers requests."""
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            if self._process.poll() is not None:
                self.wait()
            if select.select([self._notify], [], [], 0.1)[0]:
                if b"READY=1" in self._notify.recv(65536).split(b"\n"):
                    return
        raise DaemonError(f"darkroomd is not ready after {START_SECONDS} s:\n{self._last_words()}")

    def _last_words(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-10:])
