# SPDX-License-Identifier: Apache-2.0
"""Plugins in workers and in the daemon itself: the same answers, but in the daemon one can hang."""

import asyncio
import os

import pytest

from beside import ECHO
from client import until
from harness import children_of, plugin_folder, plugin_path, weights_path
from pictures import encode, quarters

FAST_WEIGHTS = weights_path("realesr-animevideov3-x4")
ISOLATIONS = ("process", "in-process")


async def test_in_the_daemon_only_what_runs_past_its_deadline_is_stuck(serve):
    daemon, client = await serve({"mock": {"plugin": "mock"}}, {"isolation": "in-process"})
    params = {"delay_ms": 2000, "poll_cancel": False}
    running = asyncio.create_task(
        client.run("mock", b"1", params=params, Darkroom_Job="runs", Darkroom_Deadline="300ms")
    )
    await until("it to run", lambda: client.jobs("running", "mock"))
    waiting = client.run("mock", b"1", Darkroom_Job="waits", Darkroom_Deadline="300ms")
    (await waiting).failed("deadline_exceeded")
    (await running).failed("deadline_exceeded")
    assert "runs mock: did not stop when it was told to" in daemon.log
    assert "waits mock: did not stop" not in daemon.log
    # It is free again when that is done.
    (await client.run("mock", b"1")).ok()


async def answers_in_both(site, connect, models: dict, model: str, bodies: list[bytes], **headers):
    """What the model answers to each, by daemons of both isolations: lists of (headers, bytes)."""
    server = site.server(max_payload=8 << 20).start()
    client = await connect(server.url)
    answers = []
    for isolation in ISOLATIONS:
        config = {
            "nats": {"url": server.url, "prefix": isolation},
            "plugins": {"folder": str(plugin_folder()), "isolation": isolation},
            "models": models,
        }
        daemon = site.daemon(config, isolation)
        await asyncio.to_thread(daemon.start)
        replies = [
            (await client.request(f"{isolation}.run.{model}", body, **headers)).ok()
            for body in bodies
        ]
        answers.append([(reply.headers["Content-Type"], reply.data) for reply in replies])
        assert bool(children_of(daemon.pid)) == (isolation == "process")
        assert await asyncio.to_thread(daemon.stop) == 0
    return answers


async def test_echo_answers_the_same_in_both_isolations(site, connect):
    bodies = [b"", b"x", bytes(range(256)), os.urandom(4096), os.urandom(1 << 20)]
    apart, within = await answers_in_both(site, connect, {"echo": ECHO}, "echo", bodies)
    assert apart == within
    assert [data for _, data in apart] == bodies


@pytest.mark.skipif(
    not (FAST_WEIGHTS.exists() and plugin_path("enhance").exists()), reason="there are no weights"
)
async def test_enhance_answers_the_same_in_both_isolations(site, connect):
    models = {"enhance": {"plugin": "enhance", "weights": str(FAST_WEIGHTS)}}
    bodies = [encode(quarters(48, 32)), encode(quarters(37, 53), "JPEG", quality=90)]
    apart, within = await answers_in_both(site, connect, models, "enhance", bodies)
    assert apart == within
