# SPDX-License-Identifier: Apache-2.0
"""A daemon that works is given another configuration: SIGHUP, and `darkroom reload`."""

import asyncio
import hashlib
import json
import signal
from collections import Counter

import nats.errors
import pytest

from client import until
from harness import children_of, wait_until
from shell import Shell

TIMES = {"drain_timeout": "20s"}


@pytest.fixture
def start(site, connect):
    """Starts a server and a daemon, and connects."""

    async def start(models: dict, jetstream: bool = False, **config):
        server = site.server(jetstream=jetstream).start()
        config = {"nats": {"url": server.url}, "models": models, **TIMES, **config}
        daemon = site.daemon(config, "one").start()
        daemon.config = config
        return daemon, await connect(server.url)

    return start


def write(daemon, **changes):
    """Gives the daemon's file other sections; it is not read yet."""
    daemon.config = {**daemon.config, **changes}
    daemon.config_path.write_text(json.dumps(daemon.config, indent=2))


async def ask(client, wait: bool = True, **body):
    body = {"host": "one", "wait": wait, **body}
    return await client.request("darkroom.control.reconfigure", json.dumps(body).encode())


async def reload(daemon, client, **changes) -> dict:
    write(daemon, **changes)
    answer = (await ask(client)).json()
    assert answer["done"] and answer["host"] == "one"
    return answer


def hang_up(daemon, **changes):
    """Reloads as an operator's kill -HUP does, and returns when systemd is told that it is over."""
    write(daemon, **changes)
    before = daemon.read_notices().count("READY=1")
    daemon.send(signal.SIGHUP)
    wait_until("the end of the reload", lambda: daemon.read_notices().count("READY=1") > before)


def weights(site, text: str) -> tuple[str, str]:
    """A file, and what a receipt calls it."""
    path = site.folder / f"weights-{text}"
    path.write_text(text)
    return str(path), "sha256:" + hashlib.sha256(text.encode()).hexdigest()


async def weights_of(client, model: str = "m", **options) -> str:
    return (await client.run(model, **options)).ok().headers["Darkroom-Weights"]


async def test_settings_are_switched_where_they_are(start):
    daemon, client = await start({"m": {"plugin": "mock", "params": {"output_bytes": 3}}, "e": {"plugin": "echo"}},
                                 routes=[{"subject": "in", "model": "m"}])
    assert len((await client.run("m")).ok().data) == 3
    workers = children_of(daemon.pid)
    assert " debug " not in daemon.log
    write(daemon, log={"level": "debug"}, limits={"queued": 1}, models={
        "m": {"plugin": "mock", "params": {"output_bytes": 5}, "queue": 9}, "e": {"plugin": "echo"}},
          routes=[{"subject": "in", "model": "m", "params": {"output_bytes": 7}}])
    hang_up(daemon)
    assert len((await client.run("m")).ok().data) == 5
    assert len((await client.request("in")).ok().data) == 7
    assert " debug " in daemon.log
    assert (await client.model("m"))["queue"]["max"] == 9
    slow = asyncio.create_task(client.run("m", params={"delay_ms": 700}))
    await until("it to run", lambda: client.jobs("running", "m"))
    assert "1 jobs already" in (await client.run("e", b"x")).failed("busy").error["message"]
    (await slow).ok()
    assert children_of(daemon.pid) == workers, "a plugin was touched"
    notices = daemon.read_notices()
    at = notices.index("RELOADING=1")
    assert notices[at + 1].startswith("MONOTONIC_USEC=") and "Reloading" in notices[at + 2]
    assert "reload: 2 settings switched, 1 models changed, 1 routes changed" in daemon.log


