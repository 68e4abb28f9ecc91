# SPDX-License-Identifier: Apache-2.0
"""The user's own subjects: wildcards, fixed parameters, and daemons that share a queue group."""

import asyncio
import json
from collections import Counter

import nats.errors
import pytest

from client import until
from harness import weights_path
from pictures import assert_quarters, decode, encode, quarters

MODELS = {
    "echo": {"plugin": "echo"},
    "mock": {"plugin": "mock"},
    "photo-enhance-fast": {
        "plugin": "enhance",
        "weights": str(weights_path("realesr-animevideov3-x4")),
    },
}
CONFIG = {
    "routes": [
        {
            "subject": "photos.*.in",
            "model": "photo-enhance-fast",
            "params": {"scale": 2, "output_format": "jpeg"},
        },
        {"subject": "mirror.>", "model": "echo"},
        {"subject": "exact", "model": "echo"},
        {"subject": "fixed.mock", "model": "mock", "params": {"output_bytes": 9}},
    ],
}


@pytest.mark.parametrize("subject", ["mirror.a", "mirror.a.b.c", "exact"])
async def test_a_subject_that_a_route_matches(client, subject):
    reply = (await client.request(subject, b"hello")).ok()
    assert reply.data == b"hello"
    assert reply.headers["Darkroom-Model"] == "echo"


@pytest.mark.parametrize(
    "subject", ["mirror", "exact.more", "photos.in", "photos.a.b.in", "photos.a.out"]
)
async def test_a_subject_that_no_route_matches(client, subject):
    with pytest.raises(nats.errors.NoRespondersError):
        await client.request(subject, b"hello")


@pytest.mark.parametrize("shop", ["north", "south"])
async def test_a_picture_through_a_route(client, shop):
    reply = (await client.request(f"photos.{shop}.in", encode(quarters()))).ok()
    picture = decode(reply.data)
    assert (picture.format, picture.size) == ("JPEG", (96, 64))
    assert_quarters(picture)


async def test_fixed_params_win_over_header_and_body(client):
    assert (
        len((await client.request("fixed.mock", b"1", params={"output_bytes": 4})).ok().data) == 9
    )
    body = b'{"params": {"output_bytes": 4}}'
    reply = await client.request("fixed.mock", body, Content_Type="application/json")
    assert len(reply.ok().data) == 9
    reply = (await client.request("photos.a.in", encode(quarters()), params={"scale": 4})).ok()
    assert decode(reply.data).size == (96, 64)


async def test_params_beside_the_fixed_ones_are_taken(client):
    fixed_and_free = {"output_quality": 10}
    small = (await client.request("photos.a.in", encode(quarters()), params=fixed_and_free)).ok()
    large = (
        await client.request("photos.a.in", encode(quarters()), params={"output_quality": 100})
    ).ok()
    assert len(small.data) < len(large.data)
    assert (
        await client.request("fixed.mock", b"1", params={"fail": "internal"})
    ).code == "internal"


async def test_bad_requests_through_a_route_are_answered_too(client):
    (await client.request("photos.a.in", b"no picture")).failed("invalid_argument")
    (await client.request("fixed.mock", b"1", params={"nonsuch": 1})).failed("invalid_argument")


async def statuses(client) -> list[dict]:
    """What both daemons say of themselves."""
    answers = await client.nats.subscribe(client.nats.new_inbox())
    await client.nats.publish("darkroom.control.status", b"", reply=answers.subject)
    found = [json.loads((await answers.next_msg(timeout=30)).data) for _ in range(2)]
    await answers.unsubscribe()
    return found


async def ask_all(client, subject: str, count: int, answers: int) -> list:
    """Publishes `count` requests to one inbox; gives all that arrives until nobody is at work."""
    inbox = client.nats.new_inbox()
    subscription = await client.nats.subscribe(inbox)
    for number in range(count):
        await client.nats.publish(subject, str(number).encode(), reply=inbox)
    messages = [await subscription.next_msg(timeout=30) for _ in range(answers)]

    async def at_rest():
        jobs = [status["jobs"] for status in await statuses(client)]
        return jobs if all(job["queued"] + job["running"] == 0 for job in jobs) else None

    jobs = await until("both daemons to be at rest", at_rest)
    assert sum(job["succeeded"] for job in jobs) == answers, "a request was run twice or by nobody"
    await client.nats.flush()
    assert subscription.pending_msgs == 0, "a request was answered twice"
    await subscription.unsubscribe()
    return messages


@pytest.fixture
def two(site):
    """A server, and a function that starts two daemons on it with the given route queue groups."""
    server = site.server().start()

    def make(first_group=None, second_group=None):
        daemons = []
        for name, group in (("host-1", first_group), ("host-2", second_group)):
            route = {"subject": "shared.*", "model": "echo"} | (
                {"queue_group": group} if group else {}
            )
            daemons.append(
                site.daemon(
                    {
                        "nats": {"url": server.url},
                        "models": {"echo": {"plugin": "echo"}},
                        "routes": [route],
                    },
                    name,
                ).start()
            )
        return server, daemons

    return make


@pytest.mark.parametrize("subject", ["darkroom.run.echo", "shared.x"])
async def test_two_daemons_share_and_answer_once(two, connect, subject):
    server, daemons = two()
    client = await connect(server.url)
    messages = await ask_all(client, subject, 100, 100)
    assert sorted(int(message.data) for message in messages) == list(range(100))
    hosts = Counter(message.headers["Darkroom-Host"] for message in messages)
    assert set(hosts) == {"host-1", "host-2"}, hosts
    assert [daemon.stop() for daemon in daemons] == [0, 0]


async def test_routes_with_groups_of_their_own_each_get_every_request(two, connect):
    server, daemons = two("left", "right")
    client = await connect(server.url)
    messages = await ask_all(client, "shared.x", 20, 40)
    counts = Counter((message.headers["Darkroom-Host"], int(message.data)) for message in messages)
    assert counts == {(host, number): 1 for host in ("host-1", "host-2") for number in range(20)}


async def test_when_one_daemon_goes_the_other_serves_all(two, connect):
    server, (first, second) = two()
    client = await connect(server.url)
    requests = [
        asyncio.create_task(client.run("echo", str(number).encode())) for number in range(50)
    ]
    await asyncio.sleep(0)
    assert await asyncio.to_thread(first.stop) == 0
    assert [(await request).ok().data for request in requests] == [
        str(n).encode() for n in range(50)
    ]
    for number in range(20):
        assert (await client.run("echo", b"1")).ok().headers["Darkroom-Host"] == "host-2"
