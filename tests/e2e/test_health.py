# SPDX-License-Identifier: Apache-2.0
"""Devices that are lost, by report or by silence: what becomes of their jobs, and of the daemon's word.

A simulated device is lost while a file of its number in the state folder's `sim` says so.
"""

import asyncio
import re
import time

import pytest

from beside import ECHO, replaced, undisturbed, worker_pid
from client import until
from harness import plugin_folder, wait_until
from inbox import Inbox
from mock_output import pattern
from shell import Shell

MOCK = {"plugin": "mock", "max_batch": 1}
QUICK = {"probe_interval": "100ms", "probe_timeout": "20s", "give_up": "10m"}
ASKED_FOR_LOSS = {**QUICK, "probe_interval": "0ms"}  # as long as nobody complains


class Host:
    """A daemon with simulated devices, and what they are told."""

    def __init__(self, daemon, server, client):
        self.daemon, self.server, self.client = daemon, server, client

    def say(self, device: int, words: str):
        file = self.daemon.state / "sim" / str(device)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(words)

    async def device(self, number: int) -> dict:
        devices = (await self.client.control("ps"))["devices"]
        return next(one for one in devices if one["id"] == f"sim:{number}")

    async def until_health(self, number: int, health: str) -> dict:
        async def so():
            device = await self.device(number)
            return device if device["health"] == health else None

        return await until(f"sim:{number} to be {health}", so, 20)

    def status_lines(self) -> list[str]:
        return [line for line in self.daemon.read_notices() if line.startswith("STATUS=")]


@pytest.fixture
def host(site, connect):
    """Starts a daemon; `launched`: without waiting for it to be ready."""
    hosts = []

    def prepare(models: dict, devices: list[dict], health: dict = QUICK) -> Host:
        server = site.server().start()
        config = {
            "nats": {"url": server.url},
            "devices": devices,
            "health": health,
            "plugins": {"folder": str(plugin_folder())},
            "models": models,
        }
        hosts.append(Host(site.daemon(config), server, None))
        return hosts[-1]

    async def start(*arguments, **settings) -> Host:
        one = prepare(*arguments, **settings)
        one.daemon.start()
        one.client = await connect(one.server.url)
        return one

    start.prepare = prepare
    yield start
    for one in hosts:
        if one.daemon.running():
            assert one.daemon.stop() == 0, one.daemon.log[-8000:]


async def test_what_a_lost_device_had_is_answered_once(host):
    models = {
        "bad": {**MOCK, "devices": ["sim:0"]},
        "good": {**MOCK, "instances": 3},
        "echo": {"plugin": "echo", "instances": 3},
    }
    devices = [{"device": "sim:0", "lanes": 2}, {"device": "sim:1"}]
    one = await host(models, devices, ASKED_FOR_LOSS)
    inbox = await Inbox(one.client).open()
    count = 30
    params = '{"delay_ms": 150, "output_bytes": 500, "seed": %d}'
    for number in range(count):
        await inbox.send(number, "good", b"", {"Darkroom-Params": params % number})

    async def busy():
        states = (await one.client.control("ps"))["instances"]
        return [i["state"] for i in states if i["model"] == "good"] == ["running"] * 3

    await until("all lanes to be busy", busy)
    one.say(0, "lost")
    fail = '{"delay_ms": 60, "fail": "device_lost", "message": "fell off the bus"}'
    urgent = {"Darkroom-Params": fail, "Darkroom-Deadline": "60s"}  # before all that waits
    await inbox.send(count, "bad", b"", urgent)

    device = await one.until_health(0, "quarantined")
    assert device["losses"] == 1 and device["error"]["code"] == "device_lost", device
    assert "says that the device is lost" in device["error"]["message"]
    assert device["since_s"] >= 0 and 0 <= device["probe_s"] <= 60
    assert (await one.device(1))["health"] == "healthy"
    status = await one.client.control("status")
    assert (status["state"], status["healthy"]) == ("degraded", False)
    assert status["devices"] == {"healthy": 1, "suspected": 0, "quarantined": 1}
    await inbox.until_answered(count)
    assert count not in inbox.replies, "its only place is on the lost device"
    assert re.search("good: .*fell off the bus; it is tried again\n", one.daemon.log)
    assert (await one.client.run("echo", b"still here")).ok().data == b"still here"
    instances = (await one.client.control("ps"))["instances"]
    loaded = {i["device"] for i in instances if i["state"] in ("idle", "running", "loading")}
    assert loaded == {"sim:1"}

    one.say(0, "")
    await one.until_health(0, "healthy")
    await inbox.until_answered(count + 1)
    # Then it is the job that breaks what it runs on, three times.
    lost = inbox.replies[count].failed("device_lost")
    assert lost.error["message"].count("fell off the bus") == 3
    assert lost.headers["Darkroom-Attempts"] == "3"
    await asyncio.sleep(0.3)  # for a second answer, if there were one
    assert set(inbox.counts.values()) == {1}
    for number in range(count):
        reply = inbox.replies[number].ok()
        assert reply.data == pattern(500, number)
        assert reply.headers["Darkroom-Attempts"] == "1", "nobody else is to blame"
    await one.until_health(0, "healthy")
    status = await one.client.control("status")
    assert (status["state"], status["healthy"]) == ("ready", True)


