# SPDX-License-Identifier: Apache-2.0
"""Workers that are killed or stopped from outside, and what their loss costs: some time, no answer.

Losses are counted by plugin, and too many within a minute make it rest, so each test has a daemon
of its own.
"""

import asyncio
import collections
import os
import re
import signal
import time
from pathlib import Path

from beside import ECHO, member, replaced, undisturbed, worker_pid
from client import until
from harness import bad_plugin_path, children_of, is_running, wait_until
from inbox import Inbox
from mock_output import pattern

FORGIVEN = 3  # losses within a minute after which a plugin is opened again at once (Hosting)


async def test_a_worker_killed_under_load_costs_no_answer(serve):
    daemon, client = await serve({"echo": ECHO, "mock": {"plugin": "mock", "queue": 1000}})
    count = 400
    inbox = await Inbox(client).open()
    async with undisturbed(client):
        for number in range(count):
            params = f'{{"delay_ms": 2, "output_bytes": {500 + number}, "seed": {number}}}'
            await inbox.send(number, "mock", b"1", {"Darkroom-Params": params})
        for answered in (40, 150):
            await inbox.until_answered(answered)
            pid = await worker_pid(client, "mock")
            os.kill(pid, signal.SIGKILL)
            await replaced(client, "mock", pid)
        assert len(inbox.replies) < count, "the load was over before the kills"
        await inbox.until_answered(count)
        await asyncio.sleep(0.3)  # for a second answer, if there were one

    assert set(inbox.counts.values()) == {1}
    for number, reply in inbox.replies.items():
        assert reply.ok().data == pattern(500 + number, number)
    attempts = collections.Counter(
        int(reply.headers["Darkroom-Attempts"]) for reply in inbox.replies.values()
    )
    assert set(attempts) <= {1, 2, 3} and attempts[2] > 0, attempts
    assert attempts[1] > count / 2, f"jobs that waited were counted: {attempts}"
    assert "killed by SIGKILL" in daemon.log


async def test_echo_killed_again_and_again_under_load(serve):
    daemon, client = await serve({"echo": {**ECHO, "queue": 10_000}, "mock": {"plugin": "mock"}})
    bodies = [os.urandom(1 + 37 * number % 5000) for number in range(2000)]
    inbox = await Inbox(client).open()

    async def send():
        for number, body in enumerate(bodies):
            await inbox.send(number, "echo", body)
            if number % 20 == 0:
                await asyncio.sleep(0.005)

    sender = asyncio.create_task(send())
    for answered in (100, 600, 1100):
        await inbox.until_answered(answered)
        pid = await worker_pid(client, "echo")
        os.kill(pid, signal.SIGKILL)
        await replaced(client, "echo", pid)
    await sender
    await inbox.until_answered(len(bodies))
    await asyncio.sleep(0.3)

    assert set(inbox.counts.values()) == {1}
    assert [inbox.replies[number].ok().data for number in range(len(bodies))] == bodies


async def test_a_worker_killed_while_the_daemon_drains(serve):
    daemon, client = await serve({"mock": {"plugin": "mock", "max_batch": 1}})
    inbox = await Inbox(client).open()
    for number in range(10):
        await inbox.send(number, "mock", b"1", {"Darkroom-Params": '{"delay_ms": 100}'})
    await inbox.until_answered(2)
    pid = await worker_pid(client, "mock")
    daemon.send(signal.SIGTERM)
    await inbox.until_answered(4)
    os.kill(pid, signal.SIGKILL)
    await inbox.until_answered(10)

    assert {reply.code for reply in inbox.replies.values()} == {"ok"}
    assert set(inbox.counts.values()) == {1}
    assert daemon.wait() == 0


async def test_an_idle_worker_that_hangs_is_noticed(serve):
    daemon, client = await serve({"echo": ECHO, "mock": {"plugin": "mock"}})
    (await client.run("mock", b"1")).ok()
    pid = await worker_pid(client, "mock")
    os.kill(pid, signal.SIGSTOP)
    async with undisturbed(client):
        await replaced(client, "mock", pid)
        (await client.run("mock", b"1")).ok()
    assert not is_running(pid)
    assert re.search(r"mock .*did not answer for \d+ s, and was ended", daemon.log)


async def test_a_busy_worker_that_hangs_is_noticed(serve):
    daemon, client = await serve({"echo": ECHO, "mock": {"plugin": "mock"}})
    busy = asyncio.create_task(
        client.run("mock", b"1", params={"delay_ms": 700, "output_bytes": 9})
    )
    await until("it to run", lambda: client.jobs("running", "mock"))
    pid = await worker_pid(client, "mock")
    os.kill(pid, signal.SIGSTOP)
    async with undisturbed(client):
        reply = (await busy).ok()
    assert reply.data == pattern(9, 0)
    assert reply.headers["Darkroom-Attempts"] == "2"
    assert await worker_pid(client, "mock") not in (0, pid)


def descriptors(daemon) -> int:
    return len(list(Path(f"/proc/{daemon.pid}/fd").iterdir()))


