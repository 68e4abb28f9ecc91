# SPDX-License-Identifier: Apache-2.0
"""Jobs that run in steps: others go between two of them, join them, and leave them."""

import asyncio
import json
import time

import pytest

from client import until

MODELS = {
    "diffusion": {"plugin": "mock-steps", "preload": True},
    "clip": {"plugin": "mock", "preload": True},
}
CONFIG = {"devices": [{"device": "sim:0", "memory": "1GiB"}]}
STEP_MS = 100


def steps(count: int, **params) -> dict:
    return {"steps": count, "step_ms": STEP_MS, **params}


async def has_begun(client, job: str) -> None:
    """Until the job has made its first step."""
    inbox = await client.nats.subscribe(f"darkroom.progress.{job}")
    await inbox.next_msg(timeout=20)
    await inbox.unsubscribe()


def begin(client, job: str, params: dict, **headers) -> asyncio.Task:
    headers = {"Darkroom-Progress": "1", "Darkroom-Job": job, **headers}
    return asyncio.create_task(client.run("diffusion", params=params, timeout=60, **headers))


async def test_who_waits_goes_between_two_steps_of_bulk(durable):
    jobs, _, _ = await durable(models=MODELS, **CONFIG)
    client = jobs.client
    await jobs.submit("diffusion", job="big", job_class="bulk", params=steps(40))

    async def running():
        return (await jobs.state("big") or {}).get("state") == "running"

    await until("the long job to run", running)
    took = []
    for _ in range(5):
        start = time.monotonic()
        (await client.run("clip", params={"delay_ms": 5})).ok()
        took.append(time.monotonic() - start)
    # At most the step that was being made, and not the forty.
    assert sorted(took)[2] < 0.1 * 2, took
    assert max(took) < 1, took
    assert (await jobs.state("big"))["state"] == "running"
    await jobs.ended("big")
    result = (await jobs.reply("diffusion", "big")).ok()
    assert json.loads(result.data) == {"steps": 40, "company": 1}
    await jobs.none_left()


async def test_jobs_share_steps_and_leave_when_they_are_done(client):
    first = begin(client, "first", steps(20))
    await has_begun(client, "first")
    start = time.monotonic()
    second = await client.run("diffusion", params=steps(3))
    assert json.loads(second.ok().data) == {"steps": 3, "company": 2}
    assert time.monotonic() - start < 1, "it waited for the first to end"
    assert not first.done()
    assert json.loads((await first).ok().data) == {"steps": 20, "company": 2}


async def test_who_does_not_share_the_batch_key_waits(client):
    first = begin(client, "one-size", steps(8))
    await has_begun(client, "one-size")
    other = await client.run("diffusion", params=steps(2, size=512))
    assert first.done()
    assert json.loads(other.ok().data) == {"steps": 2, "company": 1}


async def test_cancel_takes_a_job_out_of_the_steps(client):
    first = begin(client, "cancelled", steps(100))
    await has_begun(client, "cancelled")
    second = asyncio.create_task(client.run("diffusion", params=steps(10)))
    start = time.monotonic()
    answer = await client.request("darkroom.cancel.cancelled", b"")
    assert answer.json()["state"] == "cancelled", answer.data
    assert time.monotonic() - start < 1
    (await first).failed("cancelled")
    (await second).ok()


async def test_a_step_that_fails_ends_only_its_job(client):
    bad = begin(client, "bad", steps(10, fail_at=5))
    good = asyncio.create_task(client.run("diffusion", params=steps(10)))
    error = (await bad).failed("internal").error
    assert error["message"] == "told to fail at step 5"
    assert json.loads((await good).ok().data)["steps"] == 10


async def test_a_deadline_ends_a_job_between_two_steps(client):
    start = time.monotonic()
    late = await client.run("diffusion", params=steps(100), Darkroom_Deadline="500ms")
    late.failed("deadline_exceeded")
    assert time.monotonic() - start < 2
    (await client.run("diffusion", params=steps(1))).ok()
