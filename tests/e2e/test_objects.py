# SPDX-License-Identifier: Apache-2.0
"""Bodies larger than a message: put into the object store by whoever sends, fetched by whoever receives."""

import asyncio
import hashlib
import json
import os

import nats.js.errors

from client import Reply
from mock_output import pattern

BUCKET = "darkroom-objects"
MIB = 1024 * 1024


async def get(jobs, bucket: str, name: str):
    """nats-py waits for good where a chunk was dropped on its way to it on a busy machine: then it asks again."""
    store = await jobs.js.object_store(bucket)
    for _ in range(3):
        try:
            return await asyncio.wait_for(store.get(name), 40)
        except asyncio.TimeoutError:
            continue
    raise AssertionError(f"{name} of {bucket} cannot be read")


async def fetch(jobs, reply: Reply) -> bytes:
    """What a reply's body is, wherever it is."""
    url = reply.ok().headers.get("Darkroom-Object")
    if url is None:
        return reply.data
    assert not reply.data
    bucket, name = url.removeprefix("nats-object://").split("/")
    assert bucket == BUCKET
    found = await get(jobs, bucket, name)
    assert hashlib.sha256(found.data).hexdigest() == name
    return found.data


async def put(jobs, name: str, data: bytes, bucket: str = BUCKET) -> str:
    await (await jobs.js.object_store(bucket)).put(name, data)
    return f"nats-object://{bucket}/{name}"


async def test_a_large_job_goes_through_a_server_with_its_usual_limit(durable):
    jobs, _, _ = await durable()
    photo = os.urandom(60 * MIB)
    url = await put(jobs, hashlib.sha256(photo).hexdigest(), photo)
    assert jobs.client.nats.max_payload == MIB
    await jobs.submit("echo", b"", "large", Darkroom_Object=url)
    state = await jobs.ended("large", 120)
    assert state["state"] == "succeeded", state
    reply = await jobs.reply("echo", "large")
    assert await fetch(jobs, reply) == photo
    assert reply.headers["Content-Type"] == "application/octet-stream"
    assert reply.headers["Darkroom-Attempts"] == "1"
    # It went in and came out under one name, and is there once.
    assert reply.headers["Darkroom-Object"] == url
    status = await (await jobs.js.object_store(BUCKET)).status()
    assert status.size < 61 * MIB


async def test_a_large_request_and_reply(durable):
    jobs, _, _ = await durable()
    params = {"output_bytes": 3 * MIB, "seed": 5}
    reply = await jobs.client.run("mock", b"1", params=params)
    assert await fetch(jobs, reply) == pattern(3 * MIB, 5)
    body = os.urandom(2 * MIB)
    url = await put(jobs, "mine", body)
    reply = await jobs.client.run("echo", b"", Darkroom_Object=url)
    assert await fetch(jobs, reply) == body


async def test_what_is_small_enough_stays_in_the_message(durable):
    jobs, _, _ = await durable()
    for size in (1000, 512 * 1024):
        reply = await jobs.client.run("mock", b"1", params={"output_bytes": size})
        assert len(reply.ok().data) == size and "Darkroom-Object" not in reply.headers
    reply = await jobs.client.run("mock", b"1", params={"output_bytes": 512 * 1024 + 1})
    assert "Darkroom-Object" in reply.ok().headers


async def test_the_threshold_is_configured(durable):
    jobs, _, _ = await durable(jobs={"inline_bytes": "1KiB"})
    reply = await jobs.client.run("mock", b"1", params={"output_bytes": 1025})
    assert await fetch(jobs, reply) == pattern(1025, 0)


async def test_an_input_of_a_json_body_may_be_a_reference(durable):
    jobs, _, _ = await durable()
    name = await jobs.client.input_name("echo")
    await jobs.js.create_object_store("photos")
    url = await put(jobs, "summer/beach.raw", b"sand", "photos")
    request = {"inputs": {name: {"ref": url, "content_type": "application/octet-stream"}}}
    reply = await jobs.client.run("echo", json.dumps(request).encode(), Content_Type="application/json")
    assert reply.ok().data == b"sand"
    # As a body of its own, too.
    await jobs.submit("echo", b"", "named", Darkroom_Object=url)
    await jobs.ended("named")
    assert (await jobs.reply("echo", "named")).ok().data == b"sand"


