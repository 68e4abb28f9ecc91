# SPDX-License-Identifier: Apache-2.0
"""Durable jobs of class bulk: submits them, and hears when each ends. With nats-py."""

import asyncio
import json
import time

import nats.js.errors
from common.connection import Connection
from common.programs import BenchError

_SECONDS = 60
# Publishes on their way at once: the server answers each.
_AT_ONCE = 256


class BulkQueue(Connection):
    def __init__(self, url: str, prefix: str, model: str):
        super().__init__(url)
        self._prefix = prefix
        self._model = model
        self._submitted = 0
        self.ended: list[float] = []  # seconds of the monotonic clock
        self.errors: list[str] = []
        subject = f"{prefix}.results.{model}.*"
        self._run(self._connection.subscribe(subject, cb=self._hear))

    async def _hear(self, message) -> None:
        self.ended.append(time.monotonic())
        error = (message.headers or {}).get("Nats-Service-Error")
        if error is not None:
            self.errors.append(error)

    @property
    def waiting(self) -> int:
        return self._submitted - len(self.ended)

    def await_end_of(self, count: int) -> None:
        """Of so many jobs in all."""
        end = time.monotonic() + _SECONDS
        while len(self.ended) < count:
            if time.monotonic() > end:
                raise BenchError(f"only {len(self.ended)} of {count} bulk jobs end")
            self.rest(0.05)

    def submit(self, count: int, params: dict) -> None:
        self._run(self._submit(count, params))

    async def _submit(self, count: int, params: dict) -> None:
        stream = self._connection.jetstream()
        await self._publish_first(stream, params)
        turns = asyncio.Semaphore(_AT_ONCE)

        async def publish() -> None:
            async with turns:
                await self._publish(stream, params)

        await asyncio.gather(*(publish() for _ in range(count - 1)))

    async def _publish_first(self, stream, params: dict) -> None:
        """The daemon makes the stream when it starts."""
        end = time.monotonic() + _SECONDS
        while True:
            try:
                return await self._publish(stream, params)
            except nats.js.errors.NoStreamResponseError as error:
                if time.monotonic() > end:
                    raise BenchError("the daemon makes no stream for jobs") from error
                await asyncio.sleep(0.1)

    async def _publish(self, stream, params: dict) -> None:
        subject = f"{self._prefix}.jobs.bulk.{self._model}"
        headers = {"Darkroom-Params": json.dumps(params)}
        await stream.publish(subject, b"a prompt", timeout=_SECONDS, headers=headers)
        self._submitted += 1
