# SPDX-License-Identifier: Apache-2.0
"""A request's headers and a reply's receipt: who ran it, on what, for how long, in which form."""

import asyncio
import base64
import hashlib
import json
import re

import cbor2
import pytest

from harness import plugin_path, weights_path
from pictures import decode, encode, quarters

FAST_WEIGHTS = weights_path("realesr-animevideov3-x4")
MODELS = {
    "echo": {"plugin": "echo"},
    "mock": {"plugin": "mock"},
    "photo-enhance-fast": {"plugin": "enhance", "weights": str(FAST_WEIGHTS)},
}
PHOTO = encode(quarters())


def sha256(path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def check_receipt(reply, model: str, plugin: str):
    """Every header that docs/protocol.md promises of a reply."""
    headers = reply.headers
    assert headers["Darkroom-Model"] == model
    name, version, digest = headers["Darkroom-Plugin"].split(" ")
    assert name == plugin and re.fullmatch(r"\d+\.\d+\.\d+", version), headers["Darkroom-Plugin"]
    assert digest == "sha256:" + sha256(plugin_path(plugin))
    assert headers["Darkroom-Device"] == "cpu"
    assert headers["Darkroom-Host"] == "e2e-host"
    assert headers["Darkroom-Attempts"] == "1"
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,64}", headers["Darkroom-Job"])
    for stage in ("Queue", "Load", "Run"):
        assert float(headers[f"Darkroom-{stage}-Ms"]) >= 0


@pytest.mark.parametrize(
    "body",
    [
        b"plain words",
        bytes(range(256)),
        b'{"not": "read as JSON for a bytes input"}',
        PHOTO,
        b"x" * 700_000,
    ],
)
async def test_echo_gives_the_same_bytes(client, body):
    reply = (await client.run("echo", body)).ok()
    assert reply.data == body
    assert reply.kind == "application/octet-stream"
    check_receipt(reply, "echo", "echo")
    assert "Darkroom-Weights" not in reply.headers


@pytest.mark.parametrize(
    "content_type", ["text/plain", "text/plain; charset=utf-8", "application/octet-stream"]
)
async def test_declared_bytes_are_taken_as_they_are(client, content_type):
    body = '{"größer": 1}'.encode()
    assert (await client.run("echo", body, Content_Type=content_type)).ok().data == body


async def test_a_bare_picture_comes_back_enhanced_with_its_receipt(client):
    reply = (await client.run("photo-enhance-fast", PHOTO)).ok()
    assert reply.kind == "image/png"
    assert decode(reply.data).size == (48 * 4, 32 * 4)
    check_receipt(reply, "photo-enhance-fast", "enhance")
    assert reply.headers["Darkroom-Weights"] == "sha256:" + sha256(FAST_WEIGHTS)


async def test_params_in_a_header(client):
    reply = (await client.run("photo-enhance-fast", PHOTO, params={"scale": 2})).ok()
    assert decode(reply.data).size == (96, 64)


async def test_the_header_wins_over_the_body(client):
    name = await client.input_name("photo-enhance-fast")
    body = cbor2.dumps({"params": {"scale": 3}, "inputs": {name: PHOTO}})
    by_body = (await client.run("photo-enhance-fast", body, Content_Type="application/cbor")).ok()
    assert decode(by_body.data).size == (144, 96)
    by_header = (
        await client.run(
            "photo-enhance-fast", body, params={"scale": 2}, Content_Type="application/cbor"
        )
    ).ok()
    assert decode(by_header.data).size == (96, 64)


@pytest.mark.parametrize("header", ["Darkroom_Job", "Nats_Msg_Id"])
@pytest.mark.parametrize("job", ["a", "Order_7-b", "x" * 64])
async def test_the_job_is_named_by_the_requester(client, header, job):
    reply = (await client.run("echo", b"1", **{header: job})).ok()
    assert reply.headers["Darkroom-Job"] == job


async def test_jobs_without_a_name_get_different_ones(client):
    replies = await asyncio.gather(*(client.run("echo", b"1") for _ in range(50)))
    assert len({reply.ok().headers["Darkroom-Job"] for reply in replies}) == 50


async def test_a_failed_job_has_a_receipt_and_the_plugins_words(client):
    reply = await client.run(
        "mock",
        b"1",
        Darkroom_Job="doomed",
        params={"fail": "device_lost", "message": 'no "device"\nat all: größe'},
    )
    reply.failed("device_lost")
    assert reply.error["message"].count('no "device"\nat all: größe') == 3  # a word for each attempt
    assert reply.headers["Darkroom-Job"] == "doomed"
    assert reply.headers["Darkroom-Model"] == "mock"
    assert reply.headers["Darkroom-Host"] == "e2e-host"


async def test_a_deadline_that_suffices_changes_nothing(client):
    for deadline in ("30000ms", "30s", "10m"):
        assert (await client.run("echo", b"1", Darkroom_Deadline=deadline)).ok().data == b"1"


async def test_output_as_json(client):
    reply = (
        await client.run("photo-enhance-fast", PHOTO, Accept="application/json", Darkroom_Job="j")
    ).ok()
    assert reply.kind == "application/json"
    answer = json.loads(reply.data)
    assert set(answer) == {"job", "outputs"} and answer["job"] == "j"
    (output,) = answer["outputs"].values()
    assert set(output) == {"content_type", "shape", "base64"}
    assert output["content_type"] == "image/png" and output["shape"] == [128, 192, 3]
    assert decode(base64.b64decode(output["base64"], validate=True)).size == (192, 128)


async def test_output_as_cbor(client):
    reply = (await client.run("photo-enhance-fast", PHOTO, Accept="application/cbor")).ok()
    assert reply.kind == "application/cbor"
    answer = cbor2.loads(reply.data)
    (output,) = answer["outputs"].values()
    assert set(output) == {"content_type", "shape", "bytes"}
    assert isinstance(output["bytes"], bytes)
    assert decode(output["bytes"]).size == (192, 128)


@pytest.mark.parametrize(
    "accept", ["application/octet-stream", "*/*", "application/octet-stream;q=0.5, */*;q=0.1"]
)
async def test_bytes_in_their_natural_form(client, accept):
    reply = (await client.run("echo", b"\0\1\2", Accept=accept)).ok()
    assert (reply.kind, reply.data) == ("application/octet-stream", b"\0\1\2")


async def test_bytes_as_json_and_cbor(client):
    name = await client.output_name("echo")
    as_json = (await client.run("echo", b"\0\1\2", Accept="application/json")).json()
    assert as_json["outputs"] == {
        name: {"content_type": "application/octet-stream", "base64": "AAEC"}
    }
    as_cbor = cbor2.loads(
        (await client.run("echo", b"\0\1\2", Accept="application/cbor")).ok().data
    )
    assert as_cbor["outputs"] == {
        name: {"content_type": "application/octet-stream", "bytes": b"\0\1\2"}
    }


async def test_the_preferred_of_several_forms(client):
    accept = "image/webp;q=0.2, application/json;q=0.9, image/png;q=0.5"
    assert (
        await client.run("photo-enhance-fast", PHOTO, Accept=accept)
    ).ok().kind == "application/json"


async def test_a_form_that_the_output_cannot_take_is_refused(client):
    reply = await client.run("photo-enhance-fast", PHOTO, Accept="text/plain")
    reply.failed("invalid_argument", "unimplemented")
    assert "text/plain" in reply.error["message"] + reply.error["hint"]
