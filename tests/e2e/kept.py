# SPDX-License-Identifier: Apache-2.0
"""The states that are kept of jobs that run in steps, as a client of JetStream sees them."""

import json

import nats.js.errors

from client import until

SAVE_OFTEN = {"save_every": "50ms"}
BUCKET = "OBJ_darkroom-saved"


async def kept_step(jobs, job: str, least: int = 0, plugin: str = "mock-steps 1.2.0") -> int:
    """Waits until a state of the job is kept in which it has made so many steps."""

    async def step():
        try:
            # It is of one piece. The object store's own reader waits for pieces that are replaced.
            state = await jobs.js.get_last_msg(BUCKET, "$O.darkroom-saved.C.>")
        except nats.js.errors.NotFoundError:
            return 0
        head = json.loads(state.data.split(b"\n")[0])
        if head["job"] != job:
            return 0  # the one before it
        assert head["plugin"] == plugin
        return head["step"] if head["step"] >= least else 0

    return await until(f"a state of {job} to be kept", step)


async def objects(jobs) -> int:
    """How many states are kept of jobs that have not ended."""
    bucket = await jobs.js.object_store("darkroom-saved")
    try:
        return len(await bucket.list(ignore_deletes=True))
    except nats.js.errors.NotFoundError:
        return 0


async def nothing_is_kept(jobs):
    async def empty():
        return await objects(jobs) == 0

    await until("the states to be removed", empty)


def resumed_at(reply) -> int:
    return int(reply.headers.get("Darkroom-Resumed-At", 0))
