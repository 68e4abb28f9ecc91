# SPDX-License-Identifier: Apache-2.0
"""Jobs that run in steps go on where they were when a worker or a host is killed, to the same result."""

import asyncio
import json
import os
import random
import re
import signal

import nats.js.errors

from beside import worker_pid
from client import until

MODELS = {"steps": {"plugin": "mock-steps"}}
SAVE_OFTEN = {"save_every": "50ms"}
STEPS = 60
STEP_MS = 25
BUCKET = "OBJ_darkroom-saved"


def params(seed: int, steps: int = STEPS, step_ms: int = STEP_MS) -> dict:
    return {"steps": steps, "step_ms": step_ms, "seed": seed}


async def undisturbed(client, seed: int, steps: int = STEPS) -> bytes:
    """What a run makes that nobody kills, which need not take any time."""
    return (await client.run("steps", params=params(seed, steps, 0))).ok().data


async def step_of(client, job: str, least: int, seconds: float = 60) -> int:
    """Waits until the job has made so many steps."""
    inbox = await client.nats.subscribe(f"darkroom.progress.{job}")
    try:
        while True:
            told = json.loads((await inbox.next_msg(timeout=seconds)).data)
            made = int(re.match(r"step (\d+)/", told["stage"]).group(1))
            if made >= least:
                return made
    finally:
        await inbox.unsubscribe()


async def kept_step(jobs, job: str, least: int = 1) -> int:
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
        assert (head["model"], head["plugin"]) == ("steps", "mock-steps 1.1.0")
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


async def test_a_request_whose_worker_is_killed_goes_on(durable):
    jobs, _, (daemon,) = await durable(models=MODELS, jobs=SAVE_OFTEN)
    client = jobs.client
    expected = await undisturbed(client, 7)
    run = asyncio.create_task(
        client.run("steps", params=params(7), Darkroom_Job="a", Darkroom_Progress="1")
    )
    await step_of(client, "a", random.randrange(10, 30))
    os.kill(await worker_pid(client, "steps"), signal.SIGKILL)
    reply = (await run).ok()
    assert reply.data == expected
    assert reply.headers["Darkroom-Attempts"] == "2"
    assert 0 < resumed_at(reply) <= STEPS
    assert f"a steps: goes on from step {resumed_at(reply)}" in daemon.log


async def test_a_job_whose_worker_is_killed_twice_goes_on_twice(durable):
    jobs, _, _ = await durable(models=MODELS, jobs=SAVE_OFTEN)
    expected = await undisturbed(jobs.client, 9)
    await jobs.submit("steps", job="b", params=params(9))
    for least in (random.randrange(1, 15), random.randrange(20, 35)):
        at = await kept_step(jobs, "b", least)
        os.kill(await worker_pid(jobs.client, "steps"), signal.SIGKILL)
    state = await jobs.ended("b")
    assert (state["state"], state["attempts"]) == ("succeeded", 3)
    assert at <= state["receipt"]["resumed_at"] < STEPS
    reply = (await jobs.reply("steps", "b")).ok()
    assert reply.data == expected
    assert resumed_at(reply) == state["receipt"]["resumed_at"]
    await jobs.none_left()
    await nothing_is_kept(jobs)


async def test_a_job_of_a_killed_daemon_goes_on_at_another(durable):
    jobs, _, daemons = await durable(names=("one", "two"), models=MODELS, jobs=SAVE_OFTEN)
    expected = await undisturbed(jobs.client, 11)
    await jobs.submit("steps", job="c", params=params(11))
    at = await kept_step(jobs, "c", random.randrange(1, 30))
    host = (await jobs.state("c"))["host"]
    next(daemon for daemon in daemons if daemon.host == host).kill()
    state = await jobs.ended("c", 60)
    assert (state["state"], state["attempts"]) == ("succeeded", 2)
    assert state["host"] != host
    reply = (await jobs.reply("steps", "c")).ok()
    assert reply.data == expected
    assert at <= resumed_at(reply) < STEPS
    await jobs.none_left()
    await nothing_is_kept(jobs)


async def test_a_daemon_that_is_killed_and_started_again_goes_on(durable):
    jobs, _, (daemon,) = await durable(models=MODELS, jobs=SAVE_OFTEN)
    expected = await undisturbed(jobs.client, 13)
    await jobs.submit("steps", job="d", params=params(13))
    at = await kept_step(jobs, "d", random.randrange(1, 30))
    daemon.kill()
    daemon.start()
    await jobs.ended("d", 60)
    reply = (await jobs.reply("steps", "d")).ok()
    assert reply.data == expected
    assert at <= resumed_at(reply) < STEPS
    await jobs.none_left()
    await nothing_is_kept(jobs)


async def test_a_kept_state_that_is_none_of_the_jobs_is_told_of_and_not_used(durable):
    jobs, _, (daemon,) = await durable(models=MODELS, jobs=SAVE_OFTEN)
    expected = await undisturbed(jobs.client, 17)
    bucket = None
    for job, state in (("garbage", b"no state"), ("foreign", None)):
        await jobs.submit("steps", job=job, params=params(17))
        await kept_step(jobs, job)
        daemon.kill()
        bucket = await jobs.js.object_store("darkroom-saved")
        if state is None:  # a good one of another job
            state = (await bucket.get(f"state.{job}")).data.replace(b"foreign", b"another", 1)
        await bucket.put(f"state.{job}", state)
        daemon.start()
        await jobs.ended(job, 60)
        reply = (await jobs.reply("steps", job)).ok()
        assert reply.data == expected
        assert "Darkroom-Resumed-At" not in reply.headers
    assert daemon.log.count("garbage steps: begins anew: the kept state is damaged") == 1
    assert daemon.log.count("begins anew: the kept state's job is another, not foreign") == 1
    await nothing_is_kept(jobs)


async def test_a_server_that_keeps_no_states_is_told_of_and_costs_no_job(durable):
    jobs, server, (daemon,) = await durable(models=MODELS, jobs=SAVE_OFTEN)
    expected = await undisturbed(jobs.client, 19)
    # A stream that has the bucket's subjects: the bucket cannot be made.
    await jobs.js.add_stream(name="IN_THE_WAY", subjects=["$O.darkroom-saved.>"])
    await jobs.submit("steps", job="f", params=params(19))
    await jobs.ended("f", 60)
    assert (await jobs.reply("steps", "f")).ok().data == expected
    assert daemon.log.count("f steps: its state could not be kept") == 1
    await jobs.none_left()


async def test_without_states_a_job_begins_anew(durable):
    jobs, _, _ = await durable(models=MODELS, jobs={"save_every": 0})
    client = jobs.client
    expected = await undisturbed(client, 15)
    run = asyncio.create_task(
        client.run("steps", params=params(15), Darkroom_Job="e", Darkroom_Progress="1")
    )
    await step_of(client, "e", 10)
    os.kill(await worker_pid(client, "steps"), signal.SIGKILL)
    reply = (await run).ok()
    assert reply.data == expected
    assert "Darkroom-Resumed-At" not in reply.headers