async def test_a_file_that_is_wrong_changes_nothing_and_says_where(start, tmp_path):
    daemon, client = await start({"e": {"plugin": "echo"}})
    good = daemon.config_path.read_text()
    daemon.config_path.write_text("log: {level: debug}\nnats: {url: '" + daemon.config["nats"]["url"] +
                                  "'}\nmodels:\n  e: {plugin: echo, queue: none}\n  x: {plugin: echo}\n")
    place = f"{daemon.config_path}:4:28: models.e.queue"
    refusal = (await ask(client)).failed("invalid_argument").error
    assert place in refusal["message"] and "config check" in refusal["hint"]
    done = Shell(tmp_path, daemon.config["nats"]["url"])("reload", "--wait", code=8)
    assert place in done.err and done.text == ""
    hang_up_only(daemon)
    assert daemon.log.count(f"reload: nothing is changed: {place}") == 3
    status = [line for line in daemon.read_notices() if line.startswith("STATUS=")][-1]
    assert status.startswith("STATUS=Ready: 1 model") and place in status
    assert " debug " not in daemon.log
    with pytest.raises(nats.errors.NoRespondersError):
        await client.run("x")
    (await client.run("e", b"x")).ok()
    # What a route asks of a model is checked as `darkroomd --check` does it.
    daemon.config_path.write_text(good)
    write(daemon, routes=[{"subject": "r", "model": "e", "params": {"nonsense": 1}}])
    assert "params of 'r'" in (await ask(client)).failed("invalid_argument").error["message"]
    write(daemon, routes=[])
    hang_up_only(daemon)
    status = [line for line in daemon.read_notices() if line.startswith("STATUS=")][-1]
    assert place not in status
    assert daemon.stop() == 0


def hang_up_only(daemon):
    before = daemon.read_notices().count("READY=1")
    daemon.send(signal.SIGHUP)
    wait_until("the end of the reload", lambda: daemon.read_notices().count("READY=1") > before)


async def test_models_come_and_go(start, tmp_path):
    daemon, client = await start({"old": {"plugin": "mock", "max_batch": 1}, "stays": {"plugin": "mock"}, "e": {"plugin": "echo"}})
    for model in ("old", "stays", "e"):
        (await client.run(model, b"x")).ok()
    before = set(children_of(daemon.pid))
    write(daemon, models={"stays": {"plugin": "mock"}, "new": {"plugin": "mock", "preload": True}},
          routes=[{"subject": "to.new", "model": "new"}])
    running = asyncio.create_task(client.run("old", params={"delay_ms": 1500}))
    waiting = [asyncio.create_task(client.run("old", params={"delay_ms": 10})) for _ in range(5)]
    await until("all to be here", lambda: has_jobs(client, "old", 6))
    done = Shell(tmp_path, daemon.config["nats"]["url"])("reload", "--wait")
    assert done.text == ("one: reloaded\n  + model new\n  - model old\n  - model e\n  + route to.new\n")
    assert (await client.model("new"))["state"] == "ready"
    (await client.request("to.new")).ok()
    (await client.run("stays")).ok()
    with pytest.raises(nats.errors.NoRespondersError):
        await client.run("old")
    assert [model["name"] for model in (await client.control("models"))["models"]] == ["stays", "new"]
    # What was accepted is answered.
    for job in (running, *waiting):
        (await job).ok()
    wait_until("the plugin that no model names to be gone", lambda: "e: removed" in daemon.log and
               "old: removed" in daemon.log)
    # The worker of the one that stays is the one that it had, and the echo's is gone.
    wait_until("its worker to be gone", lambda: len(before - set(children_of(daemon.pid))) == 1)
    plugins = {one["id"]: one for one in (await client.control("plugins"))["plugins"]}
    assert plugins["mock"]["models"] == ["stays", "new"] and len(plugins["mock"]["places"]) == 2
    assert plugins["echo"]["state"] == "unloaded" and plugins["echo"]["models"] == []
    # And back again.
    answer = await reload(daemon, client, models={"e": {"plugin": "echo"}, "old": {"plugin": "mock"}}, routes=[])
    assert answer["models"] == {"added": ["e", "old"], "changed": [], "removed": ["stays", "new"]}
    assert (await client.run("e", b"x")).ok().data == b"x"
    (await client.run("old")).ok()
    assert daemon.stop() == 0


async def has_jobs(client, model, count):
    jobs = (await client.control("ps"))["jobs"]
    return len([job for job in jobs if job["model"] == model]) == count


