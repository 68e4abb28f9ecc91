# SPDX-License-Identifier: Apache-2.0
"""Progress of a job: only for those who ask, in order, and over when the reply comes."""

import asyncio
import json

from harness import weights_path
from pictures import decode, encode, photograph
from watching import run_and_watch

MODELS = {
    "mock": {"plugin": "mock"},
    "photo-enhance-fast": {
        "plugin": "enhance",
        "weights": str(weights_path("realesr-animevideov3-x4")),
    },
}
MOST_A_SECOND = 10


def check(events, before_reply: int, job: str) -> list[dict]:
    """Right shape, never backwards, not too often, none after the reply. Gives the bodies."""
    bodies = [json.loads(message.data) for _, message in events]
    assert bodies, "no progress was published"
    for body in bodies:
        assert set(body) == {"job", "fraction", "stage"} and body["job"] == job
        assert 0 <= body["fraction"] <= 1 and isinstance(body["stage"], str)
    fractions = [body["fraction"] for body in bodies]
    assert fractions == sorted(fractions)
    assert len(set(fractions)) == len(fractions), f"told twice: {fractions}"
    assert len(events) == before_reply, "progress after the reply"
    return bodies


async def test_progress_of_a_mock_job(client):
    reply, events, before = await run_and_watch(
        client, "mock", b"1", "steps", params={"delay_ms": 1000, "progress_steps": 5}
    )
    reply.ok()
    bodies = check(events, before, "steps")
    assert len(bodies) >= 2


async def test_quick_steps_are_thinned(client):
    reply, events, before = await run_and_watch(
        client, "mock", b"1", "many", params={"delay_ms": 1500, "progress_steps": 300}
    )
    reply.ok()
    check(events, before, "many")
    seconds = float(reply.headers["Darkroom-Run-Ms"]) / 1000
    # One at once, one at the end, and the documented rate in between.
    assert len(events) <= MOST_A_SECOND * seconds + 2, f"{len(events)} in {seconds:.2f} s"


async def test_no_progress_unless_asked(client):
    for value in (None, "0"):
        reply, events, _ = await run_and_watch(
            client, "mock", b"1", "quiet", value, params={"delay_ms": 300, "progress_steps": 5}
        )
        reply.ok()
        assert events == []


async def test_progress_of_two_jobs_is_told_apart(client):
    slow = run_and_watch(client, "mock", b"1", "one", params={"delay_ms": 800, "progress_steps": 8})
    quick = run_and_watch(
        client, "mock", b"1", "two", params={"delay_ms": 400, "progress_steps": 4}
    )
    for job, (reply, events, before) in zip(("one", "two"), await asyncio.gather(slow, quick)):
        reply.ok()
        check(events, before, job)


async def test_progress_of_a_failed_job_ends_with_its_error(client):
    reply, events, before = await run_and_watch(
        client,
        "mock",
        b"1",
        "failing",
        params={"delay_ms": 500, "progress_steps": 5, "fail": "internal"},
    )
    reply.failed("internal")
    assert len(events) == before


async def test_enhance_tells_how_many_tiles_are_done(client):
    reply, events, before = await run_and_watch(
        client,
        "photo-enhance-fast",
        encode(photograph(size=400)),
        "tiles",
        params={"tile": 96, "output_format": "jpeg"},
    )
    assert decode(reply.ok().data).size == (1600, 1600)
    bodies = check(events, before, "tiles")
    assert len(bodies) >= 3
    assert all(
        body["stage"] == f"tile {round(body['fraction'] * 16) + 1}/16" for body in bodies
    ), bodies
    parts = [body["fraction"] * 16 for body in bodies]  # 4 x 4 tiles
    assert all(abs(part - round(part)) < 1e-6 for part in parts), bodies
