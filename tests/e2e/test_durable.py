# SPDX-License-Identifier: Apache-2.0
"""Durable jobs: submitted by any client's publish, each with one final reply, whatever dies."""

import json
import signal
import time

import nats.errors
import nats.js.errors
import pytest

from client import Reply, until
from durable import MODELS
from harness import wait_until
from mock_output import pattern


async def test_a_job_is_run_and_its_reply_stored_once(durable):
    jobs, _, _ = await durable()
    accepted = await jobs.submit("echo", b"hello", "a1", Darkroom_Tags="album=42, owner=me")
    assert accepted.stream == "DARKROOM_JOBS"
    state = await jobs.ended("a1")
    assert state["state"] == "succeeded" and state["attempts"] == 1
    assert (state["model"], state["class"], state["host"]) == ("echo", "normal", "one")
    assert state["tags"] == {"album": "42", "owner": "me"}
    assert state["result"] == "darkroom.results.echo.a1"
    assert state["submitted"] <= state["finished"]
    reply = (await jobs.reply("echo", "a1")).ok()
    assert reply.data == b"hello"
    assert reply.headers["Darkroom-Job"] == "a1"
    assert reply.headers["Darkroom-Attempts"] == "1"
    assert reply.headers["Darkroom-State"] == "succeeded"
    await jobs.none_left()


async def test_every_class_is_served_and_a_job_need_not_have_an_id(durable):
    jobs, _, _ = await durable()
    for job_class in ("interactive", "normal", "bulk"):
        accepted = await jobs.submit("echo", b"x", job_class=job_class)
        state = await jobs.ended(f"s{accepted.seq}")
        assert (state["state"], state["class"]) == ("succeeded", job_class)


async def test_the_same_id_twice_is_one_job(durable):
    jobs, server, daemons = await durable()
    await jobs.submit("mock", b"1", "twice", params={"output_bytes": 5})
    assert (await jobs.submit("mock", b"1", "twice")).duplicate
    first = await jobs.ended("twice")
    await jobs.none_left()
    # A server that was started again knows no ids of jobs that are over; their states do.
    await jobs.restart(server)
    again = await jobs.submit("mock", b"1", "twice", params={"output_bytes": 9})
    assert not again.duplicate
    await jobs.none_left()
    assert await jobs.state("twice") == first
    assert (await jobs.reply("mock", "twice")).ok().data == pattern(5, 0)


async def test_a_failure_is_tried_again_only_where_that_may_help(durable):
    jobs, _, _ = await durable()
    await jobs.submit("mock", b"1", "no", params={"fail": "invalid_argument", "message": "no"})
    await jobs.submit("mock", b"1", "busy", params={"fail": "resource_exhausted", "message": "full"})
    state = await jobs.ended("no")
    assert (state["state"], state["attempts"]) == ("failed", 1)
    assert state["error"]["code"] == "invalid_argument"
    (await jobs.reply("mock", "no")).failed("invalid_argument")
    state = await jobs.ended("busy")
    assert (state["state"], state["attempts"]) == ("failed", 3)
    assert state["history"] == ["full", "full"]
    assert state["error"]["message"] == "full"
    await jobs.none_left()


async def test_what_is_no_request_fails_in_words(durable):
    jobs, _, _ = await durable()
    await jobs.submit("mock", b"1", "typo", params={"delay": 1})
    assert (await jobs.ended("typo"))["error"]["code"] == "invalid_argument"
    await jobs.submit("mock", b"1", "tags", Darkroom_Tags="album")
    assert "no tag" in (await jobs.ended("tags"))["error"]["message"]
    accepted = await jobs.submit("mock", b"1", "two words")
    state = await jobs.ended(f"s{accepted.seq}")
    assert "cannot name a job" in state["error"]["message"]
    await jobs.none_left()


async def test_a_job_that_crashes_its_worker_is_given_up(durable):
    jobs, _, _ = await durable()
    await jobs.submit("crashes", b"bad", "poison")
    await jobs.submit("crashes", b"good", "good")
    state = await jobs.ended("poison")
    assert (state["state"], state["error"]["code"]) == ("failed", "instance_lost")
    assert len(state["history"]) == 3 and state["attempts"] == 3
    assert (await jobs.ended("good"))["state"] == "succeeded"
    await jobs.none_left()


async def test_a_deadline_counts_from_the_submission(durable):
    jobs, _, _ = await durable()
    await jobs.submit("mock", b"1", "long", params={"delay_ms": 1500})
    # What is due first would go first, if both waited.
    await until("it to run", lambda: jobs.client.jobs("running", "mock"))
    await jobs.submit("mock", b"1", "late", Darkroom_Deadline="500ms")
    state = await jobs.ended("late")
    assert (state["state"], state["error"]["code"]) == ("expired", "deadline_exceeded")
    assert (await jobs.ended("long"))["state"] == "succeeded"


