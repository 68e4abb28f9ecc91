# SPDX-License-Identifier: Apache-2.0
"""For tests that do harm to a model's worker: such models, their workers, how others do."""

import asyncio
import contextlib
import time

from client import Client, until
from harness import bad_plugin_path

LONGEST_PAUSE = 1.0  # that another model's requester may see, in seconds
ECHO = {"plugin": "echo", "instances": 2}


def member(name: str) -> dict:
    """A model of the zoo's, which copies its input when it is not asked to be bad."""
    return {"plugin": str(bad_plugin_path(name))}


async def worker_pid(client: Client, model: str) -> int:
    """The process that the model's instances live in; 0 while there is none."""
    pids = {
        instance["pid"]
        for instance in (await client.control("ps"))["instances"]
        if instance["model"] == model
    }
    assert len(pids) == 1, f"instances of {model} in several processes: {pids}"
    return pids.pop()


async def replaced(client: Client, model: str, lost: int, seconds: float = 20) -> int:
    """The model's worker, once there is one and it is not `lost`."""

    async def another() -> int:
        pid = await worker_pid(client, model)
        return pid if pid != lost else 0

    return await until(f"another worker for {model}", another, seconds)


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