async def test_a_loss_that_is_one_workers_own_costs_no_other(host):
    one = await host({"mock": MOCK, "echo": ECHO}, [{"device": "sim:0", "lanes": 2}])
    (await one.client.run("mock")).ok()
    (await one.client.run("echo", b"1")).ok()
    echo, mock = await worker_pid(one.client, "echo"), await worker_pid(one.client, "mock")
    params = {"fail": "device_lost", "message": "CUDA error: misaligned address"}
    async with undisturbed(one.client):
        error = (await one.client.run("mock", params=params)).failed("device_lost").error
        assert error["message"].count("misaligned address") == 3
        await replaced(one.client, "mock", mock)
    assert await worker_pid(one.client, "echo") == echo
    device = await one.until_health(0, "healthy")
    assert device["losses"] == 3 and "error" not in device
    (await one.client.run("mock")).ok()


async def test_an_instance_that_is_lost_is_made_again(host):
    one = await host({"mock": MOCK}, [{"device": "sim:0"}])
    (await one.client.run("mock")).ok()
    pid = await worker_pid(one.client, "mock")
    reply = await one.client.run("mock", params={"fail": "instance_lost", "message": "broke"})
    assert reply.failed("instance_lost").error["message"].count("broke") == 3
    assert await replaced(one.client, "mock", pid) != pid
    (await one.client.run("mock")).ok()
    assert (await one.device(0))["losses"] == 0


async def test_words_of_cuda_tell_what_its_status_does_not(host):
    one = await host({"mock": MOCK}, [{"device": "sim:0"}])
    params = {"fail": "internal", "message": "CUDA error: device-side assert triggered"}
    (await one.client.run("mock", params=params)).failed("device_lost")
    (await one.client.run("mock", params={"fail": "internal"})).failed("internal")
    assert (await one.device(0))["losses"] == 3


async def test_a_device_that_falls_silent_is_noticed_without_a_job(host):
    models = {"mock": {**MOCK, "instances": 2}, "echo": {"plugin": "echo", "instances": 2}}
    health = {**QUICK, "probe_timeout": "500ms"}
    one = await host(models, [{"device": "sim:0"}, {"device": "sim:1"}], health)
    busy = [
        asyncio.create_task(one.client.run("mock", params={"delay_ms": 2500, "output_bytes": 9}))
        for _ in range(2)
    ]
    await until("both to run", lambda: one.client.jobs("running", "mock"))
    one.say(0, "hang")
    device = await one.until_health(0, "quarantined")
    assert "did not answer a probe within 500 ms" in device["error"]["message"]
    assert (await one.client.run("echo", b"1")).ok().data == b"1"
    for reply in await asyncio.gather(*busy):
        assert reply.ok().data == pattern(9, 0)
    one.say(0, "")
    await one.until_health(0, "healthy")


async def test_with_its_only_device_lost_a_daemon_is_not_healthy(host, tmp_path):
    one = await host({"mock": MOCK}, [{"device": "sim:0"}, {"device": "cpu"}])
    shell = Shell(tmp_path, one.server.url)
    assert "healthy" in shell("status", "--check").text
    one.say(0, "lost")
    await one.until_health(0, "quarantined")
    assert "darkroomd: degraded" in shell("status", "--check", code=1).text
    shell("status")
    assert re.search(r"sim:0: quarantined for .*: .*is lost \(asked again in ", shell("ps").text)
    assert "Degraded: sim:0 is quarantined: " in one.status_lines()[-1]
    waiting = asyncio.create_task(one.client.run("mock", params={"output_bytes": 9}))
    late = await one.client.run("mock", Darkroom_Deadline="300ms")
    assert "waited" in late.failed("deadline_exceeded").error["message"]
    assert not waiting.done()
    one.say(0, "")
    assert (await waiting).ok().data == pattern(9, 0)
    assert "degraded" not in one.status_lines()[-1]
    shell("status", "--check")


async def test_a_daemon_is_not_ready_before_its_device_has_answered(host, connect):
    one = host.prepare({"echo": ECHO}, [{"device": "sim:0"}, {"device": "cpu"}])
    one.say(0, "lost")
    one.daemon.launch()
    wait_until("the device to be quarantined", lambda: "quarantined" in one.daemon.log)
    await asyncio.sleep(0.3)
    assert "READY=1" not in one.daemon.read_notices()
    assert "sim:0 is quarantined" in one.status_lines()[-1]
    one.say(0, "")
    wait_until("it to be ready", one.daemon.ready)
    client = await connect(one.server.url)
    assert (await client.run("echo", b"1")).ok().data == b"1"


async def test_the_watchdog_is_fed_while_there_is_hope(host, connect):
    health = {**QUICK, "give_up": "1500ms"}
    one = host.prepare({"echo": ECHO}, [{"device": "sim:0"}, {"device": "cpu"}], health)
    one.daemon.environment["WATCHDOG_USEC"] = "200000"
    one.daemon.start()
    one.client = await connect(one.server.url)

    def meals() -> int:
        return one.daemon.read_notices().count("WATCHDOG=1")

    def fed_again():
        before = meals()
        wait_until("it to be fed", lambda: meals() > before + 3, 20)

    fed_again()
    one.say(0, "lost")
    device = await one.until_health(0, "quarantined")
    if device["since_s"] < 0.5:  # on a machine that is not too busy
        fed_again()
    await asyncio.sleep(max(0.0, 1.7 - device["since_s"]))
    before = meals()
    await asyncio.sleep(1)
    assert meals() == before, "nobody can use it, and it says that it is well"
    one.say(0, "")
    fed_again()
