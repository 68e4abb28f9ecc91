# SPDX-License-Identifier: Apache-2.0
"""A systemd of the test's own: PID 1 of new namespaces, with the units and programs of the build, and a nats-server.

It has its own processes, network (a loopback and nothing else), cgroup, user names and files: of the host's files none can
be written but those of its folder, and the host's systemd knows nothing of it. It ends, with all that it started, when it
is closed or when the test's process ends.
"""

import ctypes
import fcntl
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
SOURCE = HERE.parents[1] / "systemd"
sys.path.insert(0, str(HERE.parent / "e2e"))

from harness import daemon_path, deps, plugin_path, wait_until  # noqa: E402

_LIBC = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1
_CLONE_NEWNET = 0x40000000
UNSHARE = ("unshare", "--mount", "--pid", "--fork", "--ipc", "--uts", "--net", "--cgroup", "--mount-proc",
           "--kill-child")
# What units refer to that every host has. The default dependencies ask for the first three.
TARGETS = ("sysinit", "basic", "shutdown", "network-online", "machine")
NATS = """[Service]
ExecStart=/opt/darkroom/bin/nats-server -c /run/machine/nats.conf
ExecStartPre=/bin/mkdir -p /var/lib/nats
"""
# There is no journal here.
DROP_IN = """[Service]
StandardOutput=append:/run/machine/%s.log
StandardError=inherit
RestartSec=100ms
LimitCORE=0
"""
URL = "nats://127.0.0.1:4222"


def why_not() -> str:
    """Why there can be no such machine here; empty: there can."""
    for program in ("/lib/systemd/systemd", "/usr/bin/unshare", "/usr/bin/nsenter"):
        if not os.path.exists(program):
            return f"there is no {program}"
    if os.geteuid() != 0:
        return "a systemd of one's own takes root: new namespaces of processes, mounts and network"
    tried = subprocess.run(
        [*UNSHARE, "sh", "-c", "mount --make-rprivate / && mount -t tmpfs tmpfs /run && "
         "mount -t tmpfs tmpfs /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup"],
        text=True, capture_output=True, check=False)
    if tried.returncode != 0:
        return f"namespaces are refused here: {tried.stderr.strip()}"
    if _cgroup_parent() is None:
        return "there is no cgroup2 tree that may be written to"
    return ""


def _cgroup_parent() -> Path | None:
    """This process's folder in the cgroup2 tree."""
    own = [line[3:] for line in Path("/proc/self/cgroup").read_text().splitlines()
           if line.startswith("0::")]
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, place, kind, options = line.split()[:4]
        if kind == "cgroup2" and own:
            found = Path(place + own[0])
            return found if os.access(found, os.W_OK) and "ro" not in options.split(",") else None
    return None


