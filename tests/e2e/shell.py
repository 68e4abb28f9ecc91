# SPDX-License-Identifier: Apache-2.0
"""The command `darkroom` as a shell or a terminal runs it, and the fields of its JSON."""

import fcntl
import json
import os
import pty
import select
import struct
import subprocess
import termios
import time
from pathlib import Path

RUN_FIELDS = {"job", "model", "output", "bytes", "content_type", "receipt"}
RECEIPT_FIELDS = {
    "host",
    "plugin",
    "weights",
    "device",
    "seed",
    "waited",
    "attempts",
    "resumed_at",
    "queue_ms",
    "load_ms",
    "run_ms",
}
NOT_INHERITED = ("NATS_URL", "NATS_CREDS", "NO_COLOR")


class Shell:
    """Runs `darkroom` in a folder of its own, with a server's URL in the environment."""

    def __init__(self, folder: Path, url: str):
        self.folder = folder
        self.environment = {k: v for k, v in os.environ.items() if k not in NOT_INHERITED}
        self.environment |= {"NATS_URL": url, "LC_ALL": "C.UTF-8", "TERM": "xterm"}
        self.program = str(Path(os.environ["DARKROOM_BIN"]) / "darkroom")

    def start(self, *arguments, **options) -> subprocess.Popen:
        options = {
            "stdin": subprocess.DEVNULL,
            "cwd": self.folder,
            "env": self.environment,
        } | options
        return subprocess.Popen([self.program, *map(str, arguments)], **options)

    def __call__(self, *arguments, code: int = 0, stdin: bytes | None = None):
        done = subprocess.run(
            [self.program, *map(str, arguments)],
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            cwd=self.folder,
            env=self.environment,
            timeout=120,
        )
        assert done.returncode == code, (arguments, done)
        return Done(done.stdout, done.stderr.decode())

    def json(self, *arguments, **options) -> dict:
        return json.loads(self(*arguments, "--json", **options).out)

    def file(self, name: str, data: bytes) -> str:
        (self.folder / name).write_bytes(data)
        return name

    def read(self, name: str) -> bytes:
        return (self.folder / name).read_bytes()


class Done:
    def __init__(self, out: bytes, err: str):
        self.out = out
        self.err = err

    @property
    def text(self) -> str:
        return self.out.decode()


class Screen:
    """A terminal of 80 columns, and all that is written to it."""

    def __init__(self):
        self.controller, self.device = pty.openpty()
        fcntl.ioctl(self.device, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))

    def read_all(self, process: subprocess.Popen) -> str:
        os.close(self.device)
        written = b""
        end = time.monotonic() + 60
        while time.monotonic() < end:
            if not select.select([self.controller], [], [], 0.2)[0]:
                continue
            try:
                data = os.read(self.controller, 65536)
            except OSError:  # the other side is closed
                break
            if not data:
                break
            written += data
        os.close(self.controller)
        process.wait(60)
        return written.decode()


def on_screen(shell, *arguments, both: bool = False) -> tuple[int, bytes, str]:
    """Exit code, standard output where it is a pipe, and what the terminal was sent."""
    screen = Screen()
    process = shell.start(
        *arguments, stdout=screen.device if both else subprocess.PIPE, stderr=screen.device
    )
    shown = screen.read_all(process)
    out = process.stdout.read() if process.stdout else b""
    if process.stdout:
        process.stdout.close()
    return process.returncode, out, shown
