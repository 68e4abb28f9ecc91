# SPDX-License-Identifier: Apache-2.0
"""config/nats/darkroom.conf at a real server: what darkroom does is allowed, and nothing beside it."""

import asyncio
import hashlib
import json
import re

import nats
import nats.js.errors
import pytest

from client import Client, until
from durable import Durable
from harness import REPOSITORY, deps, wait_until
from shell import Shell

EXAMPLE = REPOSITORY / "config" / "nats" / "darkroom.conf"
PASSWORDS = {user: f"{user}-secret" for user in ("darkroomd", "client", "operator", "watcher")}
ENVIRONMENT = {"DARKROOMD_PASSWORD": PASSWORDS["darkroomd"], "DARKROOM_CLIENT_PASSWORD": PASSWORDS["client"],
               "DARKROOM_OPERATOR_PASSWORD": PASSWORDS["operator"],
               "DARKROOM_WATCHER_PASSWORD": PASSWORDS["watcher"]}
MODELS = {"echo": {"plugin": "echo"}, "mock": {"plugin": "mock"}, "steps": {"plugin": "mock-steps"}}
VIOLATION = " Violation - "  # as the server's log has it: of a publish or a subscription

# What nobody but the server's own people should do, by whom it is tried.
FORBIDDEN = {
    "darkroomd": [
        "darkroom.run.echo", "darkroom.jobs.normal.echo", "darkroom.control.unload", "photos.cat.incoming",
        "billing.charge", "$JS.API.STREAM.DELETE.DARKROOM_JOBS", "$JS.API.STREAM.PURGE.DARKROOM_RESULTS",
        "$JS.API.STREAM.MSG.DELETE.DARKROOM_DEAD", "$JS.API.STREAM.CREATE.OTHER", "$JS.API.STREAM.LIST",
        "$JS.API.CONSUMER.DELETE.DARKROOM_JOBS.normal-echo", "$JS.ACK.OTHER.c.1.1.1.1.0", "$KV.other.key"],
    "client": [
        "darkroom.results.echo.a", "darkroom.dead.echo.a", "darkroom.requests.echo.a", "darkroom.progress.a",
        "darkroom.announced.normal.echo", "darkroom.cancel.a.taken", "darkroom.control.load",
        "darkroom.control.upgrade", "darkroom.control.unload", "darkroom.control.rollback",
        "$KV.darkroom-jobs.a", "$JS.API.STREAM.DELETE.DARKROOM_JOBS", "$JS.API.STREAM.PURGE.DARKROOM_JOBS",
        "$O.darkroom-saved.M.a", "$JS.API.DIRECT.GET.OBJ_darkroom-saved.a",
        "$JS.API.STREAM.MSG.GET.DARKROOM_JOBS", "$JS.API.CONSUMER.MSG.NEXT.DARKROOM_JOBS.normal-echo",
        "$JS.ACK.DARKROOM_JOBS.normal-echo.1.1.1.1.0", "_INBOX.somebody"],
    "watcher": [
        "darkroom.run.echo", "darkroom.jobs.normal.echo", "darkroom.cancel.a", "darkroom.control.load",
        "darkroom.control.unload", "$KV.darkroom-jobs.a", "$O.darkroom-objects.M.a",
        "$JS.API.STREAM.MSG.GET.DARKROOM_RESULTS", "_INBOX.somebody"],
    "operator": ["billing.charge", "$SYS.REQ.SERVER.PING"],
}


@pytest.fixture(scope="module")
def server(module_site):
    server = module_site.server(jetstream=True)
    with open(server.settings, "a") as settings:
        settings.write(f'include "{EXAMPLE.name}"\n')
    (server.folder / EXAMPLE.name).write_text(EXAMPLE.read_text())
    server.spawn([deps() / "bin" / "nats-server", "-c", server.settings], ENVIRONMENT)
    wait_until("nats-server", server.ready)
    return server


@pytest.fixture(scope="module")
def daemon(module_site, server):
    daemon = module_site.daemon(
        {"nats": {"url": server.url, "user": "darkroomd", "password_file": "password"}, "models": MODELS,
         "jobs": {"enabled": True, "inline_bytes": "64KiB", "save_every": "20ms"},
         "routes": [{"subject": "photos.*.incoming", "model": "echo"}]}, "guarded")
    (daemon.folder / "password").write_text(PASSWORDS["darkroomd"] + "\n")
    yield daemon.start()
    assert daemon.stop() == 0, daemon.log[-4000:]


def url_of(server, user):
    return f"nats://{user}:{PASSWORDS[user]}@127.0.0.1:{server.port}"


async def connect(server, user):
    """A client, and the list of what it was refused."""
    refused = []

    async def on_error(error):
        refused.append(str(error))

    connection = await nats.connect(url_of(server, user), error_cb=on_error)
    return Client(connection), refused


