# SPDX-License-Identifier: Apache-2.0
"""Loading, upgrading, rolling back and unloading plugins of a daemon that works."""

import asyncio
import json
import os
import shutil
from pathlib import Path

import pytest

from client import Client, until
from harness import REPOSITORY, children_of, is_running, plugin_path, wait_until

BUILD = Path(os.environ["DARKROOM_BIN"]).parent


def version(number: int) -> Path:
    return BUILD / "tests" / "versions" / str(number) / "versioned.so"


def install(source: Path, folder: Path, name: str = ""):
    """As a package manager does: a whole file under another name, then renamed."""
    target = folder / (name or source.name)
    half = folder / f".{target.name}.new"
    shutil.copy(source, half)
    os.chmod(half, 0o644)
    os.replace(half, target)


@pytest.fixture
def folder(site):
    folder = site.folder / "plugins"
    folder.mkdir(mode=0o755)
    install(plugin_path("echo"), folder)
    return folder


@pytest.fixture
def start(site, folder, connect, loop):
    """Starts a server and a daemon with the plugins in `folder`."""

    def start(models: dict, plugins: dict | None = None, **config):
        server = site.server().start()
        daemon = site.daemon(
            {
                "nats": {"url": server.url},
                "models": models,
                "plugins": {"folder": str(folder), **(plugins or {})},
                **config,
            }
        ).start()
        return daemon, loop.run_until_complete(connect(server.url))

    return start


async def operate(client: Client, verb: str, **body) -> dict:
    reply = await client.request(f"darkroom.control.{verb}", json.dumps(body).encode())
    return reply.json()


async def refused(client: Client, verb: str, code: str, **body) -> dict:
    reply = await client.request(f"darkroom.control.{verb}", json.dumps(body).encode())
    return reply.failed(code).error


async def plugin(client: Client, name: str) -> dict:
    found = [one for one in (await client.control("plugins"))["plugins"] if one["id"] == name]
    assert found, f"no plugin {name} is listed"
    return found[0]


async def answer(client: Client, text: bytes = b"x") -> bytes:
    return (await client.run("versioned", text)).ok().data


class Load:
    """Requests one after the other, on several ways, until it is left. All must be answered well."""

    def __init__(self, client: Client, model: str = "versioned", ways: int = 8):
        self.client, self.model, self.ways = client, model, ways
        self.answers: list[bytes] = []

    async def __aenter__(self) -> "Load":
        self.going = True
        self.tasks = [asyncio.create_task(self._go()) for _ in range(self.ways)]
        await asyncio.sleep(0.2)
        return self

    async def _go(self):
        while self.going:
            self.answers.append((await self.client.run(self.model, b"x")).ok().data)

    async def __aexit__(self, *_):
        await asyncio.sleep(0.2)
        self.going = False
        await asyncio.gather(*self.tasks)


MODEL = {"versioned": {"plugin": "versioned"}}


async def served(client: Client, expected: bytes):
    async def is_so():
        reply = await client.run("versioned", b"x")
        return reply.code == "ok" and reply.data == expected

    await until(f"{expected} to be answered", is_so)


def test_a_file_put_into_the_folder_is_served_and_then_upgraded(start, folder, loop):
    daemon, client = start({"echo": {"plugin": "echo"}, **MODEL})

    async def go():
        assert (await client.run("versioned", b"x")).code == "not_found"
        install(version(1), folder)
        await served(client, b"1:x")
        async with Load(client) as load:
            install(version(2), folder)
            await served(client, b"2:x")
        assert set(load.answers) == {b"1:x", b"2:x"}
        first_new = load.answers.index(b"2:x")
        assert load.answers[first_new + 2 * load.ways :].count(b"1:x") == 0
        now = await plugin(client, "versioned")
        assert (now["version"], now["upgrades"], now["state"]) == ("2.0.0", 1, "active")
        assert (await client.run("versioned", b"x")).headers["Darkroom-Plugin"].startswith(
            "versioned 2.0.0 sha256:"
        )

    loop.run_until_complete(go())
    assert daemon.stop() == 0