async def test_a_reference_to_nothing_is_an_error_of_its_own(durable):
    jobs, _, _ = await durable()
    missing = f"nats-object://{BUCKET}/missing"
    (await jobs.client.run("echo", b"", Darkroom_Object=missing)).failed("not_found")
    nowhere = "nats-object://nobucket/x"
    (await jobs.client.run("echo", b"", Darkroom_Object=nowhere)).failed("not_found")
    for wrong in ("http://host/x", "nats-object://", "nats-object://a", "nats-object://a.b/c"):
        (await jobs.client.run("echo", b"", Darkroom_Object=wrong)).failed("invalid_argument")
    name = await jobs.client.input_name("echo")
    body = json.dumps({"inputs": {name: {"ref": missing}}}).encode()
    reply = await jobs.client.run("echo", body, Content_Type="application/json")
    reply.failed("not_found")
    await jobs.submit("echo", b"", "lost", Darkroom_Object=missing)
    state = await jobs.ended("lost")
    assert (state["state"], state["error"]["code"]) == ("failed", "not_found")
    await jobs.none_left()


async def test_an_object_is_what_its_name_says(durable):
    jobs, _, _ = await durable()
    url = await put(jobs, hashlib.sha256(b"this").hexdigest(), b"that")
    (await jobs.client.run("echo", b"", Darkroom_Object=url)).failed("invalid_argument")


async def test_a_reference_may_not_be_larger_than_an_input(durable):
    jobs, _, _ = await durable(limits={"stop_grace": "300ms", "input_bytes": "1MiB"})
    url = await put(jobs, "big", b"x" * (MIB + 1))
    reply = await jobs.client.run("echo", b"", Darkroom_Object=url)
    reply.failed("too_large")
    assert "1 MiB" in reply.error["message"]


async def test_a_daemon_that_stops_answers_what_is_on_its_way(durable):
    jobs, _, (daemon,) = await durable()
    body = os.urandom(20 * MIB)
    url = await put(jobs, "slow", body)
    asked = [
        asyncio.create_task(jobs.client.run("echo", b"", Darkroom_Object=url)) for _ in range(4)
    ]
    await asyncio.sleep(0.05)
    assert daemon.stop() == 0
    for reply in await asyncio.gather(*asked):
        assert await fetch(jobs, reply) == body


async def test_a_copy_of_a_large_request_is_small(durable):
    jobs, _, _ = await durable()
    url = await put(jobs, "copied", os.urandom(2 * MIB))
    await jobs.submit("mock", b"", "dead", params={"fail": "internal"}, Darkroom_Object=url)
    await jobs.ended("dead")
    letter = await jobs.js.get_last_msg("DARKROOM_DEAD", "darkroom.dead.mock.dead")
    assert not letter.data and letter.headers["Darkroom-Object"] == url


async def test_a_killed_server_loses_no_object(durable):
    jobs, server, _ = await durable()
    for number in range(6):
        params = {"output_bytes": 4 * MIB, "seed": number}
        await jobs.submit("mock", b"1", f"k{number}", params=params)
        if number == 3:
            await jobs.restart(server)
    for number in range(6):
        assert (await jobs.ended(f"k{number}", 60))["state"] == "succeeded"
        assert await fetch(jobs, await jobs.reply("mock", f"k{number}")) == pattern(4 * MIB, number)


async def test_the_bucket_forgets(durable):
    jobs, _, _ = await durable(jobs={"keep": "1m"})
    info = await jobs.js.stream_info(f"OBJ_{BUCKET}")
    assert info.config.max_age == 60
    try:
        await jobs.js.object_store("nobucket")
        raise AssertionError("there is one")
    except nats.js.errors.NotFoundError:
        pass