def arenas(daemon) -> int:
    return Path(f"/proc/{daemon.pid}/maps").read_text().count("darkroom-arena")


async def test_a_worker_is_back_at_once(serve):
    """From kill to next answer: 30 times, by as many plugins as the circuit breaker asks for."""
    names = ["leaks_fd", "crashes", "aborts", "exits", "hangs"]
    names += ["throws", "forks", "stops", "never_finishes", "finishes_twice"]
    daemon, client = await serve({name: member(name) for name in names})
    times = []
    for name in names:
        (await client.run(name, b"first")).ok()
    before = descriptors(daemon), arenas(daemon)
    assert before[1] == len(names)
    for name in names:
        for number in range(FORGIVEN):
            os.kill(await worker_pid(client, name), signal.SIGKILL)
            start = time.monotonic()
            body = f"{name} {number}".encode()
            assert (await client.run(name, body)).ok().data == body
            times.append(time.monotonic() - start)

    async def tidied():
        return (descriptors(daemon), arenas(daemon)) == before

    await until(f"what the lost workers had to be given back, {before} of it", tidied, 10)
    assert len(times) == 30
    # Of so few the 99th percentile is the slowest.
    assert max(times) < 1, sorted(times)[-5:]
    assert "started again in" not in daemon.log


async def test_a_plugin_that_crashes_again_and_again_rests(serve):
    daemon, client = await serve({"echo": ECHO, "crashes": member("crashes")})
    async with undisturbed(client):
        # Three losses, then one that lets it rest for 1 s, one for 2 s, and one for 4 s.
        for _ in range(2):
            reply = await client.run("crashes", b"bad")
            reply.failed("instance_lost")
        start = time.monotonic()
        rests = (await client.run("crashes", b"good")).failed("busy")
        words = rests.error["message"]
        assert re.search("crashed again and again and rests: .*worker (was|exited)", words)
        again = int(rests.headers["Retry-After"])
        assert 1 <= again <= 4
        assert (await client.model("crashes"))["state"] == "failed"
        assert await worker_pid(client, "crashes") == 0

        async def back():
            reply = await client.run("crashes", b"good")
            return reply.code == "ok" or not reply.failed("busy")

        await until("it to be back", back)
        assert again - 1.5 < time.monotonic() - start < again + 5
    assert (await client.model("crashes"))["state"] == "ready"
    assert daemon.log.count("started again at once") == FORGIVEN
    assert [int(s) for s in re.findall(r"started again in (\d+) s", daemon.log)] == [1, 2, 4]


async def test_who_waits_behind_a_crashing_job_is_not_counted(serve):
    daemon, client = await serve({"crashes": member("crashes")})
    inbox = await Inbox(client).open()
    await inbox.send(0, "crashes", b"bad")
    for number in range(1, 20):
        await inbox.send(number, "crashes", f"good {number}".encode())
    await inbox.until_answered(20)
    replies = inbox.replies
    assert replies[0].failed("instance_lost").headers["Darkroom-Attempts"] == "3"
    for number in range(1, 20):
        assert replies[number].ok().data == f"good {number}".encode()
        assert replies[number].headers["Darkroom-Attempts"] == "1"


async def test_a_deadline_ends_nobody_elses_job(serve):
    """While a job runs the worker has the next at hand, whose deadline is its own."""
    daemon, client = await serve({"mock": {"plugin": "mock", "max_batch": 1, "instances": 1}})
    long = asyncio.create_task(
        client.run("mock", b"1", params={"delay_ms": 2500, "poll_cancel": False})
    )
    await until("it to run", lambda: client.jobs("running", "mock"))
    pid = await worker_pid(client, "mock")
    hurried = [client.run("mock", b"1", Darkroom_Deadline="300ms") for _ in range(3)]
    for reply in await asyncio.gather(*hurried):
        assert "waited" in reply.failed("deadline_exceeded").error["message"]
    assert not long.done()
    assert (await long).ok().headers["Darkroom-Attempts"] == "1"
    assert await worker_pid(client, "mock") == pid


async def test_a_killed_daemon_leaves_no_worker_behind(serve):
    names = ("hangs", "leaks_thread", "ignores_cancel", "stops", "torch_library")
    names = [name for name in names if bad_plugin_path(name).exists()]
    daemon, client = await serve({name: member(name) for name in names})
    (await client.run("leaks_thread", b"1")).ok()
    for name in ("hangs", "ignores_cancel"):
        await client.nats.publish(f"darkroom.run.{name}", b"bad", reply="nobody")
        await until(f"{name} to run", lambda: client.jobs("running", name))
    os.kill(await worker_pid(client, "stops"), signal.SIGSTOP)

    workers = children_of(daemon.pid)
    assert len(workers) == len(names) and all(map(is_running, workers))
    daemon.send(signal.SIGKILL)
    daemon.wait()
    wait_until("the workers to be gone", lambda: not any(map(is_running, workers)), 10)
