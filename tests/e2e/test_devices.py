# SPDX-License-Identifier: Apache-2.0
"""Devices: which are found, which are picked, how much of them models may have, what is said of them.

The GPUs here are those of a driver's libraries of the tests' own, tests/device/fake_nvml.cc and
tests/worker/fake_cuda.cc, which answers probes. Nothing else can run on them: what can is tried on
simulated ones.
"""

import json
import os
import subprocess
from pathlib import Path

import pytest

from client import until
from harness import daemon_path, deps, fake_cuda_folder, fake_nvml_folder, plugin_folder, plugin_path, weights_path
from shell import Shell

GIB = 1 << 30
ECHO = {"echo": {"plugin": "echo"}}
T4 = {"name": "NVIDIA T4", "bus": 1, "uuid": "GPU-11aa", "memory": 16 * GIB, "used": GIB}
H200 = {
    "name": "NVIDIA H200",
    "bus": 2,
    "uuid": "GPU-22bb",
    "memory": 140 * GIB,
    "used": 3 * GIB,
    "busy": 71,
    "temperature": 44,
    "processes": [[4711, 2 * GIB]],
}
HAS_GPU = any(Path("/dev").glob("nvidia[0-9]*"))


class Machine:
    """The GPUs that a daemon sees, which can change while it runs."""

    def __init__(self, folder: Path):
        self.path = folder / "machine.json"
        # What the tests themselves see of GPUs must not pick among these.
        folders = [str(fake_nvml_folder()), str(fake_cuda_folder())]
        folders += filter(None, [os.environ.get("LD_LIBRARY_PATH")])
        self.environment = {
            "DARKROOM_FAKE_NVML": str(self.path),
            "LD_LIBRARY_PATH": ":".join(folders),
        }
        self.become(T4, H200)

    def become(self, *gpus: dict, init: int = 0):
        next_path = self.path.with_suffix(".next")
        next_path.write_text(json.dumps({"init": init, "gpus": gpus}))
        next_path.rename(self.path)


@pytest.fixture
def machine(tmp_path, monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return Machine(tmp_path)


class Host:
    def __init__(self, daemon, client, url: str):
        self.daemon = daemon
        self.client = client
        self.url = url

    async def ps(self) -> dict:
        return (await self.client.request("darkroom.control.ps")).json()

    async def devices(self) -> dict[str, dict]:
        return {device["id"]: device for device in (await self.ps())["devices"]}


@pytest.fixture
def start(site, connect):
    """Starts a daemon with devices of the test's choice; it must end well."""
    daemons = []

    async def start(devices, models=ECHO, environment=None) -> Host:
        server = site.server().start()
        daemon = site.daemon({"nats": {"url": server.url}, "devices": devices, "models": models})
        daemon.environment = environment or {}
        daemons.append(daemon.start())
        return Host(daemon, await connect(server.url), server.url)

    yield start
    for daemon in daemons:
        assert daemon.stop() == 0, daemon.log[-8000:]


async def test_gpus_are_found_and_shown(start, machine, tmp_path):
    host = await start("auto", environment=machine.environment)
    devices = await host.devices()
    assert list(devices) == ["cuda:0", "cuda:1", "cpu"]
    cpu = devices["cpu"]
    assert cpu["lanes"] == 1 and "memory_bytes" not in cpu and "name" not in cpu
    h200 = devices["cuda:1"]
    assert h200["name"] == "NVIDIA H200" and h200["uuid"] == "GPU-22bb"
    assert h200["pci"] == "00000000:02:00.0" and h200["total_bytes"] == 140 * GIB
    assert h200["memory_bytes"] == 140 * GIB * 90 // 100
    assert "cuda:1: NVIDIA H200, 140 GiB, PCI 00000000:02:00.0" in host.daemon.log
    # What cannot use a GPU runs beside them.
    assert (await host.client.run("echo", b"x")).ok().headers["Darkroom-Device"] == "cpu"

    async def looked_at():
        return "used_bytes" in (await host.devices())["cuda:1"]

    await until("the driver to be asked", looked_at)
    h200 = (await host.devices())["cuda:1"]
    assert (h200["used_bytes"], h200["busy_percent"], h200["temperature_c"]) == (3 * GIB, 71, 44)
    assert h200["processes"] == [{"pid": 4711, "used_bytes": 2 * GIB}]
    assert "busy_percent" not in (await host.devices())["cuda:0"]  # it does not tell

    lines = Shell(tmp_path, host.url)("ps").text.splitlines()
    assert lines[0].split() == (
        ["DEVICE", "LANES", "RUNNING", "USE", "LEASED", "MEMORY", "HEALTH"]
        + ["USED", "TOTAL", "BUSY", "TEMP", "PCI", "NAME"]
    )
    assert lines[2].endswith("3 GiB  140 GiB   71%  44 C  00000000:02:00.0  NVIDIA H200"), lines

    machine.become(T4, {**H200, "used": 7 * GIB, "busy": 5})

    async def changed():
        h200 = (await host.devices())["cuda:1"]
        return h200["used_bytes"] == 7 * GIB and h200["busy_percent"] == 5

    await until("the change to be seen", changed)


async def test_the_environment_picks_among_them(start, machine):
    picked = {**machine.environment, "CUDA_VISIBLE_DEVICES": "GPU-22bb,0"}
    host = await start("auto", environment={**picked, "CUDA_DEVICE_ORDER": "FASTEST_FIRST"})
    devices = await host.devices()
    names = {id: device.get("name") for id, device in devices.items()}
    assert names == {"cuda:0": "NVIDIA H200", "cuda:1": "NVIDIA T4", "cpu": None}
    # A worker counts as the daemon does.
    pid = (await host.ps())["instances"][0]["pid"]
    environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    assert b"CUDA_VISIBLE_DEVICES=GPU-22bb,0" in environment
    assert b"CUDA_DEVICE_ORDER=PCI_BUS_ID" in environment
    assert b"CUDA_DEVICE_ORDER=FASTEST_FIRST" not in environment


async def test_an_empty_environment_hides_them(start, machine):
    hidden = {**machine.environment, "CUDA_VISIBLE_DEVICES": ""}
    host = await start("auto", environment=hidden)
    assert list(await host.devices()) == ["cpu"]


async def test_a_list_picks_and_limits_and_what_is_missing_is_in_nobodys_way(
    start, machine, tmp_path
):
    devices = [
        {"device": "cuda:1", "memory": "50%", "lanes": 2},
        {"device": "cuda:5"},
        {"device": "cpu", "memory": "10%"},
    ]
    host = await start(devices, environment=machine.environment)
    found = await host.devices()
    assert list(found) == ["cuda:1", "cuda:5", "cpu"]
    assert found["cuda:1"]["memory_bytes"] == 70 * GIB and found["cuda:1"]["lanes"] == 2
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert found["cpu"]["memory_bytes"] == pages * 10 // 100
    words = (
        "there is no device cuda:5: this machine has cuda:0 (NVIDIA T4), cuda:1 (NVIDIA H200)"
    )
    assert found["cuda:5"]["lanes"] == 0 and found["cuda:5"]["error"]["message"] == words
    assert f"cuda:5: cannot be used: failed_precondition: {words}" in host.daemon.log
    assert words in Shell(tmp_path, host.url)("ps").text
    (await host.client.run("echo", b"x")).ok()

    check = subprocess.run(
        [daemon_path(), "--check", "--config", host.daemon.config_path],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **machine.environment},
    )
    assert check.returncode == 0, check
    assert f"warning: device 'cuda:5' cannot be used: failed_precondition: {words}" in check.stdout


