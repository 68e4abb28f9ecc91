# SPDX-License-Identifier: Apache-2.0
"""Service discovery (ADR-32): what nats-py's and nats.go's own micro clients understand of our answers."""

import asyncio
import json
import os
import shutil
import subprocess
from datetime import datetime
from pathlib import Path

import pytest
from nats.micro.service import ServiceInfo, ServicePing, ServiceStats

from client import until
from harness import deps

MODELS = {"echo": {"plugin": "echo"}, "second": {"plugin": "echo"}, "lost": {"plugin": "nonsuch"}}
CONFIG = {
    "routes": [{"subject": "photos.*.in", "model": "echo", "queue_group": "photographers"}],
}
COMMON = {"type", "name", "id", "version", "metadata"}
ENDPOINT = {"name", "subject", "queue_group"}


async def ask(client, subject: str) -> list[dict]:
    """All answers until there has been none for a while."""
    inbox = client.nats.new_inbox()
    subscription = await client.nats.subscribe(inbox)
    await client.nats.publish(subject, b"", reply=inbox)
    answers = []
    try:
        while True:
            answers.append(json.loads((await subscription.next_msg(0.5)).data))
    except asyncio.TimeoutError:
        await subscription.unsubscribe()
        return sorted(answers, key=lambda answer: answer["name"])


async def test_ping_names_each_model_that_is_served(client):
    answers = await ask(client, "$SRV.PING")
    assert [answer["name"] for answer in answers] == ["echo", "second"]
    for answer in answers:
        assert set(answer) == COMMON
        assert answer["type"] == "io.nats.micro.v1.ping_response"
        assert answer["version"] == "1.0.0"
        assert answer["metadata"]["darkroom.plugin"] == "echo"
        assert all(isinstance(value, str) for value in answer["metadata"].values())
        assert ServicePing.from_dict(answer).to_dict() == answer
    assert len({answer["id"] for answer in answers}) == 2


async def test_one_service_can_be_asked_for_by_name_and_id(client):
    (echo,) = await ask(client, "$SRV.PING.echo")
    assert await ask(client, f"$SRV.PING.echo.{echo['id']}") == [echo]
    assert await ask(client, "$SRV.PING.echo.other") == []
    assert await ask(client, f"$SRV.INFO.second.{echo['id']}") == []
    assert await ask(client, "$SRV.STATS.lost") == []


async def test_info_lists_the_subjects_of_a_model(client):
    (answer,) = await ask(client, "$SRV.INFO.echo")
    assert set(answer) == COMMON | {"description", "endpoints"}
    assert answer["type"] == "io.nats.micro.v1.info_response"
    assert answer["description"]
    assert [(e["name"], e["subject"], e["queue_group"]) for e in answer["endpoints"]] == [
        ("run", "darkroom.run.echo", "darkroom"),
        ("route-1", "photos.*.in", "photographers"),
    ]
    assert all(set(e) == ENDPOINT | {"metadata"} for e in answer["endpoints"])
    assert ServiceInfo.from_dict(answer).to_dict() == answer


async def test_stats_count_requests_errors_and_time(client):
    async def stats() -> dict:
        (answer,) = await ask(client, "$SRV.STATS.second")
        assert set(answer) == COMMON | {"started", "endpoints"}
        assert answer["type"] == "io.nats.micro.v1.stats_response"
        ServiceStats.from_dict(answer)
        (endpoint,) = answer["endpoints"]
        assert set(endpoint) == ENDPOINT | {
            "num_requests", "num_errors", "last_error", "processing_time",
            "average_processing_time", "data",
        }
        return endpoint

    before = await stats()
    for _ in range(3):
        (await client.run("second", b"x")).ok()
    (await client.run("second", b"x", params={"nonsense": '"quoted"'})).failed("invalid_argument")
    after = await stats()
    assert after["num_requests"] - before["num_requests"] == 4
    assert after["num_errors"] - before["num_errors"] == 1
    assert "nonsense" in after["last_error"]
    assert after["processing_time"] > before["processing_time"]
    assert 0 < after["average_processing_time"] <= after["processing_time"]


@pytest.fixture(scope="module")
def nats_go() -> Path:
    """micro/main.go, built."""
    if shutil.which("go") is None:
        pytest.skip("there is no Go here to build the client with")
    program = deps() / "go-micro" / "client"
    program.parent.mkdir(parents=True, exist_ok=True)
    built = subprocess.run(
        ["go", "build", "-o", program, "."],
        cwd=Path(__file__).parent / "micro",
        capture_output=True,
        text=True,
        env={**os.environ, "GOFLAGS": "-mod=mod -buildvcs=false"},
    )
    if built.returncode != 0:
        pytest.skip(f"the Go client cannot be built here: {built.stderr[-400:]}")
    return program


async def test_nats_go_understands_every_field(client, server, nats_go):
    (await client.run("echo", b"x")).ok()
    asked = subprocess.run([nats_go, server.url], capture_output=True, text=True, timeout=60)
    assert asked.returncode == 0, asked.stderr
    understood = json.loads(asked.stdout)

    def named(kind: str) -> dict:
        (found,) = [one for one in understood[kind] if one["name"] == "echo"]
        return found

    assert named("ping") == (await ask(client, "$SRV.PING.echo"))[0]
    assert named("info") == (await ask(client, "$SRV.INFO.echo"))[0]
    (ours,) = await ask(client, "$SRV.STATS.echo")
    theirs = named("stats")
    # Go writes the time again in its own way, without the last zeros.
    assert datetime.fromisoformat(theirs["started"]) == datetime.fromisoformat(ours["started"])
    for mine, other in zip(ours["endpoints"], theirs["endpoints"], strict=True):
        assert {**mine, "last_error": mine["last_error"] or None} == {
            **other, "last_error": other.get("last_error") or None
        }
