# SPDX-License-Identifier: Apache-2.0
"""A connection to NATS, with nats-py, for code that is not asynchronous itself."""

import asyncio

import nats


class Connection:
    """Use it in a `with` statement or an ExitStack. It hears of things only while it waits for
    something."""

    def __init__(self, url: str):
        self._loop = asyncio.new_event_loop()
        self._connection = self._run(nats.connect(url))

    def __enter__(self):
        return self

    def __exit__(self, *_) -> None:
        self._run(self._connection.close())
        self._loop.close()

    def _run(self, coroutine):
        return self._loop.run_until_complete(coroutine)

    def rest(self, seconds: float) -> None:
        """Does nothing, but keeps the connection alive meanwhile."""
        self._run(asyncio.sleep(seconds))
