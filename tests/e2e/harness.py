# SPDX-License-Identifier: Apache-2.0
"""The real programs that the end-to-end tests run: a nats-server and daemons.

Each has a folder of its own, a free port on loopback and a log file. It is killed when its owner
is closed, and dies with the test process even if that is killed itself. Nothing here knows what a
request looks like: that is client.py.
"""

import ctypes
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
START_SECONDS = (
    60  # a sanitizer build on a busy machine; a healthy start takes a fraction of a second
)
_LIBC = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1


def deps() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.environ["HOME"], ".cache")
    return Path(os.environ.get("DARKROOM_DEPS") or os.path.join(cache, "darkroom"))


def daemon_path() -> Path:
    return Path(os.environ["DARKROOM_BIN"]) / "darkroomd"


def plugin_path(plugin: str) -> Path:
    return plugin_folder() / f"{plugin}.so"


def plugin_folder() -> Path:
    return Path(os.environ["DARKROOM_PLUGINS"])


def bad_plugin_path(member: str) -> Path:
    """A member of the zoo of bad plugins, tests/bad-plugins."""
    beside = Path(os.environ["DARKROOM_BIN"]).parent / "tests" / "bad-plugins"
    return Path(os.environ.get("DARKROOM_BAD_PLUGINS") or beside) / f"{member}.so"


def fake_nvml_folder() -> Path:
    """Where a libnvidia-ml.so.1 lies whose GPUs a file names, tests/device/fake_nvml.cc."""
    return Path(os.environ["DARKROOM_BIN"]).parent / "tests" / "fake-nvml"


def fake_cuda_folder() -> Path:
    """Where a libcuda.so.1 lies that answers probes, tests/worker/fake_cuda.cc."""
    return Path(os.environ["DARKROOM_BIN"]).parent / "tests" / "fake-cuda"


def is_sanitized() -> bool:
    """Whether the build has a sanitizer in it, which takes memory, time and some signals."""
    return re.search(rb"__[at]san_init", daemon_path().read_bytes()) is not None


def weights_path(name: str) -> Path:
    return deps() / "models" / f"{name}.safetensors"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def children_of(pid: int) -> list[int]:
    """The processes whose parent is `pid`, whichever of its threads started them."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += [int(child) for child in task.read_text().split()]
        except OSError:
            continue  # the thread has ended meanwhile
    return found


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def wait_until(what: str, condition, seconds: float = START_SECONDS):
    """Asks `condition` until it gives something true, and returns that."""
    end = time.monotonic() + seconds
    while True:
        if answer := condition():
            return answer
        if time.monotonic() > end:
            raise TimeoutError(f"waited {seconds:g} s for {what}")
        time.sleep(0.02)


class Program:
    """One child process with a log file. `close` ends it in any state, with all that it started."""

    def __init__(self, name: str, folder: Path):
        self.name = name
        self.folder = folder
        self.log_path = folder / f"{name}.log"
        self.process: subprocess.Popen | None = None

    def spawn(self, arguments: list, environment: dict | None = None):
        def die_with_parent():
            _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [str(argument) for argument in arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env={**os.environ, **(environment or {})},
                start_new_session=True,
                preexec_fn=die_with_parent,
            )

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def log(self) -> str:
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def send(self, number: signal.Signals):
        self.process.send_signal(number)

    def wait(self, seconds: float = 60) -> int:
        """The exit code; a negative number is the signal that ended it."""
        return self.process.wait(seconds)

    def kill(self):
        if self.process is None:
            return
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()

    close = kill


class NatsServer(Program):
    """nats-server on a port that stays the same when it is started again."""

    def __init__(self, folder: Path, max_payload: int = 1 << 20, jetstream: bool = False):
        super().__init__("nats-server", folder)
        self.port = free_port()
        self.settings = folder / "nats.conf"
        text = f"listen: 127.0.0.1:{self.port}\nmax_payload: {max_payload}\n"
        if jetstream:
            text += f'jetstream {{ store_dir: "{folder}/jetstream", sync_interval: always }}\n'
        self.settings.write_text(text)

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    def launch(self) -> "NatsServer":
        """Starts it and does not wait."""
        self.spawn([deps() / "bin" / "nats-server", "-c", self.settings])
        return self

    def start(self) -> "NatsServer":
        self.launch()
        wait_until("nats-server", self.ready)
        return self

    def ready(self) -> bool:
        """Whether it greets whoever connects."""
        if not self.running():
            raise RuntimeError(f"nats-server ended with {self.process.returncode}:\n{self.log}")
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                return connection.recv(5) == b"INFO "
        except OSError:
            return False


class Daemon(Program):
    """darkroomd with a configuration of its own. Readiness is what it tells systemd."""

    def __init__(self, folder: Path, config: dict, name: str = "darkroomd"):
        super().__init__(name, folder)
        self.host = config.setdefault("host_name", name)
        self.environment: dict[str, str] = {}  # besides what the tests have
        self.state = Path(config.setdefault("state_dir", str(folder / "state")))
        config.setdefault("plugins", {"folder": str(plugin_folder())})
        config.setdefault("http", {"listen": "off"})  # many run side by side
        self.config_path = folder / "darkroom.yaml"
        self.config_path.write_text(json.dumps(config, indent=2))  # JSON is YAML
        self.notices: list[str] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(folder / "notify"))
        self._socket.setblocking(False)

    def launch(self) -> "Daemon":
        """Starts it and does not wait."""
        self.spawn(
            [daemon_path(), "--config", self.config_path],
            {"NOTIFY_SOCKET": str(self.folder / "notify"), **self.environment},
        )
        return self

    def start(self) -> "Daemon":
        self.launch()
        wait_until(f"{self.name} to be ready", self.ready)
        return self

    def ready(self) -> bool:
        if not self.running():
            raise RuntimeError(f"{self.name} ended with {self.process.returncode}:\n{self.log}")
        return "READY=1" in self.read_notices()

    def read_notices(self) -> list[str]:
        """All the lines that the daemon has sent to systemd's socket so far."""
        while True:
            try:
                self.notices += self._socket.recv(65536).decode().splitlines()
            except BlockingIOError:
                return self.notices

    def stop(self) -> int:
        """Asks it to end as systemd would, and returns its exit code."""
        self.send(signal.SIGTERM)
        return self.wait()

    def peak_memory(self) -> int:
        """The largest resident size so far, in bytes."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
        raise RuntimeError("no VmHWM in /proc")

    def close(self):
        self.kill()
        self._socket.close()


class Site:
    """The programs of one test or one file of tests, and the folder that they live in."""

    def __init__(self):
        # Not pytest's own folder: a path of a Unix socket must be short.
        self.folder = Path(tempfile.mkdtemp(prefix="darkroom-e2e-"))
        self.programs: list[Program] = []

    def path(self, name: str) -> Path:
        folder = self.folder / f"{len(self.programs)}-{name}"
        folder.mkdir()
        return folder

    def server(self, **options) -> NatsServer:
        server = NatsServer(self.path("nats"), **options)
        self.programs.append(server)
        return server

    def daemon(self, config: dict, name: str = "darkroomd") -> Daemon:
        daemon = Daemon(self.path(name), config, name)
        self.programs.append(daemon)
        return daemon

    def logs(self, characters: int = 6000) -> list[tuple[str, str]]:
        return [
            (program.log_path.parent.name, program.log[-characters:]) for program in self.programs
        ]

    def close(self):
        for program in reversed(self.programs):
            program.close()
        shutil.rmtree(self.folder, ignore_errors=True)
