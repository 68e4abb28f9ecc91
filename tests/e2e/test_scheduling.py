# SPDX-License-Identifier: Apache-2.0
"""Who goes first: classes, tenants, deadlines, and what is refused because it would wait in vain."""

import asyncio
import re
import time

from client import until

ONE = {"plugin": "mock", "max_batch": 1}
MODELS = {
    "mock": ONE,
    "one-at-once": {**ONE, "max_concurrency": 1},
    "patient": {"plugin": "mock", "max_batch": 4, "max_delay": "2s"},
}


async def timed(request) -> float:
    start = time.monotonic()
    (await request).ok()
    return time.monotonic() - start


async def test_who_waits_goes_before_bulk_and_bulk_is_not_starved(durable):
    jobs, _, _ = await durable(models=MODELS)
    for number in range(20):
        await jobs.submit("mock", job=f"b{number}", job_class="bulk", params={"delay_ms": 100})

    async def one_less():
        return await jobs.waiting() < 20

    await until("the first to end", one_less)

    async def ask():
        return await jobs.client.run("mock", params={"delay_ms": 10})

    # Behind the batch that runs, and perhaps the one at hand: not behind twenty.
    took = [await timed(ask()) for _ in range(5)]
    assert sorted(took)[2] < 0.5, took
    assert await jobs.waiting() > 5
    # Many who wait, all the time: bulk goes on all the same.
    for number in range(1, 20):
        await jobs.client.nats.flush()
        await asyncio.gather(*(ask() for _ in range(10)))
        if (await jobs.state("b8") or {}).get("state") == "succeeded":
            break
    else:
        raise AssertionError("bulk was starved")
    await jobs.none_left()
    # For the lane, which others of them had or more urgent ones.
    receipts = [(await jobs.ended(f"b{number}"))["receipt"] for number in range(20)]
    waited = [receipt.get("waited", "") for receipt in receipts]
    assert any("device=" in one for one in waited), waited
    assert any("urgent=" in one for one in waited), waited


async def test_it_is_told_what_a_job_waits_for(durable):
    jobs, _, _ = await durable(models=MODELS)
    client = jobs.client
    # One runs, one may be at hand, and one waits.
    asked = [
        asyncio.create_task(client.run("mock", params={"delay_ms": 500})) for _ in range(3)
    ]
    await client.nats.flush()

    async def what() -> str | None:
        models = (await client.request("darkroom.control.models")).json()["models"]
        return next(one for one in models if one["name"] == "mock")["queue"].get("for")

    async def told():
        return await what() == "device"

    await until("it to be told what the last waits for", told)
    replies = [(await one).ok() for one in asked]
    waited = re.search(r"\bdevice=(\d+)", replies[-1].headers["Darkroom-Waited"])
    assert waited and int(waited[1]) >= 400, replies[-1].headers
    assert await what() is None


async def test_tenants_share_the_lane(durable):
    jobs, _, _ = await durable(models=MODELS, scheduling={"weights": {"paying": 3}})
    ended: list[str] = []

    async def ask(tenant: str):
        reply = await jobs.client.run("mock", params={"delay_ms": 20}, Darkroom_Tenant=tenant)
        reply.ok()
        ended.append(tenant)

    # Whoever came first with forty does not keep the others waiting.
    many = [asyncio.create_task(ask("many")) for _ in range(40)]
    await jobs.client.nats.flush()
    few = [asyncio.create_task(ask("few")) for _ in range(8)]
    paying = [asyncio.create_task(ask("paying")) for _ in range(24)]
    await asyncio.gather(*many, *few, *paying)
    # By their weights 24, 8 and 8 of 40, once all of them are there.
    first = ended[:46]
    assert first.count("paying") >= 22, first
    assert first.count("few") >= 6, first


async def test_what_would_wait_in_vain_is_refused_at_once(durable):
    jobs, _, _ = await durable(models=MODELS)
    client = jobs.client
    for _ in range(3):
        (await client.run("mock", params={"delay_ms": 300})).ok()
    waiting = [
        asyncio.create_task(client.run("mock", params={"delay_ms": 300})) for _ in range(8)
    ]
    await client.nats.flush()
    start = time.monotonic()
    reply = await client.run("mock", Darkroom_Deadline="500ms")
    assert time.monotonic() - start < 0.3
    error = reply.failed("busy").error
    assert "would pass before its turn" in error["message"], error
    assert 1 <= int(reply.headers["Retry-After"]) <= 4, reply.headers
    for one in waiting:
        (await one).ok()
    (await client.run("mock", Darkroom_Deadline="500ms")).ok()


async def test_no_more_jobs_of_a_model_run_than_may(durable):
    devices = [{"device": "cpu", "lanes": 2}]
    models = {
        name: {**model, "instances": 2, "preload": True} for name, model in MODELS.items()
    }
    jobs, _, _ = await durable(models=models, devices=devices)

    async def four(model: str) -> float:
        start = time.monotonic()
        asked = [jobs.client.run(model, params={"delay_ms": 200}) for _ in range(4)]
        for reply in await asyncio.gather(*asked):
            reply.ok()
        return time.monotonic() - start

    assert await four("one-at-once") >= 0.8
    assert await four("mock") < 0.8


async def test_a_batch_is_waited_for(durable):
    jobs, _, _ = await durable(models=MODELS)

    async def ask():
        return await jobs.client.run("patient")

    assert await timed(ask()) >= 2
    start = time.monotonic()
    for reply in await asyncio.gather(*(ask() for _ in range(4))):
        reply.ok()
    assert time.monotonic() - start < 2


async def test_a_batch_takes_its_time_once_and_each_job_has_its_own_end(durable):
    jobs, _, _ = await durable(models=MODELS)

    async def ask(number: int, **params):
        params = {"batch_ms": 500, "echo": True, **params}
        return await jobs.client.run("patient", f"body {number}".encode(), params=params)

    asked = [ask(0), ask(1, fail="internal"), ask(2, echo=False), ask(3)]
    replies = await asyncio.gather(*asked)
    for number in (0, 3):
        assert replies[number].ok().data == f"body {number}".encode()
    replies[1].failed("internal")
    assert replies[2].ok().data == b""
    # One batch of four, and not four times its time.
    for reply in replies:
        assert 500 <= float(reply.headers["Darkroom-Run-Ms"]) < 1000
