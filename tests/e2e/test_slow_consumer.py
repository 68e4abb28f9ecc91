# SPDX-License-Identifier: Apache-2.0
"""A daemon that does not take what the server has for it, until the server cuts it off."""

import asyncio
import os
import re
import signal

import nats.errors

from client import until
from durable import Durable, until_served
from harness import NatsServer, wait_until
from test_http import get, series

MODELS = {"mock": {"plugin": "mock", "instances": 1, "max_batch": 1, "queue": 1000}}
FLOOD = 64 << 10


class ImpatientServer(NatsServer):
    """Keeps little for a client that does not read, and then ends its connection."""

    def __init__(self, folder):
        super().__init__(folder, jetstream=True)
        with self.settings.open("a") as settings:
            settings.write("max_pending: 2000000\nwrite_deadline: 1s\n")


async def flood(client, server, subject):
    """Sends requests that nobody waits for, until the server has had enough of who does not read them."""
    body = b"x" * FLOOD
    sent = 0
    while "Slow Consumer Detected" not in server.log:
        assert sent < 4000, "the server keeps everything"
        for _ in range(20):
            await client.nats.publish(subject, body, reply="nobody.waits")
        await client.nats.flush()
        sent += 20
    return sent


async def answers(client):
    try:
        return (await client.run("mock", b"")).ok()
    except nats.errors.NoRespondersError:
        return None  # the server has yet to hear of the subscriptions


async def test_what_was_accepted_is_done_when_the_server_cuts_the_daemon_off(site, connect):
    server = ImpatientServer(site.path("nats"))
    site.programs.append(server)
    server.start()
    daemon = site.daemon({"nats": {"url": server.url}, "models": MODELS, "jobs": {"enabled": True},
                          "http": {"listen": "127.0.0.1:0"}}, "slow").start()  # fmt: skip
    client = await connect(server.url)
    durable = Durable(client)
    await until_served(durable.js, MODELS)
    running = asyncio.ensure_future(client.run("mock", b"", params={"delay_ms": 300, "seed": 1, "output_bytes": 4}))
    names = [f"slow-{n}" for n in range(20)]
    for name in names:
        await durable.submit("mock", b"", name, params={"delay_ms": 5})

    async def accepted():
        return await client.jobs("running", "mock")

    await asyncio.sleep(0)
    while not await accepted():
        pass
    os.kill(daemon.pid, signal.SIGSTOP)  # as on a host that has no time for it
    try:
        await flood(client, server, "darkroom.run.mock")
    finally:
        os.kill(daemon.pid, signal.SIGCONT)

    # What was accepted is answered, what is durable is done, and who asks now is served.
    assert (await running).ok().data == bytes((1 + 31 * i) & 0xFF for i in range(4))
    assert [(await durable.ended(name, 60))["state"] for name in names] == ["succeeded"] * len(names)
    await asyncio.to_thread(wait_until, "the log", lambda: "connected to NATS again" in daemon.log)
    await until("somebody who answers", lambda: answers(client))

    # It is told, and counted.
    assert re.search(r"warn.*lost the connection to NATS", daemon.log), daemon.log
    values, _ = await asyncio.to_thread(series, daemon)
    assert values["darkroom_nats_connected"] == 1 and values["darkroom_nats_reconnects_total"] == 1
    _, _, page = await asyncio.to_thread(get, daemon, "/statusz")
    assert ": connected, 1 reconnects" in page
    assert (await asyncio.to_thread(daemon.stop)) == 0