@pytest.mark.skipif(not plugin_path("enhance").exists(), reason="the build has no models")
async def test_who_needs_what_is_missing_is_told(start, machine):
    weights = str(weights_path("realesr-animevideov3-x4"))
    models = {**ECHO, "enhance": {"plugin": "enhance", "weights": weights}}
    host = await start([{"device": "cuda:7"}], models, machine.environment)
    error = (await host.client.run("enhance", b"x")).failed("failed_precondition").error
    assert "runs on none of the devices here: there is no device cuda:7" in error["message"], error
    assert "devices: auto" in error["hint"], error
    error = (await host.client.run("echo", b"x")).failed("failed_precondition").error
    assert error["message"] == "plugin 'echo' runs on none of the devices here", error


@pytest.mark.skipif(HAS_GPU, reason="there is a GPU here")
async def test_a_machine_without_gpus_serves_what_needs_none(start):
    host = await start([{"device": "cuda:0", "memory": "80%"}, {"device": "cpu"}])
    (await host.client.run("echo", b"x")).ok()
    message = (await host.devices())["cuda:0"]["error"]["message"]
    assert "there is no device cuda:0: this machine has no GPU that can be used" in message


async def test_a_driver_in_trouble_is_quoted(start, machine):
    machine.become(T4, init=9)
    host = await start([{"device": "cuda:9"}, {"device": "cpu"}], environment=machine.environment)
    message = (await host.devices())["cuda:9"]["error"]["message"]
    assert "there is no device cuda:9" in message
    assert HAS_GPU or "libnvidia-ml.so.1: Driver Not Loaded" in message


@pytest.mark.skipif(not plugin_path("enhance").exists(), reason="the build has no models")
@pytest.mark.skipif((deps() / "torch/nvidia/cudnn").exists(), reason="CUDA's libraries are here")
async def test_a_torch_without_its_cuda_libraries_says_what_is_missing(start, machine):
    weights = str(weights_path("realesr-animevideov3-x4"))
    models = {**ECHO, "enhance": {"plugin": "enhance", "weights": weights}}
    host = await start("auto", models, machine.environment)
    error = (await host.client.run("enhance", b"x")).failed("failed_precondition").error
    assert "libtorch has no CUDA here: libtorch_cuda.so cannot be opened" in error["message"], error
    assert "which is not there" in error["message"], error
    assert "scripts/setup --gpu" in error["hint"], error
    (await host.client.run("echo", b"x")).ok()


async def test_a_simulated_device_is_as_fast_as_it_is_told(start):
    fast = [{"device": "sim:0", "memory": "1GiB", "speed": 100}]
    models = {"mock": {"plugin": "mock", "options": {"load_delay_ms": 20_000}}}
    host = await start(fast, models)
    assert (await host.devices())["sim:0"]["speed"] == 100
    headers = (await host.client.run("mock", params={"delay_ms": 30_000})).ok().headers
    assert headers["Darkroom-Device"] == "sim:0"
    assert 300 <= float(headers["Darkroom-Run-Ms"]) < 20_000, headers
    assert 200 <= float(headers["Darkroom-Load-Ms"]) < 15_000, headers


async def test_one_that_is_slow_takes_longer_also_in_the_daemon(site, connect):
    server = site.server().start()
    config = {
        "nats": {"url": server.url},
        "devices": [{"device": "sim:3", "speed": 0.5}],
        "plugins": {"folder": str(plugin_folder()), "isolation": "in-process"},
        "models": {"mock": {"plugin": "mock"}},
    }
    daemon = site.daemon(config).start()
    client = await connect(server.url)
    headers = (await client.run("mock", params={"delay_ms": 250})).ok().headers
    assert headers["Darkroom-Device"] == "sim:3"
    assert float(headers["Darkroom-Run-Ms"]) >= 500, headers
    assert daemon.stop() == 0
