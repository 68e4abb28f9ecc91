# SPDX-License-Identifier: Apache-2.0
"""Bodies that are one object: each documented form of an input, in JSON and in CBOR."""

import base64
import json

import cbor2
import pytest

from harness import weights_path
from pictures import assert_quarters, decode, encode, quarters

MODELS = {
    "echo": {"plugin": "echo"},
    "mock": {"plugin": "mock", "params": {"output_bytes": 11}},
    "photo-enhance-fast": {
        "plugin": "enhance",
        "weights": str(weights_path("realesr-animevideov3-x4")),
        "params": {"scale": 3},
    },
}
PHOTO = encode(quarters())
PHOTO64 = base64.b64encode(PHOTO).decode()


async def send(client, model, body, content_type="application/json", **options):
    data = cbor2.dumps(body) if content_type == "application/cbor" else json.dumps(body).encode()
    return await client.run(model, data, Content_Type=content_type, **options)


def assert_enhanced(reply, scale: int):
    picture = decode(reply.ok().data)
    assert picture.size == (48 * scale, 32 * scale)
    assert_quarters(picture)


TEXT_FORMS = {
    "string": PHOTO64,
    "data URI": f"data:image/png;base64,{PHOTO64}",
    "object": {"base64": PHOTO64},
    "object with a type": {"base64": PHOTO64, "content_type": "image/png"},
}


@pytest.mark.parametrize("form", TEXT_FORMS)
@pytest.mark.parametrize(
    "content_type", ["application/json", "application/json; charset=utf-8", "application/cbor"]
)
async def test_a_picture_in_each_form(client, form, content_type):
    name = await client.input_name("photo-enhance-fast")
    body = {"params": {"scale": 2}, "inputs": {name: TEXT_FORMS[form]}}
    data = cbor2.dumps(body) if "cbor" in content_type else json.dumps(body).encode()
    assert_enhanced(await client.run("photo-enhance-fast", data, Content_Type=content_type), 2)


async def test_a_byte_string_in_cbor(client):
    name = await client.input_name("photo-enhance-fast")
    body = {"params": {"scale": 2}, "inputs": {name: PHOTO}}
    assert_enhanced(await send(client, "photo-enhance-fast", body, "application/cbor"), 2)


async def test_cbor_of_indefinite_lengths(client):
    """What streaming encoders write: maps and byte strings that end with a break."""
    name = (await client.input_name("echo")).encode()
    chunks = b"\x5f" + b"\x43abc" + b"\x42de" + b"\xff"
    inputs = b"\xbf" + bytes([0x60 + len(name)]) + name + chunks + b"\xff"
    body = b"\xbf" + b"\x66inputs" + inputs + b"\xff"
    assert cbor2.loads(body)["inputs"] == {name.decode(): b"abcde"}
    assert (await client.run("echo", body, Content_Type="application/cbor")).ok().data == b"abcde"


async def test_json_is_recognised_for_a_picture_model(client):
    name = await client.input_name("photo-enhance-fast")
    body = json.dumps({"inputs": {name: PHOTO64}, "params": {"scale": 4}}).encode()
    assert_enhanced(await client.run("photo-enhance-fast", body), 4)


async def test_params_fall_back_to_the_models_own(client):
    name = await client.input_name("photo-enhance-fast")
    assert_enhanced(await send(client, "photo-enhance-fast", {"inputs": {name: PHOTO64}}), 3)
    assert len((await client.run("mock", b"1")).ok().data) == 11
    assert len((await client.run("mock", b"1", params={"output_bytes": 5})).ok().data) == 5


async def test_bytes_in_base64(client):
    name = await client.input_name("echo")
    for form in (
        "aGVsbG8=",
        {"base64": "aGVsbG8="},
        "data:application/octet-stream;base64,aGVsbG8=",
    ):
        assert (await send(client, "echo", {"inputs": {name: form}})).ok().data == b"hello"


async def test_bytes_may_be_none(client):
    """An input that is there and empty is not one that is missing."""
    name = await client.input_name("echo")
    for value in ("", {"base64": ""}):
        assert (await send(client, "echo", {"inputs": {name: value}})).ok().data == b""
    assert (
        await send(client, "echo", {"inputs": {name: b""}}, "application/cbor")
    ).ok().data == b""


async def test_a_json_object_without_its_type_is_bytes_for_a_bytes_model(client):
    body = json.dumps({"inputs": {await client.input_name("echo"): "aGVsbG8="}}).encode()
    assert (await client.run("echo", body)).ok().data == body


async def test_an_object_reference_is_not_done_by_this_version(client):
    name = await client.input_name("echo")
    reply = await send(client, "echo", {"inputs": {name: {"ref": "nats-object://bucket/name"}}})
    reply.failed("unimplemented")


async def test_nesting_up_to_the_limit_is_read(client):
    """64 levels are allowed: what is wrong with such a body is something else, and is told."""
    nested = 0
    for _ in range(60):
        nested = [nested]
    reply = await send(client, "mock", {"params": {"delay_ms": nested}})
    reply.failed("invalid_argument")
    assert "delay_ms" in reply.error["message"], reply.error


@pytest.mark.parametrize("content_type", ["application/json", "application/cbor"])
async def test_the_form_of_a_reply_does_not_follow_that_of_the_request(client, content_type):
    name = await client.input_name("echo")
    reply = await send(client, "echo", {"inputs": {name: "aGVsbG8="}}, content_type)
    assert reply.ok().kind == "application/octet-stream"
