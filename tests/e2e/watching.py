# SPDX-License-Identifier: Apache-2.0
"""A request together with all that is told of its job before the reply."""

import asyncio


async def run_and_watch(
    client, model: str, body: bytes, job: str, progress: str | None = "1", **options
):
    """The reply, and every progress message of the job, each with its time of arrival."""
    events = []
    loop = asyncio.get_running_loop()

    async def note(message):
        events.append((loop.time(), message))

    subscription = await client.nats.subscribe(f"darkroom.progress.{job}", cb=note)
    await client.nats.flush()
    headers = {"Darkroom_Progress": progress} if progress is not None else {}
    reply = await client.run(model, body, Darkroom_Job=job, **headers, **options)
    before_reply = len(events)
    await client.control("status")
    await client.nats.flush()
    await subscription.drain()
    return reply, events, before_reply
