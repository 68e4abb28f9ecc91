# SPDX-License-Identifier: Apache-2.0
"""The programs of a run: one nats-server, two daemons, a proxy before each; kills and restarts.

A kill is SIGKILL, from within the proxy's gate, so that nothing passes between the message that
pulled the trigger and the death. Whoever was killed is started again on what it left on the disk.
"""

import asyncio
import collections
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import support  # noqa: F401: finds the end-to-end tests' modules
from harness import START_SECONDS, Daemon, Program, Site, bad_plugin_path, children_of
from plan import Kill
from points import Seen, Tap
from proxy import Frame, Gate, Proxy

HOSTS = ("one", "two")
PLUGINS = ("mock", "crashes", "hangs")


def models() -> dict:
    # Batches are small, so that it takes many deaths to meet all jobs, and one meets several.
    return {
        "mock": {"plugin": "mock", "instances": 2, "max_batch": 4, "deadline": "30m"},
        "crashes": {"plugin": str(bad_plugin_path("crashes")), "max_batch": 2, "deadline": "30m"},
        "hangs": {"plugin": str(bad_plugin_path("hangs")), "max_batch": 2, "deadline": "30m"},
    }


def configuration(url, **jobs) -> dict:
    return {
        "nats": {"url": url},
        "jobs": {"enabled": True, "ack_wait": "2s", **jobs},
        "limits": {"stop_grace": "300ms"},
        "devices": [{"device": "cpu", "lanes": 4}],
        "models": models(),
    }


async def until_ready(program: Program):
    end = time.monotonic() + START_SECONDS
    while not program.ready():
        if time.monotonic() > end:
            raise TimeoutError(f"{program.name} is not ready after {START_SECONDS} s:\n{program.log[-4000:]}")
        await asyncio.sleep(0.02)


def kill(program: Program):
    """This process alone: what it started has to notice by itself."""
    os.kill(program.pid, signal.SIGKILL)
    program.wait()


def workers_of(daemon: Daemon, plugin: str = "mock") -> list[int]:
    def hosts_it(pid: int) -> bool:
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            return False
        return len(words) > 1 and words[1].decode().startswith(f"{plugin} ")

    return [pid for pid in children_of(daemon.pid) if hosts_it(pid)]


@dataclass
class Host:
    daemon: Daemon
    proxy: Proxy
    tap: Tap


class World(Gate):
    """`on_seen` hears of every step of a job that passes a proxy."""

    def __init__(self, on_seen=lambda seen: None):
        self.site = Site()
        self.server = self.site.server(jetstream=True)
        self.hosts: list[Host] = []
        self.deaths = collections.Counter()  # by victim, of the kills that were carried out
        self.passed = collections.Counter()  # of the points, by name
        self.crashed: list[str] = []  # who died without being killed
        self.on_seen = on_seen
        self._armed: Kill | None = None
        self._fired: asyncio.Future | None = None

    async def start(self):
        await until_ready(self.server.launch())
        for name in HOSTS:
            proxy = await Proxy(self.server.port, self).start()
            daemon = self.site.daemon(configuration(proxy.url), name).launch()
            self.hosts.append(Host(daemon, proxy, Tap()))
        for host in self.hosts:
            await until_ready(host.daemon)

    async def close(self):
        """The proxies; the programs are the site's to end."""
        for host in self.hosts:
            await host.proxy.close()

    async def carry_out(self, kill: Kill, patience: float) -> bool:
        """Returns when what died is there again. False: nothing passed the point in that time."""
        self._look_for_crashes()
        if kill.point is None:
            self._strike(kill.victim, self.hosts[kill.host])
        else:
            self._armed, self._fired = kill, asyncio.get_running_loop().create_future()
            await asyncio.wait([self._fired], timeout=patience)
            self._armed = None
            if not self._fired.done():
                return False
        await asyncio.sleep(kill.pause)
        await self.restore()
        return True

    async def restore(self):
        """Starts again what does not run, the daemons first: they must wait for the server."""
        dead = [program for program in self._programs() if not program.running()]
        for program in reversed(dead):
            if isinstance(program, Daemon):
                program.read_notices()
                program.notices.clear()
            program.launch()
        for program in dead:
            await until_ready(program)

    def before(self, proxy: Proxy, frame: Frame, to_server: bool) -> bool:
        host = next(host for host in self.hosts if host.proxy is proxy)
        seen = frame.note = host.tap.see(frame, to_server)
        if seen is None:
            return True
        if seen.sequence:
            self.on_seen(seen)
        return not self._meets(seen, "before") or not self._fire(host)

    def after(self, proxy: Proxy, frame: Frame, to_server: bool):
        if frame.note is not None and self._meets(frame.note, "after"):
            self._fire(next(host for host in self.hosts if host.proxy is proxy))

    def _meets(self, seen: Seen, when: str) -> bool:
        armed = self._armed
        return armed is not None and (armed.point.step, armed.point.when) == (seen.step, when)

    def _fire(self, host: Host) -> bool:
        """Whether the message that did it is lost."""
        kill = self._armed
        if not self._strike(kill.victim, host):
            return False  # it has no worker at this moment; the next one, then
        self._armed = None
        self.passed[kill.point.name] += 1
        self._fired.set_result(None)
        return kill.victim != "worker"

    def _strike(self, victim: str, host: Host) -> bool:
        if victim == "worker":
            workers = workers_of(host.daemon)
            for pid in workers:
                os.kill(pid, signal.SIGKILL)
            self.deaths[victim] += bool(workers)
            return bool(workers)
        hosts = self.hosts if victim == "all" else [host] if victim in ("daemon", "both", "link") else []
        for struck in hosts:
            if victim != "link":
                kill(struck.daemon)
            struck.proxy.cut()  # with what it had sent and we had not forwarded
        if victim in ("server", "both", "all"):
            kill(self.server)
        self.deaths[victim] += 1
        return True

    def _programs(self) -> list[Program]:
        return [self.server, *(host.daemon for host in self.hosts)]

    def _look_for_crashes(self):
        for program in self._programs():
            if not program.running():
                self.crashed.append(f"{program.name} ended by itself with {program.process.returncode}")
