# SPDX-License-Identifier: Apache-2.0
"""Many requests at once, and what is promised when something ends in their midst."""

import asyncio
import signal

import nats.errors
import pytest

from client import until
from harness import weights_path
from pictures import assert_quarters, decode, encode, quarters

WEIGHTS = str(weights_path("realesr-animevideov3-x4"))
MODELS = {
    "echo": {"plugin": "echo"},
    "mock": {"plugin": "mock"},
    "photo-enhance-fast": {"plugin": "enhance", "weights": WEIGHTS},
    "one-by-one": {"plugin": "mock", "max_batch": 1, "instances": 1},
    # Of which nobody knows yet how long it takes: its jobs are not refused for that.
    "expiring": {"plugin": "mock", "max_batch": 1, "instances": 1},
}
CONFIG = {"devices": [{"device": "cpu", "lanes": 2}]}


async def outcome(request) -> str:
    """What the client sees of a request: an answer's code, or why there was none."""
    try:
        return (await request).code
    except nats.errors.NoRespondersError:
        return "no responders"
    except (nats.errors.TimeoutError, asyncio.TimeoutError):
        return "timeout"


async def test_200_concurrent_requests_of_all_kinds(client):
    """Each gets its own answer: the bytes, the size and the picture that it asked for."""

    async def echo(number):
        body = f"{number}:".encode() * (1 + number * 50)
        assert (await client.run("echo", body)).ok().data == body

    async def mock(number):
        reply = await client.run(
            "mock",
            b"1",
            Darkroom_Job=f"m{number}",
            params={"output_bytes": 1000 + number, "delay_ms": number % 3},
        )
        assert len(reply.ok().data) == 1000 + number
        assert reply.headers["Darkroom-Job"] == f"m{number}"

    async def fail(number):
        reply = await client.run(
            "mock", b"1", params={"fail": "internal", "message": f"number {number}"}
        )
        assert reply.failed("internal").error["message"].endswith(f"number {number}")

    async def enhance(number):
        reply = await client.run("photo-enhance-fast", encode(quarters(20 + number, 16)))
        picture = decode(reply.ok().data)
        assert picture.size == (4 * (20 + number), 64)
        if number % 2 == 0:
            assert_quarters(picture)

    before = (await client.control("status"))["jobs"]
    counts = {echo: 90, mock: 80, fail: 20, enhance: 10}
    await asyncio.gather(
        *(kind(number) for kind, count in counts.items() for number in range(count))
    )
    after = (await client.control("status"))["jobs"]
    assert after["succeeded"] - before["succeeded"] == 180
    assert after["failed"] - before["failed"] == 20


async def test_a_slow_model_does_not_hold_up_another_while_a_lane_is_free(client):
    slow = asyncio.create_task(client.run("one-by-one", b"1", params={"delay_ms": 3000}))
    await until("the slow one to run", lambda: client.jobs("running", "one-by-one"))
    for number in range(20):
        (await client.run("echo", b"1")).ok()
    assert not slow.done()
    (await slow).ok()


async def test_expired_jobs_are_told_so_and_never_run(client):
    slow = asyncio.create_task(client.run("expiring", b"1", params={"delay_ms": 1500}))
    await until("the slow one to run", lambda: client.jobs("running", "expiring"))
    before = await client.control("status")
    progress = await client.nats.subscribe("darkroom.progress.*")
    late = [
        asyncio.create_task(
            client.run(
                "expiring",
                b"1",
                Darkroom_Job=f"late-{number}",
                Darkroom_Deadline="100ms",
                Darkroom_Progress="1",
                params={"delay_ms": 300, "progress_steps": 3},
            )
        )
        for number in range(4)
    ]
    done, _ = await asyncio.wait([slow, *late], return_when=asyncio.FIRST_COMPLETED)
    assert slow not in done, "who waits is told at the deadline, not when the lane is free"
    for reply in await asyncio.gather(*late):
        reply.failed("deadline_exceeded")
    (await slow).ok()
    # The lane is free now: had an expired job kept its place, it would run before this one.
    (await client.run("expiring", b"1")).ok()
    assert progress.pending_msgs == 0, "an expired job ran"
    after = await client.control("status")
    assert after["jobs"]["expired"] - before["jobs"]["expired"] == 4
    assert after["jobs"]["succeeded"] - before["jobs"]["succeeded"] == 2
    await progress.unsubscribe()


async def test_a_running_job_past_its_deadline_is_stopped(client):
    """The mock asks whether it is cancelled, as long jobs do."""
    reply = await client.run(
        "one-by-one",
        b"1",
        Darkroom_Deadline="200ms",
        params={"delay_ms": 20_000, "poll_cancel": True},
    )
    reply.failed("deadline_exceeded")
    assert (await client.run("one-by-one", b"1", timeout=15)).ok()


@pytest.fixture
def own(site):
    """A server and a daemon for a test that ends them."""
    server = site.server().start()
    daemon = site.daemon(
        {
            "nats": {"url": server.url},
            "devices": [{"device": "cpu", "lanes": 2}],
            "models": {
                "echo": {"plugin": "echo"},
                "mock": {"plugin": "mock", "max_batch": 4},
                "photo-enhance-fast": {"plugin": "enhance", "weights": WEIGHTS},
            },
        }
    ).start()
    return server, daemon


