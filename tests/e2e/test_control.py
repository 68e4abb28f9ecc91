# SPDX-License-Identifier: Apache-2.0
"""What a daemon says of itself on darkroom.control."""

import asyncio
import datetime

import nats.errors
import pytest

from client import until

MODELS = {
    "echo": {"plugin": "echo"},
    "mock": {"plugin": "mock", "queue": 7, "max_batch": 1, "instances": 1},
    "broken": {"plugin": "no-such-plugin"},
    "early": {"plugin": "echo", "preload": True},
}
CONFIG = {
    "routes": [{"subject": "letters.*", "model": "echo"}],
    "devices": [{"device": "cpu", "lanes": 2}],
}


async def test_status(client, daemon, server):
    status = await client.control("status")
    assert set(status) == {
        "host",
        "version",
        "pid",
        "started",
        "uptime_s",
        "state",
        "healthy",
        "devices",
        "nats",
        "jobs",
        "models",
    }
    assert (status["host"], status["pid"], status["state"]) == ("e2e-host", daemon.pid, "ready")
    assert status["healthy"] is True
    assert status["devices"] == {"healthy": 1, "suspected": 0, "quarantined": 0}
    started = datetime.datetime.fromisoformat(status["started"])
    assert started.tzinfo is not None
    assert abs((datetime.datetime.now(datetime.timezone.utc) - started).total_seconds()) < 3600
    assert status["uptime_s"] >= 0
    assert set(status["nats"]) == {"url", "connected", "reconnects", "max_payload", "lame_duck", "troubles"}
    assert status["nats"]["connected"] is True and status["nats"]["max_payload"] == 1 << 20
    assert str(server.port) in status["nats"]["url"]
    assert set(status["models"]) == {"ready", "loading", "unloaded", "failed"}
    assert sum(status["models"].values()) == len(MODELS)
    assert status["models"]["failed"] == 1


async def test_status_counts_jobs(client):
    before = (await client.control("status"))["jobs"]
    assert set(before) == {
        "queued",
        "running",
        "succeeded",
        "failed",
        "cancelled",
        "expired",
        "refused",
    }
    for _ in range(3):
        (await client.run("echo", b"1")).ok()
    (await client.run("mock", b"1", params={"fail": "internal"})).failed("internal")
    (await client.run("mock", b"1", params={"nonsuch": 1})).failed("invalid_argument")
    after = (await client.control("status"))["jobs"]
    assert after["succeeded"] - before["succeeded"] == 3
    assert after["failed"] - before["failed"] == 1
    assert after["refused"] - before["refused"] == 1
    assert (after["queued"], after["running"]) == (0, 0)


async def test_a_request_without_a_reply_subject_is_refused(client):
    before = (await client.control("status"))["jobs"]
    await client.nats.publish("darkroom.run.echo", b"to nobody")
    await client.nats.flush()

    async def refused():
        return (await client.control("status"))["jobs"]["refused"] == before["refused"] + 1

    await until("the refusal to be counted", refused)
    assert (await client.control("status"))["jobs"]["succeeded"] == before["succeeded"]


async def test_models(client):
    answer = await client.control("models")
    assert answer["host"] == "e2e-host"
    models = {model["name"]: model for model in answer["models"]}
    assert set(models) == set(MODELS)
    echo = models["echo"]
    assert echo["plugin"]["id"] == "echo" and echo["plugin"]["version"].count(".") == 2
    assert echo["summary"]
    assert echo["subjects"] == ["darkroom.run.echo", "letters.*"]
    assert [entry["kind"] for entry in echo["inputs"]] == ["bytes"]
    assert [entry["kind"] for entry in echo["outputs"]] == ["bytes"]
    assert "error" not in echo
    mock = models["mock"]
    assert mock["queue"] == {"waiting": 0, "max": 7}
    assert "delay_ms" in mock["params"]["properties"]
    assert (
        models["early"]["state"] == "ready"
    ), "preload loads before the daemon says that it is ready"


async def test_a_model_that_cannot_run_says_why(client):
    broken = await client.model("broken")
    assert broken["state"] == "failed"
    assert broken["error"]["code"] in ("not_found", "failed_precondition")
    assert "no-such-plugin" in broken["error"]["message"]
    reply = await client.run("broken", b"1")
    assert reply.failed(broken["error"]["code"]).error["message"] == broken["error"]["message"]


async def test_ps_shows_running_and_waiting_jobs(client):
    answer = await client.control("ps")
    assert [(device["id"], device["lanes"]) for device in answer["devices"]] == [("cpu", 2)]
    slow = {"delay_ms": 1500, "progress_steps": 30}
    requests = [
        asyncio.create_task(
            client.run("mock", b"1", Darkroom_Job=f"job-{n}", params=slow if n == 0 else {})
        )
        for n in range(3)
    ]

    async def all_three():
        jobs = {job["id"]: job for job in (await client.control("ps"))["jobs"]}
        under_way = len(jobs) == 3 and jobs["job-0"].get("fraction", 0) > 0
        return jobs if under_way else None

    jobs = await until("the jobs to be shown", all_three)
    # A lane is given its next batch ahead, so the second of three may be called running already.
    assert (jobs["job-0"]["state"], jobs["job-2"]["state"]) == ("running", "queued")
    assert jobs["job-0"]["model"] == "mock" and jobs["job-0"]["age_ms"] >= 0
    assert jobs["job-0"]["fraction"] < 1
    answer = await client.control("ps")
    (instance,) = [one for one in answer["instances"] if one["model"] == "mock"]
    assert (instance["device"], instance["state"]) == ("cpu", "running")
    assert sum(device["running"] for device in answer["devices"]) >= 1
    for request in requests:
        (await request).ok()
    assert (await client.control("ps"))["jobs"] == []


@pytest.mark.parametrize("what", ["nonsuch", "status.more"])
async def test_what_is_not_served_is_not_answered(client, what):
    with pytest.raises(nats.errors.NoRespondersError):
        await client.control(what)
