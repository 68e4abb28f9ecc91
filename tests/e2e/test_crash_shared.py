# SPDX-License-Identifier: Apache-2.0
"""Plugins that live in one worker: they share its end, and no more than that."""

import asyncio
import os
import signal

import pytest

from beside import ECHO, member, replaced, undisturbed, worker_pid
from client import until
from harness import is_sanitized
from mock_output import pattern


async def test_plugins_that_share_a_worker_share_its_end(serve):
    pen = {"worker": "pen"}
    daemon, client = await serve(
        {
            "echo": ECHO,
            "mock": {"plugin": "mock"},
            "crashes": member("crashes"),
            "forks": member("forks"),
        },
        {"each": {"mock": pen, "crashes": pen, "forks": pen}},
    )

    async def pids():
        return {await worker_pid(client, name) for name in ("mock", "crashes", "forks")}

    # One of them is to blame. All come back, three times, and together.
    (before,) = await pids()
    assert before != await worker_pid(client, "echo")
    async with undisturbed(client):
        (await client.run("crashes", b"bad")).failed("instance_lost")
        for name in ("crashes", "forks"):
            assert (await client.run(name, b"good")).ok().data == b"good"
        (await client.run("mock", b"1")).ok()
    (between,) = await pids()
    assert between not in (0, before)

    # A job that ran there is done again, if only when all have rested.
    busy = asyncio.create_task(
        client.run("mock", b"1", params={"delay_ms": 700, "output_bytes": 9})
    )
    await until("it to run", lambda: client.jobs("running", "mock"))
    async with undisturbed(client):
        os.kill(between, signal.SIGKILL)
        reply = (await busy).ok()
        assert reply.data == pattern(9, 0)
        assert reply.headers["Darkroom-Attempts"] == "2"
        for name in ("crashes", "forks"):
            assert (await client.run(name, b"good")).ok().data == b"good"
    (after,) = await pids()
    assert after not in (0, between)


# A sanitizer ends a process that writes to address 0 without a signal.
@pytest.mark.parametrize("name", ["aborts", "exits"] + ["crashes"] * (not is_sanitized()))
async def test_a_job_beside_the_one_that_crashes_is_not_taken_for_it(serve, name):
    pen = {"worker": "pen"}
    daemon, client = await serve(
        {"mock": {"plugin": "mock"}, name: member(name)}, {"each": {"mock": pen, name: pen}}
    )
    before = await worker_pid(client, "mock")
    beside = asyncio.create_task(
        client.run("mock", b"1", params={"delay_ms": 1500, "output_bytes": 9})
    )
    await until("it to run", lambda: client.jobs("running", "mock"))
    (await client.run(name, b"bad")).failed("instance_lost")
    assert await replaced(client, "mock", before) != before
    # It was lost three times with the other, and its three attempts are not used up.
    reply = (await beside).ok()
    assert reply.data == pattern(9, 0)
    assert reply.headers["Darkroom-Attempts"] == "1"


async def test_a_plugin_that_cannot_be_opened_keeps_its_neighbours_from_nothing(serve):
    pen = {"worker": "pen"}
    names = ("mock", "aborts_in_ctor", "echo")
    daemon, client = await serve(
        {"mock": {"plugin": "mock"}, "aborts_in_ctor": member("aborts_in_ctor"), "echo": ECHO},
        {"each": {name: pen for name in names}},
    )
    refused = (await client.run("aborts_in_ctor", b"1")).failed("failed_precondition")
    assert "killed by SIGABRT" in refused.error["message"]
    assert (await client.run("mock", b"1")).ok().data == b""
    assert (await client.run("echo", b"1")).ok().data == b"1"
    assert await worker_pid(client, "mock") == await worker_pid(client, "echo")