async def test_whoever_asked_is_answered_too(durable):
    jobs, _, _ = await durable()
    inbox = jobs.client.nats.new_inbox()
    heard = await jobs.client.nats.subscribe(inbox)
    await jobs.submit("echo", b"hi", "well", Darkroom_Reply_To=inbox)
    reply = Reply(await heard.next_msg(10)).ok()
    assert reply.data == b"hi" and reply.headers["Darkroom-Job"] == "well"
    await jobs.submit("mock", b"", "badly", params={"fail": "internal"}, Darkroom_Reply_To=inbox)
    assert Reply(await heard.next_msg(10)).code == "internal"
    with pytest.raises(nats.errors.TimeoutError):
        await heard.next_msg(0.5)


async def test_a_job_that_is_over_answers_whoever_did_not_hear(durable):
    """As after the death of a host that had written the end and told nobody."""
    jobs, server, _ = await durable()
    await jobs.submit("echo", b"hi", "over")
    await jobs.ended("over")
    await jobs.none_left()
    await jobs.restart(server)
    inbox = jobs.client.nats.new_inbox()
    heard = await jobs.client.nats.subscribe(inbox)
    assert not (await jobs.submit("echo", b"hi", "over", Darkroom_Reply_To=inbox)).duplicate
    reply = Reply(await heard.next_msg(10)).ok()
    assert reply.data == b"hi" and reply.headers["Darkroom-Job"] == "over"
    await jobs.none_left()
    await jobs.reply("echo", "over")


async def test_a_state_tells_what_runs(durable):
    jobs, _, _ = await durable()
    await jobs.submit("mock", b"1", "slow", params={"delay_ms": 1000})

    async def running():
        state = await jobs.state("slow")
        return state and state["state"] == "running" and state

    state = await until("it to run", running)
    assert state["host"] == "one" and "started" in state
    assert (await jobs.ended("slow"))["started"] == state["started"]


async def test_a_killed_daemon_loses_no_job(durable):
    """Its jobs come to the other, and what it had stored is not run again."""
    jobs, _, daemons = await durable(names=("one", "two"))
    names = [f"k{number}" for number in range(60)]
    for number, name in enumerate(names):
        await jobs.submit(
            "mock", b"1", name, params={"delay_ms": 40, "output_bytes": 10, "seed": number}
        )
        if number == 30:
            daemons[0].kill()
    for number, name in enumerate(names):
        state = await jobs.ended(name)
        assert state["state"] == "succeeded", state
        assert (await jobs.reply("mock", name)).ok().data == pattern(10, number)
    await jobs.none_left()
    assert (await jobs.js.stream_info("DARKROOM_RESULTS")).state.messages == len(names)


async def test_a_host_that_is_lost_while_a_job_runs_is_an_attempt(durable):
    jobs, _, daemons = await durable(names=("one", "two"), models={"mock": {"plugin": "mock"}})
    await jobs.submit("mock", b"1", "long", params={"delay_ms": 1000, "output_bytes": 3})

    async def runs_on():
        state = await jobs.state("long")
        return state and state["state"] == "running" and state["host"]

    host = await until("it to run", runs_on)
    next(daemon for daemon in daemons if daemon.host == host).kill()
    state = await jobs.ended("long")
    assert (state["state"], state["attempts"]) == ("succeeded", 2)
    assert state["history"] == [f"the host that ran it was lost ({host})"]
    assert state["host"] != host
    assert (await jobs.reply("mock", "long")).ok().data == pattern(3, 0)


async def test_a_job_is_not_tried_for_ever_by_hosts_that_die(durable):
    only_mock = {"mock": {"plugin": "mock"}}
    jobs, _, (daemon,) = await durable(models=only_mock, jobs={"max_attempts": 1})
    await jobs.submit("mock", b"1", "long", params={"delay_ms": 1000})

    async def runs():
        state = await jobs.state("long")
        return state and state["state"] == "running"

    await until("it to run", runs)
    daemon.kill()
    daemon.start()
    state = await jobs.ended("long")
    assert (state["state"], state["error"]["code"]) == ("failed", "instance_lost")
    assert "the host that ran it was lost (one)" in state["error"]["message"]
    (await jobs.reply("mock", "long")).failed("instance_lost")
    await jobs.none_left()


