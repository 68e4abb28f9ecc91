# SPDX-License-Identifier: Apache-2.0
"""Jobs that run in steps go on where they were when a worker or a host is killed, to the same result."""

import asyncio
import json
import os
import random
import re
import signal

from beside import worker_pid
from client import until
from harness import bad_plugin_path
from kept import SAVE_OFTEN, kept_step, nothing_is_kept, resumed_at

MODELS = {"steps": {"plugin": "mock-steps"}}
BADLY = {"badly": {"plugin": str(bad_plugin_path("saves_badly"))}}
STEPS = 60
STEP_MS = 25


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


async def went_on(jobs, job: str, at: int, expected: bytes):
    """It gave what it gives undisturbed, from that step on at the earliest, and nothing of it is left."""
    reply = (await jobs.reply("steps", job)).ok()
    assert reply.data == expected
    assert at <= resumed_at(reply) < STEPS
    await jobs.none_left()
    await nothing_is_kept(jobs)


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

    async def runs_on():
        state = await jobs.state("c")
        return state and state["state"] == "running" and state["host"]

    host = await until("it to be told that it runs", runs_on)
    next(daemon for daemon in daemons if daemon.host == host).kill()
    state = await jobs.ended("c", 60)
    assert (state["state"], state["attempts"]) == ("succeeded", 2)
    assert state["host"] != host
    await went_on(jobs, "c", at, expected)


async def test_a_daemon_that_is_killed_and_started_again_goes_on(durable):
    jobs, _, (daemon,) = await durable(models=MODELS, jobs=SAVE_OFTEN)
    expected = await undisturbed(jobs.client, 13)
    await jobs.submit("steps", job="d", params=params(13))
    at = await kept_step(jobs, "d", random.randrange(1, 30))
    daemon.kill()
    daemon.start()
    await jobs.ended("d", 60)
    await went_on(jobs, "d", at, expected)


async def test_a_kept_state_that_is_none_of_the_jobs_is_told_of_and_not_used(durable):
    jobs, _, (daemon,) = await durable(models=MODELS, jobs=SAVE_OFTEN)
    expected = await undisturbed(jobs.client, 17)
    for job in ("garbage", "foreign"):
        await jobs.submit("steps", job=job, params=params(17))
    for job in ("garbage", "foreign"):
        await kept_step(jobs, job)
    daemon.kill()
    bucket = await jobs.js.object_store("darkroom-saved")
    good = (await bucket.get("state.foreign")).data
    await bucket.put("state.foreign", good.replace(b"foreign", b"another", 1))
    await bucket.put("state.garbage", b"no state")
    daemon.start()
    for job in ("garbage", "foreign"):
        await jobs.ended(job, 60)
        reply = (await jobs.reply("steps", job)).ok()
        assert json.loads(reply.data)["sum"] == json.loads(expected)["sum"]
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


async def killed_with_a_state(jobs, job: str, how: str) -> tuple[dict, object]:
    """A job of the zoo's saves_badly, whose worker is killed when a state of it is kept."""
    await jobs.submit("badly", how.encode(), job=job)
    await kept_step(jobs, job, plugin="saves_badly 1.0.0")
    os.kill(await worker_pid(jobs.client, "badly"), signal.SIGKILL)
    state = await jobs.ended(job, 60)
    return state, await jobs.reply("badly", job)


async def test_a_state_that_its_plugin_does_not_know_begins_the_job_anew(durable):
    jobs, _, (daemon,) = await durable(models=BADLY, jobs=SAVE_OFTEN)
    state, reply = await killed_with_a_state(jobs, "g", "bad garbage")
    assert (state["state"], state["attempts"]) == ("succeeded", 2)
    assert reply.ok().data == b"bad garbage"
    assert "resumed_at" not in state["receipt"] and resumed_at(reply) == 0
    assert re.search(r"g begins anew, its state of step \d+ is none of it: cannot read that", daemon.log)
    await nothing_is_kept(jobs)


async def test_a_state_that_ends_the_worker_is_not_used_twice(durable):
    jobs, _, _ = await durable(models=BADLY, jobs=SAVE_OFTEN)
    state, reply = await killed_with_a_state(jobs, "r", "bad resumes")
    assert (state["state"], state["attempts"]) == ("succeeded", 3)
    assert [words.split("(")[0].strip() for words in state["history"]] == [
        "its worker was killed by SIGKILL", "its worker was killed by SIGABRT"]
    assert reply.ok().data == b"bad resumes"
    assert resumed_at(reply) == 0
    await nothing_is_kept(jobs)


async def test_an_error_of_restore_is_the_jobs(durable):
    jobs, _, _ = await durable(models=BADLY, jobs={**SAVE_OFTEN, "max_attempts": 1})
    state, reply = await killed_with_a_state(jobs, "e", "bad restores")
    assert (state["state"], state["error"]["code"]) == ("failed", "internal")
    assert reply.failed("internal").error["message"] == "no glasses"
    await nothing_is_kept(jobs)


async def test_a_worker_that_is_lost_by_saving_costs_the_job_its_attempts(durable):
    jobs, _, _ = await durable(models=BADLY, jobs=SAVE_OFTEN)
    reply = await jobs.client.run("badly", b"bad crashes")
    assert "SIGABRT" in reply.failed("instance_lost").error["message"]
    assert reply.headers["Darkroom-Attempts"] == "3"


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
