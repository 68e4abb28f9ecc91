# SPDX-License-Identifier: Apache-2.0
"""Workers lost or hung while a plugin opens, and a deadline that passes while a model loads."""

import asyncio
import os
import signal
from pathlib import Path

from beside import ECHO, member, worker_pid
from client import until
from harness import children_of, wait_until


async def test_a_deadline_does_not_end_a_load(serve):
    daemon, client = await serve({"slow_load": member("slow_load")})
    pid = await worker_pid(client, "slow_load")
    hurried = asyncio.create_task(client.run("slow_load", b"1", Darkroom_Deadline="300ms"))
    await until("it to wait", lambda: client.jobs("queued", "slow_load"))
    patient = asyncio.create_task(client.run("slow_load", b"2"))
    (await hurried).failed("deadline_exceeded")
    assert not patient.done()
    assert (await patient).ok().headers["Darkroom-Attempts"] == "1"
    assert await worker_pid(client, "slow_load") == pid


async def test_a_worker_that_is_lost_while_its_plugin_opens(site, connect):
    """The daemon waits for it, a minute at most. Its model is refused then, the others serve."""
    server = site.server().start()
    models = {"echo": ECHO, "hangs_in_ctor": member("hangs_in_ctor")}
    daemon = site.daemon({"nats": {"url": server.url}, "models": models}).launch()

    def opening():
        if "plugin echo 1.0.0 loaded" not in daemon.log:
            return []
        named = [(pid, Path(f"/proc/{pid}/cmdline")) for pid in children_of(daemon.pid)]
        return [pid for pid, line in named if b"hangs_in_ctor" in line.read_bytes()]

    (pid,) = wait_until("the worker", opening)
    assert not daemon.ready()
    os.kill(pid, signal.SIGKILL)
    wait_until("the daemon to be ready", daemon.ready)
    client = await connect(server.url)
    refused = (await client.run("hangs_in_ctor", b"1")).failed("failed_precondition")
    assert "could not be opened: its worker was killed by SIGKILL" in refused.error["message"]
    assert (await client.run("echo", b"1")).ok().data == b"1"
    assert daemon.stop() == 0


async def test_a_plugin_that_hangs_before_it_serves(site, connect):
    server = site.server().start()
    words = {
        "hangs_in_ctor": "the plugin did not open within 3 s",
        "hangs_in_create": "the plugin did not make an instance of the model within 3 s",
    }
    config = {
        "nats": {"url": server.url},
        "limits": {"open": "3s"},
        "models": {"echo": ECHO, **{name: member(name) for name in words}},
    }
    daemon = site.daemon(config).start()
    client = await connect(server.url)
    for name, why in words.items():
        refused = (await client.run(name, b"1")).failed("failed_precondition")
        assert why in refused.error["message"]
    assert (await client.run("echo", b"1")).ok().data == b"1"
    assert daemon.stop() == 0
