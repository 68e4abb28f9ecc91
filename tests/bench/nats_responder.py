# SPDX-License-Identifier: Apache-2.0
"""A responder that can be told to do wrong."""

import asyncio
import threading

import nats


class NatsResponder:
    """Answers with `change(body)`: None, bytes, or a list of several replies. The first request is
    answered rightly, so that the load starts. Headers come back as they are, or with those given
    for wrong replies. `deadlines` are those that were asked with."""

    def __init__(self, url: str, change, misbehave_every: int = 1, headers: dict | None = None):
        self._url = url
        self._change = change
        self._every = misbehave_every
        self._headers = headers or {}
        self.deadlines: set[str | None] = set()
        self._started = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._ending = asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=[self._run()])

    async def _run(self) -> None:
        connection = await nats.connect(self._url)
        count = 0

        async def answer(message) -> None:
            nonlocal count
            count += 1
            self.deadlines.add((message.headers or {}).get("Darkroom-Deadline"))
            wrong = count > 1 and count % self._every == 0
            replies = self._change(message.data) if wrong else message.data
            headers = {**(message.headers or {}), **(self._headers if wrong else {})}
            for reply in replies if isinstance(replies, list) else [replies]:
                if reply is not None:
                    await connection.publish(message.reply, reply, headers=headers or None)

        await connection.subscribe("test.echo", cb=answer)
        await connection.flush()
        self._started.set()
        await self._ending.wait()
        await connection.close()

    def __enter__(self) -> "NatsResponder":
        self._thread.start()
        assert self._started.wait(10)
        return self

    def __exit__(self, *_) -> None:
        self._loop.call_soon_threadsafe(self._ending.set)
        self._thread.join()
        self._loop.close()