async def test_sigterm_under_load_answers_all_that_was_accepted(own, connect):
    server, daemon = own
    client = await connect(server.url)
    requests = [
        asyncio.create_task(outcome(client.run("mock", b"1", params={"delay_ms": 30})))
        for _ in range(100)
    ]
    requests += [
        asyncio.create_task(outcome(client.run("photo-enhance-fast", encode(quarters(64, 64)))))
        for _ in range(5)
    ]
    requests += [asyncio.create_task(outcome(client.run("echo", b"1"))) for _ in range(50)]
    await asyncio.sleep(0)

    async def accepted():
        jobs = (await client.control("status"))["jobs"]
        return (
            jobs
            if sum(jobs[state] for state in ("queued", "running", "succeeded")) == 155
            else None
        )

    jobs = await until("all to be accepted", accepted)
    assert jobs["queued"] > 0, "the load was over before the signal"
    daemon.send(signal.SIGTERM)

    # Whoever goes on asking is served, told to come back, or finds nobody; nobody waits in vain.
    late = []
    while "no responders" not in late:
        late.append(await outcome(client.run("echo", b"1", timeout=20)))
    assert set(late) <= {"ok", "busy", "no responders"}, late
    assert await asyncio.gather(*requests) == ["ok"] * 155
    assert await asyncio.to_thread(daemon.wait) == 0
    assert "STOPPING=1" in daemon.read_notices()


async def test_sigterm_amid_a_burst_leaves_nobody_waiting(own, connect):
    """The signal comes while requests still arrive: each is answered, or finds nobody."""
    server, daemon = own
    client = await connect(server.url)
    stop = asyncio.Event()
    outcomes = []

    async def ask():
        while not stop.is_set():
            outcomes.append(
                await outcome(client.run("mock", b"1", params={"delay_ms": 2}, timeout=20))
            )
            if outcomes[-1] == "no responders":
                return

    askers = [asyncio.create_task(ask()) for _ in range(40)]

    async def enough():
        return len(outcomes) > 200

    await until("the burst to be under way", enough)
    daemon.send(signal.SIGTERM)
    await asyncio.gather(*askers)
    stop.set()
    assert set(outcomes) <= {"ok", "busy", "no responders"}, {
        o: outcomes.count(o) for o in set(outcomes)
    }
    assert await asyncio.to_thread(daemon.wait) == 0


async def test_what_outlasts_the_drain_is_answered_with_an_error(site, connect):
    server = site.server().start()
    daemon = site.daemon(
        {
            "nats": {"url": server.url},
            "drain_timeout": "1s",
            "models": {"mock": {"plugin": "mock", "max_batch": 1, "instances": 1}},
        }
    ).start()
    client = await connect(server.url)
    endless = {"delay_ms": 60_000, "poll_cancel": True}
    running = asyncio.create_task(client.run("mock", b"1", params=endless))
    await until("it to run", lambda: client.jobs("running", "mock"))
    waiting = [asyncio.create_task(client.run("mock", b"1")) for _ in range(3)]
    await until("others to wait", lambda: client.jobs("queued", "mock"))
    daemon.send(signal.SIGTERM)
    for reply in await asyncio.gather(running, *waiting):
        assert reply.code in ("cancelled", "busy"), reply.error
    assert await asyncio.to_thread(daemon.wait) is not None


async def test_the_server_is_killed_and_comes_back_midway(own, connect):
    """In-flight requests may be lost with the server: each then ends by its own time-out."""
    server, daemon = own
    client = await connect(server.url)
    patience = 5
    stop = asyncio.Event()
    outcomes = []

    async def ask(number):
        while not stop.is_set():
            body = f"{number}.{len(outcomes)}".encode()
            try:
                reply = await client.run(
                    "mock",
                    body,
                    params={"delay_ms": 20, "output_bytes": 100 + number},
                    timeout=patience,
                )
                assert (
                    reply.code != "ok" or len(reply.data) == 100 + number
                ), "somebody else's answer"
                outcomes.append(reply.code)
            except nats.errors.NoRespondersError:
                outcomes.append("no responders")
                await asyncio.sleep(0.05)
            except (nats.errors.TimeoutError, asyncio.TimeoutError):
                outcomes.append("timeout")
            except nats.errors.Error as error:
                outcomes.append(type(error).__name__)

    askers = [asyncio.create_task(ask(number)) for number in range(30)]

    async def more(than):
        return len(outcomes) > than and outcomes[-1] == "ok"

    await until("requests to be answered", lambda: more(100))
    for _ in range(2):
        await asyncio.to_thread(server.kill)
        await asyncio.to_thread(server.start)
        seen = len(outcomes)
        await until("requests to be answered again", lambda: more(seen + 100))
    stop.set()
    # None hangs: the longest that a request can take is its own patience.
    await asyncio.wait_for(asyncio.gather(*askers), 10 * patience)
    assert daemon.running()
    assert [await outcome(client.run("mock", b"1")) for _ in range(20)] == ["ok"] * 20
    status = await client.control("status")
    assert status["nats"]["connected"] and status["nats"]["reconnects"] >= 2
    assert status["jobs"]["running"] == 0 and status["jobs"]["queued"] == 0
    assert await asyncio.to_thread(daemon.stop) == 0
