# SPDX-License-Identifier: Apache-2.0
"""What a test that does harm to a model's worker has to know: the worker, and how others do."""

import asyncio
import contextlib
import time

from client import Client

LONGEST_PAUSE = 1.0  # that another model's requester may see, in seconds


async def worker_pid(client: Client, model: str) -> int:
    """The process that the model's instances live in; 0 while there is none."""
    pids = {
        instance["pid"]
        for instance in (await client.control("ps"))["instances"]
        if instance["model"] == model
    }
    assert len(pids) == 1, f"instances of {model} in several processes: {pids}"
    return pids.pop()


async def another_pid(client: Client, model: str, than: int) -> int:
    """The model's worker, if there is one and it is not `than`."""
    pid = await worker_pid(client, model)
    return pid if pid != than else 0


@contextlib.asynccontextmanager
async def undisturbed(client: Client, model: str = "echo", longest: float = LONGEST_PAUSE):
    """While the block runs, `model` must answer request after request, without a pause.

    Its answers are the bytes that were sent, as echo's are.
    """
    stop = asyncio.Event()
    pauses = []

    async def ask():
        while not stop.is_set() or len(pauses) < 3:
            body = f"beside {len(pauses)}".encode()
            start = time.monotonic()
            reply = await client.run(model, body)
            pauses.append(time.monotonic() - start)
            assert reply.ok().data == body
            await asyncio.sleep(0.005)

    asker = asyncio.create_task(ask())
    try:
        yield
    finally:
        stop.set()
    await asker
    assert max(pauses) < longest, f"{model} was held up for {max(pauses):.2f} s"
