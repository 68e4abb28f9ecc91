# SPDX-License-Identifier: Apache-2.0
"""A closed loop of JPEGs to a server of embeddings, over NATS or HTTP: a fixed number of requests in flight.

Each reply must be 512 floats of length one, and the same embedding as the picture's first one.
"""

import asyncio
import http.client
import io
import statistics
import threading
import time
from dataclasses import dataclass, field
from urllib.parse import urlparse

import numpy

# What a picture's embedding may differ by, from pass to pass.
_TOLERANCE = 1e-4


def photographs() -> list[bytes]:
    """Eight of some 500 x 500, as cameras and sites send them."""
    import skimage.data
    from PIL import Image

    bodies = []
    for picture in (skimage.data.astronaut(), skimage.data.coffee()):
        for turn in range(4):
            stream = io.BytesIO()
            Image.fromarray(numpy.rot90(picture, turn)).save(stream, "JPEG", quality=90)
            bodies.append(stream.getvalue())
    return bodies


@dataclass
class Sample:
    """One server at one concurrency in one round."""

    seconds: float = 0.0
    times: list[float] = field(default_factory=list)  # of the requests that ended within the window
    errors: int = 0
    first_error: str = ""

    def quantile(self, share: float) -> float:
        ordered = sorted(self.times)
        return ordered[min(int(share * len(ordered)), len(ordered) - 1)]

    @property
    def rate(self) -> float:
        return len(self.times) / self.seconds

    @property
    def median(self) -> float:
        return statistics.median(self.times)


class Checker:
    def __init__(self):
        self._known: dict[int, numpy.ndarray] = {}

    def fault(self, number: int, reply: bytes) -> str:
        """What is wrong with it; empty: nothing."""
        if len(reply) != 4 * 512:
            return f"{len(reply)} bytes: {reply[:200]!r}"
        found = numpy.frombuffer(reply, "<f4")
        if abs(float(numpy.linalg.norm(found)) - 1) > 1e-3:
            return "not of length one"
        known = self._known.setdefault(number, found)
        return "" if numpy.abs(found - known).max() <= _TOLERANCE else "not the picture's embedding"


class Window:
    """Counts what ends between the warm-up's end and the window's. A server so slow that it has not answered `least`
    requests by then is given the time."""

    def __init__(self, warmup: float, seconds: float, least: int, checker: Checker):
        self._begin = time.perf_counter() + warmup
        self._end = self._begin + seconds
        self._least = least
        self._checker = checker
        self._lock = threading.Lock()
        self.sample = Sample(seconds)

    def open(self) -> bool:
        return time.perf_counter() < self._end or len(self.sample.times) < self._least

    def ended(self, number: int, started: float, reply: bytes | Exception) -> None:
        now = time.perf_counter()
        fault = repr(reply) if isinstance(reply, Exception) else self._checker.fault(number, reply)
        with self._lock:
            if fault:
                self.sample.errors += 1
                self.sample.first_error = self.sample.first_error or fault
            elif self._begin <= now and (now < self._end or len(self.sample.times) < self._least):
                self.sample.times.append(now - started)
                self.sample.seconds = max(self.sample.seconds, now - self._begin)


async def _over_nats(url: str, subject: str, bodies, concurrency: int, window: Window) -> None:
    import nats

    client = await nats.connect(url)

    async def loop(first: int) -> None:
        number = first
        while window.open() and not window.sample.errors:
            started = time.perf_counter()
            try:
                message = await client.request(
                    subject, bodies[number % len(bodies)], timeout=120,
                    headers={"Accept": "application/octet-stream"})
                reply = message.data
            except Exception as error:  # whatever it is, it is counted and the loop goes on
                reply = error
            window.ended(number % len(bodies), started, reply)
            number += concurrency

    await asyncio.gather(*(loop(i) for i in range(concurrency)))
    await client.close()


def _over_http(url: str, bodies, concurrency: int, window: Window) -> None:
    where = urlparse(url)

    def loop(number: int) -> None:
        connection = http.client.HTTPConnection(where.hostname, where.port, timeout=120)
        while window.open() and not window.sample.errors:
            started = time.perf_counter()
            try:
                connection.request("POST", where.path, bodies[number % len(bodies)])
                reply = connection.getresponse().read()
            except Exception as error:  # as above
                connection.close()
                reply = error
            window.ended(number % len(bodies), started, reply)
            number += concurrency
        connection.close()

    threads = [threading.Thread(target=loop, args=(i,)) for i in range(concurrency)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def measure(url: str, subject: str, bodies: list[bytes], concurrency: int, warmup: float, seconds: float,
            checker: Checker) -> Sample:
    """`subject`: empty for HTTP."""
    window = Window(warmup, seconds, concurrency, checker)
    if subject:
        asyncio.run(_over_nats(url, subject, bodies, concurrency, window))
    else:
        _over_http(url, bodies, concurrency, window)
    return window.sample


def first_reply(url: str, subject: str, body: bytes, wait: float) -> bytes:
    """The first reply that a server gives to it, asked again until it is there."""

    async def over_nats() -> bytes:
        import nats

        client = await nats.connect(url)
        end = time.perf_counter() + wait
        while True:
            try:
                message = await client.request(
                    subject, body, timeout=wait, headers={"Accept": "application/octet-stream"})
                if "Nats-Service-Error" not in (message.headers or {}):
                    await client.close()
                    return message.data
                error = message.data
            except Exception as failure:  # nobody is there yet
                error = failure
            if time.perf_counter() > end:
                raise TimeoutError(f"no reply on {subject}: {error}")
            await asyncio.sleep(0.005)

    if subject:
        return asyncio.run(over_nats())
    where = urlparse(url)
    end = time.perf_counter() + wait
    while True:
        try:
            connection = http.client.HTTPConnection(where.hostname, where.port, timeout=wait)
            connection.request("POST", where.path, body)
            response = connection.getresponse()
            if response.status == 200:
                return response.read()
            failure = response.status
        except OSError as error:
            failure = error
        if time.perf_counter() > end:
            raise TimeoutError(f"no reply at {url}: {failure}")
        time.sleep(0.02)