def test_a_half_written_file_is_left_alone_until_it_is_whole(start, folder, loop):
    daemon, client = start({**MODEL})

    async def go():
        whole = version(1).read_bytes()
        with open(folder / "versioned.so", "wb") as file:
            file.write(whole[: len(whole) // 2])
            file.flush()
            await asyncio.sleep(0.5)
            assert (await client.run("versioned", b"x")).code == "not_found"
            file.write(whole[len(whole) // 2 :])
        await served(client, b"1:x")

    loop.run_until_complete(go())


def test_a_plugin_that_no_model_names_serves_one_of_its_own_name(start, folder, loop):
    daemon, client = start({"echo": {"plugin": "echo"}}, {"serve": "all"})

    async def go():
        install(version(1), folder)
        async def is_there():
            models = (await client.control("models"))["models"]
            return any(m["name"] == "versioned" and "error" not in m for m in models)
        await until("the model", is_there)
        assert await answer(client) == b"1:x"

    loop.run_until_complete(go())


def test_load_upgrade_rollback_unload_by_control(start, folder, loop):
    daemon, client = start({"echo": {"plugin": "echo"}}, {"watch": False})

    async def go():
        change = await operate(client, "load", file=str(version(1)))
        assert (change["action"], change["version"]) == ("loaded", "1.0.0")
        assert change["models"] == ["versioned"]
        assert await answer(client) == b"1:x"

        change = await operate(client, "upgrade", plugin="versioned", file=str(version(2)))
        assert (change["action"], change["from"], change["version"], change["plan"]) == (
            "upgraded", "1.0.0", "2.0.0", "overlap",
        )
        assert await answer(client) == b"2:x"
        assert (await operate(client, "reload", plugin="versioned"))["action"] == "unchanged"

        async def can_go_back():
            return "previous" in await plugin(client, "versioned")

        await until("the old generation to be gone", can_go_back)
        change = await operate(client, "rollback", plugin="versioned")
        assert (change["action"], change["version"]) == ("rolled back", "1.0.0")
        assert await answer(client) == b"1:x"

        workers = children_of(daemon.pid)
        change = await operate(client, "unload", plugin="versioned")
        assert change["action"] == "unloaded"
        assert (await plugin(client, "versioned"))["state"] == "unloaded"
        reply = await client.run("versioned", b"x")
        assert reply.code == "not_found" and "unloaded" in reply.error["message"]
        wait_until("the worker's end", lambda: sum(map(is_running, workers)) < len(workers))
        change = await operate(client, "load", plugin=str(version(3)))
        assert await answer(client) == b"3:x"

    loop.run_until_complete(go())
    assert daemon.stop() == 0
    wait_until("all workers' end", lambda: not children_of(daemon.pid))
    assert list((daemon.folder / "state/plugins").iterdir()) == []


@pytest.mark.parametrize(
    "number, code, words",
    [
        (4, "failed_precondition", "SIGABRT"),
        (5, "invalid_argument", "this version wants more"),
        (6, "not_found", "its weights are not there"),
    ],
)
def test_what_fails_before_the_switch_changes_nothing(start, folder, loop, number, code, words):
    install(version(1), folder)
    daemon, client = start(MODEL)

    async def go():
        assert await answer(client) == b"1:x"
        async with Load(client) as load:
            error = await refused(
                client, "upgrade", code, plugin="versioned", file=str(version(number))
            )
            assert words in error["message"]
        assert set(load.answers) == {b"1:x"}
        assert words in (await plugin(client, "versioned"))["error"]["message"]

    loop.run_until_complete(go())
    assert daemon.stop() == 0


def test_no_room_for_both_generations_makes_the_old_one_go_first(start, folder, loop):
    install(version(1), folder)
    daemon, client = start(MODEL)

    async def go():
        async with Load(client) as load:
            change = await operate(client, "upgrade", plugin="versioned", file=str(version(7)))
            assert change["plan"] == "swap"
            assert "no 12 GiB left" in change["notes"][0]
        assert set(load.answers) == {b"1:x", b"7:x"}

    loop.run_until_complete(go())


def test_params_of_a_new_generation_hold_from_the_switch_on(start, folder, loop):
    install(version(1), folder)
    daemon, client = start(MODEL)

    async def go():
        (await client.run("versioned", b"x", params={"delay": 1})).ok()
        await operate(client, "upgrade", plugin="versioned", file=str(version(8)))
        (await client.run("versioned", b"x", params={"strength": 1})).ok()
        (await client.run("versioned", b"x", params={"delay": 1})).failed("invalid_argument")

    loop.run_until_complete(go())


def test_a_route_whose_params_the_new_generation_does_not_take_keeps_the_old(start, folder, loop):
    install(version(1), folder)
    daemon, client = start(
        MODEL, routes=[{"subject": "a.b", "model": "versioned", "params": {"delay": 2}}]
    )

    async def go():
        await refused(
            client, "upgrade", "invalid_argument", plugin="versioned", file=str(version(8))
        )
        assert (await client.request("a.b", b"x")).ok().data == b"1:x"

    loop.run_until_complete(go())


def test_shadow_runs_the_last_requests_in_the_new_generation_first(start, folder, loop):
    install(version(1), folder)
    daemon, client = start(MODEL, {"shadow": 3})

    async def go():
        assert await answer(client, b"panorama") == b"1:panorama"
        error = await refused(
            client, "upgrade", "unimplemented", plugin="versioned", file=str(version(9))
        )
        assert "no panoramas" in error["message"] and "run again" in error["message"]
        for _ in range(3):  # the panorama is no longer among the last three
            await answer(client)
        change = await operate(client, "upgrade", plugin="versioned", file=str(version(9)))
        assert change["action"] == "upgraded"
        assert await answer(client) == b"9:x"

    loop.run_until_complete(go())
    assert daemon.stop() == 0


def test_files_that_others_may_write_are_refused(start, folder, loop):
    daemon, client = start(MODEL, {"watch": False})

    async def go():
        install(version(1), folder)
        os.chmod(folder / "versioned.so", 0o666)
        error = await refused(client, "load", "unauthorized", plugin="versioned")
        assert "chmod go-w" in error["hint"]
        os.chmod(folder / "versioned.so", 0o644)
        os.rename(folder / "versioned.so", folder.parent / "versioned.so")
        os.symlink(folder.parent / "versioned.so", folder / "versioned.so")
        await refused(client, "load", "unauthorized", plugin="versioned")

    loop.run_until_complete(go())


def test_pinned_digests_let_only_those_files_in(start, folder, loop):
    import hashlib

    digests = [hashlib.sha256(p.read_bytes()).hexdigest() for p in (plugin_path("echo"), version(1))]
    daemon, client = start({"echo": {"plugin": "echo"}}, {"digests": digests})

    async def go():
        await operate(client, "load", file=str(version(1)))
        await refused(client, "load", "unauthorized", file=str(version(2)))
        assert await answer(client) == b"1:x"

    loop.run_until_complete(go())


@pytest.mark.parametrize(
    "verb, body, code",
    [
        ("load", b"", "invalid_argument"),
        ("load", b"[1]", "invalid_argument"),
        ("load", b'{"plugin": "nonsuch"}', "not_found"),
        ("load", b'{"file": "/nonexistent/x.so"}', "not_found"),
        ("upgrade", b'{"plugin": "nonsuch"}', "not_found"),
        ("upgrade", json.dumps({"plugin": "echo", "file": str(version(1))}).encode(), "invalid_argument"),
        ("rollback", b'{"plugin": "echo"}', "failed_precondition"),
        ("unload", b'{"plugin": "ecko"}', "not_found"),
    ],
)
def test_what_cannot_be_done_is_answered_with_why(start, loop, verb, body, code):
    daemon, client = start({"echo": {"plugin": "echo"}})
    reply = loop.run_until_complete(client.request(f"darkroom.control.{verb}", body))
    assert reply.failed(code).headers["Darkroom-Host"] == daemon.host


def test_in_process_the_same_operations_work_and_unloading_is_shown(start, folder, loop):
    install(version(1), folder)
    daemon, client = start(MODEL, {"isolation": "in-process"})

    def mapped() -> list[str]:
        lines = Path(f"/proc/{daemon.pid}/maps").read_text().splitlines()
        return sorted({line.split()[-1] for line in lines if "versioned-" in line})

    async def go():
        assert await answer(client) == b"1:x"
        assert len(mapped()) == 1
        async with Load(client) as load:
            await operate(client, "upgrade", plugin="versioned", file=str(version(2)))
            error = await refused(
                client, "upgrade", "failed_precondition", plugin="versioned", file=str(version(4))
            )
            assert "SIGABRT" in error["message"]
        assert set(load.answers) == {b"1:x", b"2:x"}

        async def one_left():
            return len(mapped()) == 1

        await until("the old generation to be unmapped", one_left)
        await operate(client, "unload", plugin="versioned")
        assert not mapped()
        assert (await plugin(client, "versioned"))["resident"] == 0

    loop.run_until_complete(go())
    assert daemon.stop() == 0
