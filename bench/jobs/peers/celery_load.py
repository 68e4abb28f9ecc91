# SPDX-License-Identifier: Apache-2.0
"""What job_load is for NATS, with Celery's own client: the same arguments, the same JSON line.

A task is accepted when apply_async has returned, and ended when Redis tells that its result is
stored. Celery's client would subscribe to each result apart; here one subscription hears of all,
which costs less.
"""

import argparse
import json
import os
import threading
import time

import redis
from celery_app import app, echo

_THREADS = 8  # that submit: each waits for Redis, and so for the disk
_ERROR_LIMIT = 100


def cpu_us(pids: list[int]) -> float:
    """What the processes have used, of the kernel's clocks."""
    return sum(time.clock_gettime((~pid << 3) | 2) for pid in pids) * 1e6


def quantile(values: list[float], share: float) -> float:
    """The smallest of the sorted values that at least `share` of all do not exceed."""
    if not values:
        return 0.0
    return values[max(-int(-share * len(values) // 1), 1) - 1]


class Load:
    def __init__(self, size: int):
        self._body = "".join(chr(33 + i * 7 % 90) for i in range(size))
        self._lock = threading.Condition()
        self._open: dict[str, list] = {}  # by id: when it was sent, when it ended, accepted
        self._number = 0
        self._stopping = False
        self.counting = False
        self.took_ms: list[float] = []
        self.late_ms: list[float] = []
        self.errors = 0
        self.first_error = ""
        # All results are heard by hear().
        app.backend.on_task_call = lambda *_: None
        self._ears = redis.Redis.from_url(os.environ["BENCH_REDIS"]).pubsub()
        self._ears.psubscribe("celery-task-meta-*")
        threading.Thread(target=self._hear, daemon=True).start()
        self._free = threading.Semaphore(0)

    def _error(self, words: str) -> None:
        if self.errors == 0:
            self.first_error = words
        self.errors += 1

    def _body_of(self, number: int) -> str:
        text = str(number)
        return text + self._body[len(text) :]

    def _hear(self) -> None:
        for message in self._ears.listen():
            if message["type"] != "pmessage":
                continue
            now = time.monotonic()
            result = json.loads(message["data"])
            with self._lock:
                job = self._open.get(result["task_id"])
                if job is None:
                    self._error("a second result")
                    continue
                if result["status"] != "SUCCESS" or result["result"] != job[3]:
                    self._error(f"a wrong result: {result['status']}")
                job[1] = now
                self._count_if_done(result["task_id"])

    def _count_if_done(self, task: str) -> None:
        """With the lock held."""
        sent, ended, accepted, _ = self._open[task]
        if ended is None or not accepted:
            return
        del self._open[task]
        if self.counting:
            self.took_ms.append((ended - sent) * 1000)
        self._free.release()
        self._lock.notify_all()

    def submit(self) -> None:
        with self._lock:
            self._number += 1
            body = self._body_of(self._number)
            task = f"{os.getpid()}-{self._number}"
            job = [time.monotonic(), None, False, body]
            self._open[task] = job
        echo.apply_async((body,), task_id=task)
        with self._lock:
            job[2] = True
            self._count_if_done(task)

    def settle(self, seconds: float) -> bool:
        """Waits until all that was submitted has ended."""
        with self._lock:
            return self._lock.wait_for(lambda: not self._open, seconds)

    def start_closed(self, concurrency: int) -> None:
        self._free = threading.Semaphore(concurrency)
        for _ in range(_THREADS):
            self._start(self._run_closed)

    def start_open(self, rate: float) -> None:
        begin = time.monotonic()
        for first in range(_THREADS):
            self._start(self._run_open, rate, begin, first)

    def _start(self, run, *arguments) -> None:
        thread = threading.Thread(target=run, args=arguments)
        thread.start()
        self._submitters = [*getattr(self, "_submitters", []), thread]

    def _run_closed(self) -> None:
        while True:
            self._free.acquire()
            if self._stopping or self.errors > _ERROR_LIMIT:
                return
            self.submit()

    def _run_open(self, rate: float, begin: float, number: int) -> None:
        while not self._stopping:
            due = begin + number / rate
            time.sleep(max(due - time.monotonic(), 0))
            self.late_ms.append((time.monotonic() - due) * 1000)
            self.submit()
            number += _THREADS

    def stop(self) -> None:
        self._stopping = True
        for _ in range(_THREADS):
            self._free.release()
        for thread in self._submitters:
            thread.join()

    def finish(self, seconds: float) -> None:
        if not self.settle(seconds):
            for _ in self._open:
                self._error("no result")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    how = parser.add_mutually_exclusive_group(required=True)
    how.add_argument("--concurrency", type=int)
    how.add_argument("--rate", type=float)
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--warmup", type=float, default=0.3)
    parser.add_argument("--seconds", type=float, default=1)
    parser.add_argument("--wait", type=float, default=30)
    parser.add_argument("--patience", type=float, default=10)
    parser.add_argument("--cpu-of", action="append", default=[])
    return parser.parse_args()


def main() -> None:
    arguments = parse()
    clocks = {}
    for spec in arguments.cpu_of:
        name, _, pids = spec.partition("=")
        clocks[name] = [int(pid) for pid in pids.split(",")]
    load = Load(arguments.size)
    load.submit()
    if not load.settle(arguments.wait):
        raise SystemExit("celery_load: the first job has no result")
    if arguments.concurrency:
        load.start_closed(arguments.concurrency)
    else:
        load.start_open(arguments.rate)
    time.sleep(arguments.warmup)

    before = {name: cpu_us(pids) for name, pids in clocks.items()}
    own_before, begin = time.process_time(), time.monotonic()
    load.counting = True
    time.sleep(arguments.seconds)
    load.counting = False
    seconds, own = time.monotonic() - begin, time.process_time() - own_before
    used = {name: cpu_us(pids) - before[name] for name, pids in clocks.items()}
    load.stop()
    load.finish(arguments.patience)

    took = sorted(load.took_ms)
    if not took:
        raise SystemExit(f"celery_load: no job ended within the window: {load.first_error}")
    line = {
        "jobs": len(took),
        "seconds": seconds,
        "jobs_per_s": len(took) / seconds,
        "p50_ms": quantile(took, 0.5),
        "p99_ms": quantile(took, 0.99),
        "max_ms": took[-1],
        "late_p99_ms": quantile(sorted(load.late_ms), 0.99),
        "errors": load.errors,
        "first_error": load.first_error,
        "client_cpu_us": own * 1e6 / len(took),
        "cpu_us": {name: value / len(took) for name, value in used.items()},
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