async def test_a_model_is_made_otherwise_beside_what_it_is(start, site):
    first, is_first = weights(site, "first")
    second, is_second = weights(site, "second")
    daemon, client = await start({"m": {"plugin": "mock", "weights": first, "max_batch": 1},
                            "n": {"plugin": "mock", "weights": first}},
                           routes=[{"subject": "in", "model": "m"}])
    assert await weights_of(client) == is_first and await weights_of(client, "n") == is_first
    running = asyncio.create_task(weights_of(client, params={"delay_ms": 1500}))
    await until("it to run", lambda: client.jobs("running", "m"))
    before = (await client.model("m"))["subjects"]
    answer = await reload(daemon, client, models={
        "m": {"plugin": "mock", "weights": second, "max_batch": 1}, "n": {"plugin": "mock", "weights": first}})
    assert answer["models"]["changed"] == [{"name": "m", "keys": ["weights"], "remade": True}]
    assert not running.done(), "the test came too late"
    new = asyncio.create_task(weights_of(client))
    # What was in hand ends where it began, and its receipt says so.
    assert await running == is_first
    assert await new == is_second
    assert (await client.request("in")).ok().headers["Darkroom-Weights"] == is_second
    assert await weights_of(client, "n") == is_first
    assert (await client.model("m"))["subjects"] == before
    # A folder is named by all that is in it.
    folder = site.folder / "weights"
    folder.mkdir()
    (folder / "b.json").write_text("second")
    (folder / "a.safetensors").write_text("first")
    lines = "".join(f"{one.removeprefix('sha256:')}  {name}\n" for one, name in
                    ((is_first, "a.safetensors"), (is_second, "b.json")))
    await reload(daemon, client, models={
        "m": {"plugin": "mock", "weights": str(folder)}, "n": {"plugin": "mock", "weights": first}})
    assert await weights_of(client) == "sha256:" + hashlib.sha256(lines.encode()).hexdigest()
    # From one plugin to another.
    await reload(daemon, client, models={"m": {"plugin": "echo"}, "n": {"plugin": "mock", "weights": first}},
                 routes=[{"subject": "in", "model": "n"}])
    assert (await client.run("m", b"x")).ok().data == b"x"
    assert (await client.request("in")).ok().headers["Darkroom-Weights"] == is_first
    # An upgrade makes one of them again.
    assert daemon.stop() == 0


async def test_what_cannot_be_had_is_told_and_the_rest_is_done(start, tmp_path):
    good = {"plugin": "mock", "preload": True}
    daemon, client = await start({"m": good})
    bad = {**good, "options": {"load_fail": "internal"}}
    write(daemon, models={"m": bad, "fine": {"plugin": "echo"}, "gone": {"plugin": "nonsuch"}, "late": bad})
    shell = Shell(tmp_path, daemon.config["nats"]["url"])
    done = shell("reload", "--wait", code=1)
    assert "+ model fine" in done.text and "! model 'gone' cannot be served" in done.text
    for model in ("m", "gone", "late"):
        assert f"model '{model}': " in done.err
    (await client.run("m")).ok()  # as it was
    (await client.run("fine", b"x")).ok()
    (await client.run("gone")).failed("not_found")
    (await client.run("late")).failed("internal")  # it is there, and each job tries to load it
    failed = shell.json("reload", "--wait", code=1)["hosts"][0]["failed"]
    assert [one["what"] for one in failed] == ["model 'm'"]
    # It is tried again.
    answer = await reload(daemon, client, models={"m": {**good, "options": {"load_delay_ms": 1}}})
    assert answer["failed"] == [] and answer["models"]["changed"][0]["keys"] == ["options"]
    assert shell("reload").text == "one: nothing has changed\n"
    assert daemon.stop() == 0


async def test_another_queue_group_takes_over_without_a_gap_and_without_twins(start):
    models = {"e": {"plugin": "echo", "queue": 100000}}
    route = {"subject": "in", "model": "e", "queue_group": "group-0"}
    daemon, client = await start(models, routes=[route], limits={"queued": 200000})
    answers, sent, over = Counter(), 0, False

    async def heard(message):
        assert "Nats-Service-Error" not in message.headers and "Status" not in message.headers
        answers[message.subject] += 1

    await client.nats.subscribe("answers.*", cb=heard)

    async def send():
        nonlocal sent
        while not over:
            for _ in range(20):
                sent += 1
                await client.nats.publish("in", b"%d" % sent, reply=f"answers.{sent}")
            await client.nats.flush()
            daemon.read_notices()

    load = asyncio.create_task(send())
    for number in range(1, 6):
        answer = await reload(daemon, client, routes=[{**route, "queue_group": f"group-{number}"}])
        assert answer["routes"]["changed"] == ["in"]
    over = True
    await load

    async def all_answered():
        return len(answers) == sent

    await until("all to be answered", all_answered)
    await client.nats.flush()
    assert set(answers.values()) == {1} and sent > 100
    assert daemon.stop() == 0


