# SPDX-License-Identifier: Apache-2.0
"""What is kept of durable jobs beside their replies: dead letters, copies of requests, where a result came from."""

import json

import nats.js.errors

from client import until
from mock_output import pattern


async def last(jobs, stream: str, subject: str):
    try:
        return await jobs.js.get_last_msg(stream, subject)
    except nats.js.errors.NotFoundError:
        return None


async def letter(jobs, model: str, job: str):
    found = await last(jobs, "DARKROOM_DEAD", f"darkroom.dead.{model}.{job}")
    return found and (found, json.loads(found.headers["Darkroom-Dead-Letter"]))


async def test_a_job_that_fails_for_good_leaves_a_dead_letter(durable):
    jobs, _, _ = await durable()
    params = {"fail": "device_lost", "message": "the fan fell off"}
    await jobs.submit("mock", b"body", "dead", params=params, Darkroom_Tags="a=1", Accept="*/*")
    state = await jobs.ended("dead")
    assert state["state"] == "failed" and state["dead"] is True
    found, report = await letter(jobs, "mock", "dead")
    assert found.data == b"body"
    assert json.loads(found.headers["Darkroom-Params"]) == params
    assert found.headers["Darkroom-Tags"] == "a=1" and found.headers["Accept"] == "*/*"
    assert found.headers["Nats-Msg-Id"] == "dead" and found.headers["Darkroom-Class"] == "normal"
    assert (report["id"], report["model"], report["class"]) == ("dead", "mock", "normal")
    assert report["attempts"] == 3 and report["history"] == ["the fan fell off"] * 3
    assert report["error"]["code"] == "device_lost"
    assert report["submitted"] <= report["died"]
    (await jobs.reply("mock", "dead")).failed("device_lost")
    await jobs.none_left()


async def test_a_dead_letter_has_the_last_words_of_the_worker(durable):
    jobs, _, _ = await durable()
    await jobs.submit("crashes", b"bad", "poison")
    await jobs.ended("poison", 60)
    _, report = await letter(jobs, "crashes", "poison")
    assert len(report["history"]) == 3
    assert any("about to crash" in line for line in report["log"]), report


async def test_a_letter_that_is_published_again_is_the_same_job(durable):
    jobs, _, _ = await durable()
    await jobs.submit("mock", b"1", "first", params={"fail": "internal"})
    await jobs.ended("first")
    found, _ = await letter(jobs, "mock", "first")
    headers = {**found.headers, "Nats-Msg-Id": "first-r1"}
    del headers["Nats-Expected-Last-Subject-Sequence"]
    await jobs.js.publish("darkroom.jobs.normal.mock", found.data, headers=headers)
    assert (await jobs.ended("first-r1"))["error"]["code"] == "internal"


async def test_the_requests_own_faults_leave_no_letter(durable):
    jobs, _, _ = await durable()
    await jobs.submit("mock", b"1", "typo", params={"delay": 1})
    await jobs.submit("mock", b"1", "late", params={"delay_ms": 2000}, Darkroom_Deadline="200ms")
    for job in ("typo", "late"):
        assert "dead" not in await jobs.ended(job)
        assert await letter(jobs, "mock", job) is None


async def test_requests_are_kept_so_that_jobs_can_be_run_again(durable):
    jobs, _, _ = await durable()
    params = {"output_bytes": 7, "seed": 3}
    await jobs.submit("mock", b"in", "kept", params=params, job_class="bulk")
    await jobs.ended("kept")

    async def copy():
        return await last(jobs, "DARKROOM_REQUESTS", "darkroom.requests.mock.kept")

    found = await until("the copy", copy)
    assert found.data == b"in" and found.headers["Darkroom-Class"] == "bulk"
    assert json.loads(found.headers["Darkroom-Params"]) == params


async def test_requests_need_not_be_kept(durable):
    jobs, _, _ = await durable(jobs={"keep_requests": False})
    await jobs.submit("mock", b"in", "private")
    await jobs.ended("private")
    assert (await jobs.js.stream_info("DARKROOM_REQUESTS")).state.messages == 0


async def test_a_result_says_what_made_it(durable):
    jobs, _, _ = await durable()
    asked = {"output_bytes": 7, "seed": 3}
    await jobs.submit("mock", b"in", "made", params=asked, Darkroom_Tags="album=42, owner=me")
    state = await jobs.ended("made")
    reply = (await jobs.reply("mock", "made")).ok()
    assert reply.data == pattern(7, 3)
    params = json.loads(reply.headers["Darkroom-Params"])
    # Complete: with the defaults of what was not said.
    assert params == {**params, **asked, "delay_ms": 0, "work": "sleep", "fail": "ok"}
    assert reply.headers["Darkroom-Seed"] == "3"
    assert reply.headers["Darkroom-Tags"] == "album=42, owner=me"
    receipt = state["receipt"]
    assert receipt["params"] == params and receipt["seed"] == 3 and receipt["attempts"] == 1
    assert receipt["plugin"] == reply.headers["Darkroom-Plugin"]
    assert receipt["device"] == reply.headers["Darkroom-Device"] == state["device"]
    assert abs(receipt["run_ms"] - float(reply.headers["Darkroom-Run-Ms"])) < 0.002


async def test_a_job_that_waits_has_a_state(durable):
    jobs, _, _ = await durable(models={"mock": {"plugin": "mock", "max_batch": 1}})
    names = [f"w{number}" for number in range(8)]
    for name in names:
        await jobs.submit("mock", b"1", name, params={"delay_ms": 1000}, Darkroom_Tags=f"n={name}")

    async def written():
        states = [await jobs.state(name) for name in names]
        return all(states) and states

    states = await until("all states", written, 10)
    assert {state["state"] for state in states} >= {"queued"}
    assert [state["tags"] for state in states] == [{"n": name} for name in names]
    for name in names:
        assert (await jobs.ended(name))["state"] == "succeeded"


async def test_a_full_queue_refuses_a_submission(durable):
    jobs, _, (daemon,) = await durable(jobs={"max_waiting": 3})
    daemon.kill()
    for number in range(3):
        await jobs.submit("mock", b"1", f"f{number}")
    try:
        await jobs.submit("mock", b"1", "f3")
        raise AssertionError("it was accepted")
    except nats.js.errors.APIError as error:
        assert "maximum messages" in error.description
