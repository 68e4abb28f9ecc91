# SPDX-License-Identifier: Apache-2.0
"""A model runs on whichever device has room and time; its worker is there when it is needed."""

import asyncio
import json
import shutil
from collections import Counter

import pytest

from client import until
from harness import is_running, plugin_folder, plugin_path, wait_until

MOCK = {"plugin": "mock", "max_batch": 1}
DEVICES = [{"device": "sim:0", "memory": "1GiB"}, {"device": "sim:1", "memory": "1GiB"}]


class Host:
    def __init__(self, daemon, client):
        self.daemon, self.client = daemon, client

    async def device_of(self, model: str, **params) -> str:
        return (await self.client.run(model, params=params)).ok().headers["Darkroom-Device"]

    async def devices_of(self, model: str, count: int, **params) -> Counter:
        return Counter(
            await asyncio.gather(*(self.device_of(model, **params) for _ in range(count)))
        )

    async def places(self) -> dict[str, int]:
        """Where the plugin has a worker, and which."""
        (plugin,) = (await self.client.control("plugins"))["plugins"]
        return {place["device"]: place["pid"] for place in plugin["places"]}

    async def until_health(self, device: str, health: str):
        async def so():
            devices = (await self.client.control("ps"))["devices"]
            return next(one for one in devices if one["id"] == device)["health"] == health

        await until(f"{device} to be {health}", so, 20)


@pytest.fixture
def start(site, connect):
    daemons = []

    async def start(models: dict) -> Host:
        server = site.server().start()
        config = {
            "nats": {"url": server.url},
            "devices": DEVICES,
            "health": {"probe_interval": "100ms"},
            "plugins": {"folder": str(plugin_folder())},
            "models": models,
        }
        daemons.append(site.daemon(config).start())
        return Host(daemons[-1], await connect(server.url))

    yield start
    for daemon in daemons:
        assert daemon.stop() == 0, daemon.log[-8000:]


async def test_what_is_too_much_for_one_device_goes_to_others_too(start):
    host = await start({"m": MOCK})
    assert list(await host.places()) == ["sim:0"]
    used = await host.devices_of("m", 40, delay_ms=100)
    assert set(used) == {"sim:0", "sim:1"}, used
    assert list(await host.places()) == ["sim:0", "sim:1"]


async def test_a_model_that_may_have_one_place_has_it_anywhere(start):
    host = await start({"m": {**MOCK, "instances": 1, "keep_alive": "1s"}})
    used = await host.devices_of("m", 20, delay_ms=50)
    assert used == {"sim:0": 20}
    file = host.daemon.state / "sim" / "0"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("lost")
    await host.until_health("sim:0", "quarantined")
    assert await host.device_of("m") == "sim:1"
    worker = (await host.places())["sim:1"]
    file.write_text("")
    await host.until_health("sim:0", "healthy")

    async def gone():
        return list(await host.places()) == ["sim:0"]

    # Where it is not at home it leaves nothing behind.
    await until("its worker to end", gone)
    wait_until("the process to be gone", lambda: not is_running(worker))
    assert await host.device_of("m") == "sim:0"


async def test_where_there_is_no_room_is_not_where_it_goes(start):
    kept = {**MOCK, "memory": "700MiB", "keep_alive": "always", "preload": True}
    host = await start({"kept": {**kept, "devices": ["sim:0"]}, "m": {**MOCK, "memory": "600MiB"}})
    assert await host.devices_of("m", 20, delay_ms=50) == {"sim:1": 20}
    assert await host.device_of("kept") == "sim:0"


async def test_a_model_is_on_its_own_devices_alone(start):
    models = {
        "second": {**MOCK, "devices": ["sim:1"]},
        "nowhere": {**MOCK, "devices": ["cuda:3", "cpu"]},
    }
    host = await start(models)
    assert await host.devices_of("second", 20, delay_ms=50) == {"sim:1": 20}
    error = (await host.client.run("nowhere")).failed("failed_precondition").error
    assert "runs on none of the devices here that the model may be on (cuda:3, cpu)" in error["message"]
    assert "`devices`" in error["hint"]


async def test_an_upgrade_finds_it_where_it_is(start, tmp_path):
    other = tmp_path / "mock.so"
    shutil.copy(plugin_path("mock"), other)
    with other.open("ab") as file:
        file.write(b"what is behind an ELF file's end does not count")
    host = await start({"m": MOCK})
    await host.devices_of("m", 40, delay_ms=100)
    before = await host.places()
    assert len(before) == 2
    order = json.dumps({"plugin": "mock", "file": str(other)}).encode()
    change = (await host.client.request("darkroom.control.upgrade", order, timeout=60)).json()
    assert change["action"] == "upgraded", change
    after = await host.places()
    assert set(after) == set(before) and not set(after.values()) & set(before.values())
    states = (await host.client.control("ps"))["instances"]
    loaded = [one["device"] for one in states if one["state"] in ("idle", "running")]
    assert sorted(loaded) == ["sim:0", "sim:1"], states