async def test_what_darkroom_does_is_allowed(server, daemon, loop, tmp_path):
    client, refused = await connect(server, "client")
    jobs = Durable(client)

    async def served():
        try:
            return (await jobs.js.stream_info("DARKROOM_JOBS")).state.consumer_count == 3 * len(MODELS)
        except nats.js.errors.NotFoundError:
            return False  # not yet made

    await until("the streams", served)
    # Request and reply, a route, progress, cancelling.
    assert (await client.run("echo", b"1")).ok().data == b"1"
    assert (await client.request("photos.cat.incoming", b"2")).ok().data == b"2"
    heard = await client.nats.subscribe("darkroom.progress.p")
    (await client.run("mock", b"", params={"delay_ms": 600, "progress_steps": 5}, Darkroom_Job="p",
                      Darkroom_Progress="1")).ok()
    assert json.loads((await heard.next_msg(5)).data)["job"] == "p"
    running = asyncio.create_task(client.run("mock", b"", params={"delay_ms": 60000}, Darkroom_Job="c"))
    operator, refused_operator = await connect(server, "operator")
    await until("it to run", lambda: operator.jobs("running", "mock"))
    assert (await client.request("darkroom.cancel.c")).json()["state"] == "cancelled"
    (await running).failed("cancelled")
    # Durable jobs: a result, a failure with a dead letter, one that is cancelled, one with a Reply-To.
    await jobs.submit("echo", b"3", "good")
    await jobs.submit("mock", b"", "bad", params={"fail": "internal"})
    done = await client.nats.subscribe("photos.cat.done")
    await jobs.submit("echo", b"4", "told", Darkroom_Reply_To="photos.cat.done")
    states = [(await jobs.ended(job))["state"] for job in ("good", "bad", "told")]
    assert states == ["succeeded", "failed", "succeeded"]
    assert (await jobs.js.get_last_msg("DARKROOM_RESULTS", "darkroom.results.echo.good")).data == b"3"
    assert (await done.next_msg(10)).data == b"4"
    await jobs.submit("mock", b"", "slow", params={"delay_ms": 60000})
    await until("it to run", lambda: operator.jobs("running", "mock"))
    assert (await client.request("darkroom.cancel.slow")).json()["state"] == "cancelled"
    # One whose states are kept, and removed when it has ended.
    await jobs.submit("steps", b"", "stepping", params={"steps": 20, "step_ms": 20})
    assert (await jobs.ended("stepping"))["state"] == "succeeded"
    saved, refused_saved = await connect(server, "operator")

    async def gone():
        info = await saved.nats.jetstream().stream_info("OBJ_darkroom-saved")
        return info.state.messages == 1  # that it is deleted

    await until("the state to be removed", gone)
    # Large bodies, both ways.
    store = await jobs.js.object_store("darkroom-objects")
    body = bytes(200_000)
    name = hashlib.sha256(body).hexdigest()
    await store.put(name, body)
    reply = await client.run("echo", b"", Darkroom_Object=f"nats-object://darkroom-objects/{name}")
    url = reply.headers["Darkroom-Object"]
    assert (await store.get(url.rsplit("/", 1)[1])).data == body
    # Who watches, and who runs it: the command, as people use it.
    watcher, refused_watcher = await connect(server, "watcher")
    assert (await watcher.control("ps"))["host"] == "guarded"
    shell = Shell(tmp_path, url_of(server, "operator"))
    for command in (["status"], ["models"], ["ps"], ["jobs", "ls"], ["dead", "ls"], ["plugins", "ls"]):
        await asyncio.to_thread(shell, *command)
    status = (await operator.control("status"))["nats"]
    for one in (client, operator, watcher, saved):
        await one.nats.flush()
        await one.close()
    assert [refused, refused_operator, refused_watcher, refused_saved] == [[], [], [], []]
    assert "could not be" not in daemon.log, "a state"
    assert status["troubles"] == [], status
    assert VIOLATION not in server.log, [line for line in server.log.splitlines() if VIOLATION in line]


async def test_what_is_forbidden_is_refused(server, daemon):
    tried = 0
    for user, subjects in FORBIDDEN.items():
        client, refused = await connect(server, user)
        for subject in subjects:
            await client.nats.publish(subject, b"{}")
        await client.nats.flush()

        async def all_refused():
            return len(refused) >= len(subjects)

        await until(f"{user} to be refused", all_refused, 10)
        # This client tells it in small letters.
        told = [re.search(r'publish to "(.*?)"', text).group(1) for text in refused]
        assert sorted(told) == sorted(subject.lower() for subject in subjects)
        tried += len(subjects)
        await client.close()
    assert tried >= 40


async def test_nobody_comes_in_without_a_password(server, daemon):
    for url in (server.url, f"nats://client:wrong@127.0.0.1:{server.port}"):
        with pytest.raises(Exception, match="(?i)authorization|no servers"):
            await nats.connect(url, allow_reconnect=False, max_reconnect_attempts=0)