class Machine:

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="darkroom-systemd-"))
        self.folder.chmod(0o755)
        self.cgroup = _cgroup_parent() / self.folder.name
        self.process: subprocess.Popen | None = None
        self.pid = 0  # of systemd

    def boot(self) -> "Machine":
        self._install()
        self.cgroup.mkdir()

        def enter():
            _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            (self.cgroup / "cgroup.procs").write_text(str(os.getpid()))

        terminal, console = os.openpty()
        self.process = subprocess.Popen(
            [*UNSHARE, "bash", HERE / "boot.sh", self.folder, os.ttyname(console)],
            stdin=subprocess.DEVNULL, stdout=console, stderr=console, start_new_session=True,
            preexec_fn=enter)
        os.close(console)
        self.reader = threading.Thread(target=self._keep_console, args=(terminal,), daemon=True)
        self.reader.start()
        wait_until("systemd to boot", self._booted, 30)
        self._join_network()
        self.run("systemd-sysusers", "/run/machine/darkroom.sysusers")
        self.run("systemd-tmpfiles", "--create", "/run/machine/darkroom.tmpfiles")
        return self

    def _install(self):
        install = self.folder / "install"
        for folder in ("bin", "lib", "plugins"):
            (install / folder).mkdir(parents=True)
        build = daemon_path().parent
        for program in ("darkroomd", "darkroom-worker"):
            shutil.copy(build / program, install / "bin")
        shutil.copy(deps() / "bin" / "nats-server", install / "bin")
        shutil.copy(build.parent / "lib" / "libdarkroom-host.so", install / "lib")
        for plugin in ("echo", "mock"):
            shutil.copy(plugin_path(plugin), install / "plugins")
        units = self.folder / "units"
        units.mkdir()
        for name in TARGETS:
            (units / f"{name}.target").write_text("[Unit]\nDefaultDependencies=no\n")
        for name in ("darkroomd.service", "darkroomd@.service"):
            # The installed paths are another machine's.
            text = (Path(os.environ["DARKROOM_UNITS"]) / name).read_text()
            (units / name).write_text(re.sub(r"^(Exec\w+)=\S+/darkroomd ", r"\1=/opt/darkroom/bin/darkroomd ",
                                             text, flags=re.MULTILINE))
        shutil.copy(SOURCE / "darkroom.target", units)
        for name in ("darkroom.sysusers", "darkroom.tmpfiles"):
            shutil.copy(SOURCE / name, self.folder)
        (units / "nats-server.service").write_text(NATS)
        self.drop_in("darkroomd.service", "0-paths", DROP_IN % "darkroomd")
        self.drop_in("darkroomd@.service", "0-paths", DROP_IN % "gpu-%i")
        self.serve_nats("")

    def _keep_console(self, terminal: int):
        """systemd writes to a terminal only, and waits while nobody reads it."""
        with open(self.folder / "console.log", "wb", buffering=0) as log, open(terminal, "rb", 0) as console:
            try:
                while some := console.read(65536):
                    log.write(some)
            except OSError:
                pass  # nobody has it open any more

    def _booted(self) -> bool:
        if self.process.poll() is not None:
            raise RuntimeError(f"systemd did not boot:\n{self.console}")
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        if not children:
            return False
        self.pid = int(children[0])
        return self.run("systemctl", "is-active", "machine.target", check=False).stdout == "active\n"

    def _join_network(self):
        """From now on this thread's sockets are in the machine's network."""
        with open(f"/proc/{self.pid}/ns/net") as network:
            if _LIBC.setns(network.fileno(), _CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
            request = struct.pack("16sh14x", b"lo", 0x1 | 0x40)  # IFF_UP, IFF_RUNNING
            fcntl.ioctl(control, 0x8914, request)  # SIOCSIFFLAGS

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess:
        """Runs a command in the machine."""
        done = subprocess.run(["nsenter", "-t", str(self.pid), "-m", "-p", "-C", *command], text=True,
                              capture_output=True, check=False, timeout=60)
        if check and done.returncode != 0:
            raise RuntimeError(f"{' '.join(command)}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def systemctl(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess:
        return self.run("systemctl", *arguments, check=check)

    def drop_in(self, unit: str, name: str, text: str):
        folder = self.folder / "units" / f"{unit}.d"
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.conf").write_text(text)

    def configure(self, config: dict, name: str = "darkroom"):
        self.write(f"/etc/darkroom/{name}.yaml", json.dumps(config, indent=1), "0640", "root:darkroom")

    def write(self, path: str, text: str, mode: str = "0600", owner: str = "root:root"):
        staged = self.folder / "staged"
        staged.write_text(text)
        self.run("cp", "--no-preserve=mode", "/run/machine/staged", path)
        self.run("chmod", mode, path)
        self.run("chown", owner, path)
        staged.unlink()

    def reset(self):
        """As after the boot, but for the names of users."""
        self.systemctl("stop", "darkroomd.service", "darkroom.target", "nats-server.service", check=False)
        self.systemctl("reset-failed", check=False)
        for folder in (self.folder / "units").glob("*.d"):
            for file in folder.glob("*.conf"):
                if file.name != "0-paths.conf":
                    file.unlink()
        for log in self.folder.glob("*.log"):
            if log.name != "console.log":
                log.unlink()
        # A dynamic user's folders lie in private ones, with links to them.
        self.run("sh", "-c", "rm -rf /var/lib/nats /var/lib/darkroom /var/lib/private /var/cache/darkroom "
                 "/var/cache/private /etc/credstore/* /etc/darkroom/*")
        self.run("systemd-tmpfiles", "--create", "/run/machine/darkroom.tmpfiles")
        self.serve_nats("")
        self.reload()

    def reload(self):
        """Has systemd read the units again."""
        self.systemctl("daemon-reload")

    def serve_nats(self, settings: str):
        (self.folder / "nats.conf").write_text(
            'listen: "127.0.0.1:4222"\n'
            'jetstream { store_dir: "/var/lib/nats", sync_interval: always }\n' + settings)

    def show(self, unit: str = "darkroomd") -> dict[str, str]:
        return dict(line.split("=", 1) for line in self.systemctl("show", unit).stdout.splitlines())

    def main_pid(self, unit: str = "darkroomd") -> int:
        """The daemon's, as this process sees it."""
        wanted = self.show(unit)["MainPID"]
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                lines = (folder / "status").read_text().splitlines()
            except OSError:
                continue  # it has ended
            numbers = next((line.split()[1:] for line in lines if line.startswith("NSpid:")), [])
            same = os.path.exists(folder / "ns/pid") and os.readlink(folder / "ns/pid") == os.readlink(
                f"/proc/{self.pid}/ns/pid")
            if same and numbers[-1:] == [wanted]:
                return int(folder.name)
        raise RuntimeError(f"{unit} has no process")

    def log(self, name: str = "darkroomd") -> str:
        path = self.folder / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    @property
    def console(self) -> str:
        path = self.folder / "console.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def close(self):
        if self.process is not None:
            self.process.kill()  # and the kernel ends what is in its process namespace
            self.process.wait()
            self.reader.join(10)
        for _ in range(500):
            try:
                for folder, _, _ in os.walk(self.cgroup, topdown=False):
                    os.rmdir(folder)
                break
            except OSError:
                time.sleep(0.01)  # not all of them have ended yet
        shutil.rmtree(self.folder, ignore_errors=True)