async def test_a_killed_server_loses_no_job(durable):
    jobs, server, _ = await durable(names=("one", "two"))
    names = []
    for number in range(60):
        name = f"n{number}"
        await jobs.submit("mock", b"1", name, params={"delay_ms": 40, "output_bytes": number + 1})
        names.append(name)
        if number in (15, 40):
            await jobs.restart(server)
    for number, name in enumerate(names):
        assert (await jobs.ended(name, 60))["state"] == "succeeded"
        assert (await jobs.reply("mock", name)).ok().data == pattern(number + 1, 0)
    await jobs.none_left()


async def test_a_reply_that_cannot_be_stored_is_no_attempt(durable):
    jobs, _, (daemon,) = await durable(jobs={"max_attempts": 1})
    kept = (await jobs.js.stream_info("DARKROOM_RESULTS")).config
    await jobs.submit("mock", b"1", "again", params={"delay_ms": 1000, "output_bytes": 3})

    async def runs():
        state = await jobs.state("again")
        return state and state["state"] == "running"

    await until("it to run", runs)
    await jobs.js.delete_stream("DARKROOM_RESULTS")
    wait_until("the log to say so", lambda: "its final reply could not be stored" in daemon.log)
    await jobs.js.add_stream(kept)
    state = await jobs.ended("again")
    assert (state["state"], state["attempts"]) == ("succeeded", 1)
    assert (await jobs.reply("mock", "again")).ok().data == pattern(3, 0)
    await jobs.none_left()


async def test_a_daemon_that_stops_hands_waiting_jobs_back_at_once(durable):
    # Four come at most: two batches, which are finished, or less, and the rest waits.
    jobs, _, daemons = await durable(models={"mock": {"plugin": "mock", "max_batch": 2}})
    names = [f"d{number}" for number in range(6)]
    for name in names:
        await jobs.submit("mock", b"1", name, params={"delay_ms": 700})

    async def running():
        return await jobs.client.jobs("running", "mock")

    await until("one to run", running)
    started = time.monotonic()
    daemons[0].send(signal.SIGTERM)
    assert daemons[0].wait() == 0
    assert time.monotonic() - started < 5
    assert await jobs.waiting() >= len(names) - 4
    states = [await jobs.state(name) for name in names]
    assert all(state is None or state["state"] in ("queued", "succeeded") for state in states)
    config = json.loads(daemons[0].config_path.read_text())
    restarted = daemons[0].start()
    assert config["host_name"] == "one" and restarted.running()
    for name in names:
        assert (await jobs.ended(name))["attempts"] == 1
    await jobs.none_left()


async def test_a_host_takes_what_it_can_soon_run_and_asks_for_it_at_once(durable):
    models = {"echo": {"plugin": "echo"}, "mock": {"plugin": "mock", "max_batch": 1}}
    jobs, _, _ = await durable(models=models)

    async def consumer(model: str):
        return await jobs.js.consumer_info("DARKROOM_JOBS", f"normal-{model}")

    async def asked():
        return (await consumer("echo")).num_waiting

    # The server keeps 512 requests for a consumer, of all hosts together.
    assert await until("a request", asked) == 1
    for number in range(300):
        await jobs.submit("echo", b"x", f"e{number}")
    await jobs.none_left()
    # It serves them in turn, so that some of 64 places or more may be partly served at a time.
    assert 1 <= await asked() <= 8
    for number in range(6):
        await jobs.submit("mock", b"1", f"m{number}", params={"delay_ms": 100})
    held = []
    while await jobs.waiting():
        held.append((await consumer("mock")).num_ack_pending)
    # One that runs, one at hand, and perhaps one whose end is on its way to the server.
    assert 1 <= max(held) <= 3
    for name in ("e0", "e299", "m0", "m5"):
        assert (await jobs.ended(name))["state"] == "succeeded"


async def test_without_jetstream_requests_are_served(site, connect):
    server = site.server().start()
    config = {"nats": {"url": server.url}, "jobs": {"enabled": True}, "models": MODELS}
    daemon = site.daemon(config).start()
    client = await connect(server.url)
    assert (await client.run("echo", b"1")).ok().data == b"1"
    wait_until("the log to say so", lambda: "is JetStream enabled" in daemon.log)
    assert daemon.stop() == 0


async def test_streams_of_others_are_only_looked_at(durable):
    jobs, _, daemons = await durable(jobs={"manage_streams": False})
    wait_until("the log", lambda: "jobs.manage_streams is false" in daemons[0].log)
    with pytest.raises(nats.js.errors.NotFoundError):
        await jobs.js.stream_info("DARKROOM_JOBS")