async def test_what_needs_a_restart_is_named_and_stays(start):
    daemon, client = await start({"e": {"plugin": "echo"}})
    answer = await reload(daemon, client, nats={**daemon.config["nats"], "prefix": "other"},
                          http={"listen": "127.0.0.1:0"}, devices=[{"device": "cpu", "lanes": 3}],
                          limits={"queued": 7})
    assert answer["needs_restart"] == ["devices", "http.listen", "nats.prefix"]
    assert answer["settings"] == ["limits.queued"]
    assert "nats.prefix needs a restart" in daemon.log
    shown = (await client.control("config"))["config"]
    assert (shown["nats"]["prefix"], shown["limits"]["queued"]) == ("darkroom", 7)
    (await client.run("e", b"x")).ok()


async def test_limits_of_workers_begin_them_anew(start):
    daemon, client = await start({"m": {"plugin": "mock", "preload": True}})
    before = children_of(daemon.pid)
    running = asyncio.create_task(client.run("m", params={"delay_ms": 500}))
    await until("it to run", lambda: client.jobs("running", "m"))
    answer = await reload(daemon, client, limits={"input_bytes": 100})
    assert answer["settings"] == ["limits.input_bytes"]
    (await running).ok()
    (await client.run("m", bytes(101))).failed("too_large")
    (await client.run("m", bytes(99))).ok()
    wait_until("the old worker to be gone", lambda: not set(before) & set(children_of(daemon.pid)))


async def test_reloads_wait_for_each_other_and_the_newest_file_wins(start):
    daemon, client = await start({"e": {"plugin": "echo"}})
    slow = {"plugin": "mock", "preload": True, "options": {"load_delay_ms": 700}}
    write(daemon, models={"e": {"plugin": "echo"}, "a": slow})
    first = asyncio.create_task(ask(client))
    await until("the model to load", lambda: reloading(daemon))
    # Without waiting the answer comes when the files are found good; by then the first is over.
    write(daemon, models={"e": {"plugin": "echo"}, "b": {"plugin": "echo"}})
    second = (await ask(client, wait=False)).json()
    assert first.done() and (await first).json()["models"]["added"] == ["a"]
    assert second["done"] is False and second["models"]["added"] == ["b"]
    await until("the second", lambda: names(client, {"e", "b"}))
    (await client.run("b", b"x")).ok()


async def reloading(daemon):
    return any("Reloading" in line for line in daemon.read_notices())


async def names(client, wanted):
    return {model["name"] for model in (await client.control("models"))["models"]} == wanted


async def test_a_reload_while_it_drains_is_refused(start):
    daemon, client = await start({"m": {"plugin": "mock"}})
    job = asyncio.create_task(client.run("m", params={"delay_ms": 1500}))
    await until("it to run", lambda: client.jobs("running", "m"))
    # Another reload waits for a model, and a third for that one; neither is left hanging.
    write(daemon, models={"m": {"plugin": "mock"},
                          "a": {"plugin": "mock", "preload": True, "options": {"load_delay_ms": 500}}})
    first = asyncio.create_task(ask(client))
    await until("the model to load", lambda: reloading(daemon))
    second = asyncio.create_task(ask(client))
    await client.nats.flush()
    await until("the request to be here", lambda: asyncio.sleep(0.2, True))
    daemon.send(signal.SIGTERM)
    (await first).ok()
    assert "draining" in (await second).failed("failed_precondition").error["message"]
    (await job).ok()
    assert daemon.wait() == 0


@pytest.mark.parametrize("body, code", ((b"[]", "invalid_argument"), (b"{}", "invalid_argument")))
async def test_a_request_that_names_nobody_is_refused(start, body, code):
    _, client = await start({"e": {"plugin": "echo"}})
    (await client.request("darkroom.control.reconfigure", body)).failed(code)
