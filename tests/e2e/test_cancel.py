# SPDX-License-Identifier: Apache-2.0
"""A job is cancelled by a request on darkroom.cancel.JOB, whose answer says how the job ended."""

import asyncio
import json
import time

from client import Reply, until

ONE_AT_A_TIME = {"mock": {"plugin": "mock", "max_batch": 1}}


async def cancel(client, job: str) -> dict:
    reply = await client.request(f"darkroom.cancel.{job}", timeout=10)
    answer = reply.json()
    assert answer["job"] == job and answer["host"]
    return answer


async def runs(jobs, job: str):
    async def running():
        state = await jobs.state(job)
        return state and state["state"] == "running"

    await until(f"{job} to run", running)


async def test_a_durable_job_that_waits(durable):
    jobs, _, _ = await durable(models=ONE_AT_A_TIME)
    inbox = jobs.client.nats.new_inbox()
    heard = await jobs.client.nats.subscribe(inbox)
    names = [f"c{number}" for number in range(6)]
    for name in names:
        await jobs.submit("mock", b"1", name, params={"delay_ms": 600}, Darkroom_Reply_To=inbox)
    assert (await cancel(jobs.client, "c5"))["state"] == "cancelled"
    state = await jobs.state("c5")
    assert state["state"] == "cancelled" and state["attempts"] == 0
    for name in names[:-1]:
        assert (await jobs.ended(name))["state"] == "succeeded"
    (await jobs.reply("mock", "c5")).failed("cancelled")
    await jobs.none_left()
    replies = {}
    while len(replies) < len(names):
        reply = Reply(await heard.next_msg(10))
        replies[reply.headers["Darkroom-Job"]] = reply.code
    assert replies == {**dict.fromkeys(names, "ok"), "c5": "cancelled"}
    assert await jobs.state("c5") == state, "an end that was left"


async def test_a_durable_job_that_runs_stops(durable):
    jobs, _, _ = await durable(models=ONE_AT_A_TIME)
    await jobs.submit("mock", b"1", "long", params={"delay_ms": 60000})
    await jobs.submit("mock", b"1", "next", params={"delay_ms": 0})
    await runs(jobs, "long")
    started = time.monotonic()
    assert (await cancel(jobs.client, "long"))["state"] == "cancelled"
    assert (await jobs.ended("next"))["state"] == "succeeded"
    assert time.monotonic() - started < 10, "it went on running"
    (await jobs.reply("mock", "long")).failed("cancelled")
    await jobs.none_left()


async def test_a_durable_job_that_does_not_look_is_stopped_with_its_worker(durable):
    jobs, _, (daemon,) = await durable(models={"mock": {"plugin": "mock", "max_batch": 2}})
    deaf = {"delay_ms": 60000, "poll_cancel": False}
    await jobs.submit("mock", b"1", "deaf", params=deaf)
    await runs(jobs, "deaf")
    await jobs.submit("mock", b"1", "beside", params={"delay_ms": 10})
    assert (await cancel(jobs.client, "deaf"))["state"] == "cancelled"
    state = await jobs.ended("beside", 20)
    assert (state["state"], state["attempts"]) == ("succeeded", 1)
    await jobs.none_left()
    assert (await jobs.state("deaf"))["state"] == "cancelled"


async def test_one_that_has_ended_stays_as_it_is(durable):
    jobs, _, _ = await durable()
    await jobs.submit("echo", b"1", "done")
    before = await jobs.ended("done")
    assert (await cancel(jobs.client, "done"))["state"] == "succeeded"
    assert await jobs.state("done") == before
    assert (await jobs.reply("echo", "done")).ok().data == b"1"


async def test_one_that_was_just_submitted(durable):
    """No host has written a state of it yet."""
    jobs, _, _ = await durable(models=ONE_AT_A_TIME)
    for number in range(4):
        await jobs.submit("mock", b"1", f"before{number}", params={"delay_ms": 500})
    await jobs.submit("mock", b"1", "new")
    assert (await cancel(jobs.client, "new"))["state"] == "cancelled"
    await jobs.none_left()


async def test_whoever_comes_first_wins(durable):
    """Jobs that end as they are cancelled: the answer, the state and the reply agree."""
    jobs, _, _ = await durable(names=("one", "two"))
    seen = set()
    for number in range(60):
        job = f"race{number}"
        await jobs.submit("mock", b"1", job, params={"delay_ms": number % 12})
        await asyncio.sleep((number % 7) * 0.002)
        answer = await cancel(jobs.client, job)
        state = await jobs.ended(job)
        reply = await jobs.reply("mock", job)
        assert answer["state"] == state["state"] == reply.headers["Darkroom-State"]
        assert reply.code == {"succeeded": "ok"}.get(state["state"], state["state"])
        seen.add(state["state"])
    assert seen <= {"succeeded", "cancelled"} and "cancelled" in seen
    await jobs.none_left()


async def test_an_interactive_job_on_one_of_two_hosts(durable):
    jobs, _, _ = await durable(names=("one", "two"), models=ONE_AT_A_TIME)
    client = jobs.client
    params = {"delay_ms": 60000}
    asked = [
        asyncio.create_task(client.run("mock", b"1", params=params, Darkroom_Job=f"i{number}"))
        for number in range(3)
    ]
    await asyncio.sleep(0.5)  # they run, or wait, wherever they went
    started = time.monotonic()
    for number in range(3):
        assert (await cancel(client, f"i{number}"))["state"] == "cancelled"
    assert time.monotonic() - started < 10
    for request in asked:
        (await request).failed("cancelled")


async def test_an_interactive_job_that_does_not_look(durable):
    jobs, _, _ = await durable()
    params = {"delay_ms": 60000, "poll_cancel": False}
    asked = asyncio.create_task(jobs.client.run("mock", b"1", params=params, Darkroom_Job="deaf"))
    await asyncio.sleep(0.5)
    assert (await cancel(jobs.client, "deaf"))["state"] == "cancelled"
    (await asked).failed("cancelled")
    assert (await jobs.client.run("mock", b"1", params={"output_bytes": 1})).ok()


async def test_one_that_nobody_knows(durable):
    jobs, _, _ = await durable()
    reply = await jobs.client.request("darkroom.cancel.nobody", timeout=10)
    reply.failed("not_found")


async def test_without_durable_jobs(site, connect):
    server = site.server().start()
    daemon = site.daemon({"nats": {"url": server.url}, "models": ONE_AT_A_TIME}, "one").start()
    client = await connect(server.url)
    params = {"delay_ms": 60000}
    asked = [
        asyncio.create_task(client.run("mock", b"1", params=params, Darkroom_Job=job))
        for job in ("runs", "waits")
    ]
    await asyncio.sleep(0.3)
    assert (await cancel(client, "waits"))["state"] == "cancelled"
    assert (await cancel(client, "runs"))["state"] == "cancelled"
    for request in asked:
        (await request).failed("cancelled")
    (await client.request("darkroom.cancel.nobody", timeout=10)).failed("not_found")
    assert daemon.stop() == 0
