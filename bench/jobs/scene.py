# SPDX-License-Identifier: Apache-2.0
"""One setting of the disk, `always` or the servers' own: a nats-server with the daemon and the bare
workers on it, and a Redis with Celery on it. All run at once and idle while another is measured.
"""

import os
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from common import programs
from common.programs import BenchError, Program
from common.site import Site
from jobs.queues import Pace, Queue

OURS = "darkroom"
BARE = {"bare": "consume", "bare_with_result": "result"}
CELERY = "celery"
_START_SECONDS = 60
_PEERS = Path(__file__).resolve().parent / "peers"
# What Redis is told where nats-server is told to sync, or nothing.
_APPENDFSYNC = {"always": "always", "default": "everysec"}
_CELERY_CONCURRENCY = 2


def celery_python() -> Path | None:
    """The Python that bench/jobs/setup made, or nothing."""
    python = programs.deps_folder() / "celery" / "bin" / "python3"
    return python if python.exists() else None


def redis_program() -> Path | None:
    """Debian's redis-tools has all of redis-server in the file of another of Redis' programs, which
    does what its name says; the package redis-server is a link to it and a service that starts."""
    for name in ("redis-server", "redis-check-rdb"):
        path = Path("/usr/bin") / name
        if path.exists():
            return path
    return None


def disk_sync_ms(folder: Path) -> float:
    """How long the disk takes for 1 KiB more of a file."""
    took = []
    with (folder / "disk").open("wb", buffering=0) as file:
        for _ in range(50):
            file.write(bytes(1024))
            begin = time.monotonic()
            os.fsync(file.fileno())
            took.append((time.monotonic() - begin) * 1000)
    return median(took)


def _await_words(program: Program, words: str) -> None:
    end = time.monotonic() + _START_SECONDS
    while words not in program.log.read_text(errors="replace"):
        program.check()
        if time.monotonic() > end:
            raise BenchError(f"{program.name} does not start:\n{program.tail()}")
        time.sleep(0.05)


class Scene:
    def __init__(self, setting: str, build: Path, folder: Path, stack: ExitStack):
        self._setting = setting
        self._folder = folder
        sync = "sync_interval: always, " if setting == "always" else ""
        store = folder / "jetstream"
        settings = f'jetstream {{ {sync}store_dir: "{store}" }}\n'
        self._site = Site(build, folder, stack, settings)
        self.queues = [self._start_darkroom(), *(self._start_bare(name) for name in BARE)]
        if celery_python() and redis_program():
            self.queues.append(self._start_celery())
        self.disk_sync_ms: list[float] = []

    def _load(self, subject: str, *end: str) -> list:
        load = self._site.binary("job_load")
        return [load, "--url", self._site.url, "--subject", subject, *end]

    def _start_darkroom(self) -> Queue:
        models = {"echo": {"plugin": "echo", "preload": True}}
        # As it is by default: in a worker process.
        daemon = self._site.start_darkroom(OURS, "process", models, jobs={"enabled": True})
        load = self._load(f"{OURS}.jobs.normal.echo", "--replies", f"{OURS}.results.echo.")
        return Queue(OURS, load, daemon, self._site.server)

    def _start_bare(self, name: str) -> Queue:
        command = [self._site.binary("bare_worker"), "--url", self._site.url]
        worker = self._site.start(name, [*command, "--name", name, "--mode", BARE[name]])
        _await_words(worker, "ready")
        replies = ["--replies", f"bench.{name}.results."]
        end = ["--acks-of", name] if BARE[name] == "consume" else replies
        return Queue(name, self._load(f"bench.{name}.jobs", *end), worker, self._site.server)

    def _start_celery(self) -> Queue:
        port = programs.free_port()
        program = self._folder / "redis-server"
        program.symlink_to(redis_program())
        data = self._folder / "redis"
        data.mkdir()
        command = [program, "--bind", "127.0.0.1", "--port", port, "--dir", data, "--save", ""]
        command += ["--appendonly", "yes", "--appendfsync", _APPENDFSYNC[self._setting]]
        redis = self._site.start("redis", command)
        programs.await_port(port)
        environment = {**os.environ, "BENCH_REDIS": f"redis://127.0.0.1:{port}/0"}
        python = celery_python()
        command = [python, "-B", "-m", "celery", "--workdir", _PEERS, "--app", "celery_app"]
        command += ["worker", "--concurrency", _CELERY_CONCURRENCY, "--loglevel", "WARNING"]
        command += ["--without-gossip", "--without-mingle", "--without-heartbeat"]
        worker = self._site.start(CELERY, command, environment)
        load = [python, "-B", _PEERS / "celery_load.py"]
        return Queue(CELERY, load, worker, redis, environment)

    def run_round(self, number: int, pace: Pace) -> dict[str, dict]:
        """A sample of each queue. Who comes first changes from round to round."""
        self.disk_sync_ms.append(disk_sync_ms(self._folder))
        shift = number % len(self.queues)
        order = self.queues[shift:] + self.queues[:shift]
        return {queue.name: queue.sample(pace) for queue in order}
