# SPDX-License-Identifier: Apache-2.0
"""A queue of jobs that is none: it accepts and answers at once, and can be told to do wrong."""

import asyncio
import json
import threading

import nats


def accepted(number: int) -> dict:
    return {"stream": "FAKE", "seq": number}


class FakeQueue:
    """Takes jobs on test.jobs. Each is told `accept(number)` (None: nothing) and then
    `answer(body)`, one of None, bytes or a list of several replies, on test.results.<id>. The first
    job is treated rightly, so that the load starts, and so are all but every `every`th."""

    def __init__(self, url: str, accept=accepted, answer=lambda body: body, every: int = 10):
        self._url = url
        self._accept = accept
        self._answer = answer
        self._every = every
        self._count = 0
        self.ids: list[str] = []
        self._started = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._ending = asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=[self._run()])

    async def _run(self) -> None:
        connection = await nats.connect(self._url)

        async def take(job) -> None:
            self._count += 1
            self.ids.append(job.headers["Nats-Msg-Id"])
            wrong = self._count > 1 and self._count % self._every == 0
            told = (self._accept if wrong else accepted)(self._count)
            if told is not None:
                await connection.publish(job.reply, json.dumps(told).encode())
            replies = self._answer(job.data) if wrong else job.data
            for reply in replies if isinstance(replies, list) else [replies]:
                if reply is not None:
                    await connection.publish(f"test.results.{self.ids[-1]}", reply)

        await connection.subscribe("test.jobs", cb=take)
        await connection.flush()
        self._started.set()
        await self._ending.wait()
        await connection.close()

    def __enter__(self) -> "FakeQueue":
        self._thread.start()
        assert self._started.wait(10)
        return self

    def __exit__(self, *_) -> None:
        self._loop.call_soon_threadsafe(self._ending.set)
        self._thread.join()
        self._loop.close()
