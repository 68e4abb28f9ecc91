# SPDX-License-Identifier: Apache-2.0
"""Models that are not all loaded at once: who comes, who goes, and who is in nobody's way."""

import asyncio
import json
import re
import time

import pytest

from client import Client, until

GIB = 1 << 30
MIB = 1 << 20
SMALL = {"plugin": "mock", "memory": "100MiB"}
BIG = {"plugin": "mock", "memory": "600MiB", "max_batch": 1}
MODELS = {
    "a": BIG,
    "b": BIG,
    "c": BIG,
    "slow": {**BIG, "memory": "300MiB", "options": {"load_delay_ms": 1500}},
    "short": {"plugin": "mock", "memory": "100MiB", "keep_alive": "1s"},
    "kept": {"plugin": "mock", "memory": "100MiB", "keep_alive": "always", "preload": True},
    "failing": {"plugin": "mock", "options": {"load_fail": "not_found"}},
    "huge": {"plugin": "echo", "memory": "2GiB"},
    "reserves": {**SMALL, "options": {"reserve_bytes": 400 * MIB}},
    "reserves-too-much": {**SMALL, "options": {"reserve_bytes": 2 * GIB}},
    "grows": {**SMALL, "options": {"needs_bytes": 200 * MIB}},
    "never-enough": {**SMALL, "options": {"needs_bytes": 2 * GIB}},
}
CONFIG = {"devices": [{"device": "sim:0", "memory": "1GiB"}]}


class Host:
    def __init__(self, client: Client):
        self.client = client

    async def ps(self) -> dict:
        return (await self.client.request("darkroom.control.ps")).json()

    async def loaded(self) -> list[str]:
        states = await self.ps()
        device = states["devices"][0]
        assert device["memory_bytes"] == GIB and device["leased_bytes"] <= GIB, device
        instances = [one for one in states["instances"] if one["state"] in ("idle", "running")]
        assert sum(one["leased_bytes"] for one in instances) <= device["leased_bytes"]
        return sorted(one["model"] for one in instances)


@pytest.fixture
def host(client):
    return Host(client)


async def test_what_is_needed_comes_and_what_is_not_goes(host):
    assert await host.loaded() == ["kept"]
    for model in ("a", "b", "c", "a"):
        reply = await host.client.run(model, params={"output_bytes": 10})
        assert len(reply.ok().data) == 10
        assert await host.loaded() == sorted([model, "kept"])


async def test_who_is_loaded_runs_while_another_loads(host):
    (await host.client.run("a")).ok()
    slow = asyncio.create_task(host.client.run("slow"))
    start = time.monotonic()
    while not slow.done():
        asked = time.monotonic()
        (await host.client.run("a")).ok()
        assert time.monotonic() - asked < 1
    assert time.monotonic() - start >= 1.4
    reply = await slow
    assert float(reply.ok().headers["Darkroom-Load-Ms"]) >= 1400, reply.headers
    loading = re.search(r"\bloading=(\d+)", reply.headers["Darkroom-Waited"])
    assert loading and int(loading[1]) >= 1400, reply.headers
    assert await host.loaded() == ["a", "kept", "slow"]


async def test_what_is_idle_for_its_time_goes(host):
    (await host.client.run("short")).ok()
    ps = await host.ps()
    short = next(one for one in ps["instances"] if one["model"] == "short")
    assert 0 < short["kept_s"] <= 1 and short["leased_bytes"] == 100 << 20, short

    async def gone():
        return "short" not in await host.loaded()

    await until("it to go", gone)
    (await host.client.run("short")).ok()


async def test_what_cannot_be_loaded_says_so_each_time(host):
    for _ in range(2):
        error = (await host.client.run("failing")).failed("not_found").error
        assert "told to fail" in error["message"], error
    error = (await host.client.run("huge")).failed("failed_precondition").error
    assert "needs 2 GiB" in error["message"] and "memory" in error["hint"], error


async def leased(host, model: str) -> int:
    found = [one for one in (await host.ps())["instances"] if one["model"] == model]
    return found[0]["leased_bytes"]


async def test_what_wants_more_than_was_thought_has_others_go_and_it_is_remembered(host, daemon):
    (await host.client.run("a")).ok()
    (await host.client.run("reserves")).ok()
    assert "a" not in await host.loaded()
    assert await leased(host, "reserves") == 400 * MIB
    remembered = json.loads((daemon.folder / "state" / "memory.json").read_text())
    assert remembered["reserves"]["bytes"] == 400 * MIB, remembered


async def test_what_wants_more_than_there_is_is_told_so(host):
    (await host.client.run("a")).ok()
    error = (await host.client.run("reserves-too-much")).failed("resource_exhausted").error
    assert "there is no room for 'reserves-too-much'" in error["message"], error
    (await host.client.run("a")).ok()


async def test_a_job_that_runs_out_of_memory_is_run_again_with_more(host):
    reply = await host.client.run("grows", params={"output_bytes": 5})
    assert len(reply.ok().data) == 5
    assert await leased(host, "grows") >= 200 * MIB
    assert reply.headers["Darkroom-Attempts"] == "1", reply.headers
    # Once, and then it is told.
    error = (await host.client.run("never-enough")).failed("resource_exhausted").error
    assert "out of memory" in error["message"], error


def resident_kib(pid: int) -> int:
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return int(re.search(r"^VmRSS:\s+(\d+) kB", status.read(), re.MULTILINE)[1])


async def test_a_thousand_turns_leave_nothing_behind(host, daemon):
    async def turns(count: int):
        for number in range(count):
            (await host.client.run("abc"[number % 3])).ok()

    await turns(60)
    workers = {one["pid"] for one in (await host.ps())["instances"]} | {daemon.pid}
    before = {pid: resident_kib(pid) for pid in workers}
    await turns(1000)
    assert {one["pid"] for one in (await host.ps())["instances"]} | {daemon.pid} == workers
    for pid, kib in before.items():
        assert resident_kib(pid) <= kib * 1.1 + 2048, (pid, kib, resident_kib(pid))
    assert len(await host.loaded()) <= 3
    ps = await host.ps()
    leased = sum(one.get("leased_bytes", 0) for one in ps["instances"])
    assert ps["devices"][0]["leased_bytes"] == leased, ps["devices"]
