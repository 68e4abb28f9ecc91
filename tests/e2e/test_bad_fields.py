# SPDX-License-Identifier: Apache-2.0
"""JSON and CBOR bodies, parameters and headers that are wrong: each gets its typed error.

After each test the same daemon must still serve a good request.
"""

import base64
import json

import cbor2
import pytest

from harness import weights_path
from pictures import encode, quarters

MODELS = {
    "echo": {"plugin": "echo"},
    "mock": {"plugin": "mock"},
    "photo-enhance-fast": {
        "plugin": "enhance",
        "weights": str(weights_path("realesr-animevideov3-x4")),
    },
}
PHOTO = encode(quarters())


@pytest.fixture(autouse=True)
def still_serving(loop, client, daemon):
    yield
    assert daemon.running(), "the daemon ended"
    reply = loop.run_until_complete(client.run("echo", b"still here", timeout=30))
    assert reply.ok().data == b"still here"


# ---- Objects -------------------------------------------------------------------------------------


def nested(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


BAD_JSON = {
    "empty": b"",
    "cut": b'{"inputs": {"image": "aGVs',
    "an array": b"[1, 2]",
    "a number": b"42",
    "null": b"null",
    "two objects": b"{} {}",
    "bad UTF-8": b'{"params": {"\xff\xfe": 1}}',
    "100 levels": b'{"params": {"x": ' + nested(100) + b"}}",
    "100000 levels": b'{"params": {"x": ' + nested(100_000) + b"}}",
    "100000 open levels": b"[" * 100_000,
    "100000 objects": b'{"a":' * 100_000,
    "unknown field": b'{"inputs": {}, "parameters": {}}',
    "unknown input": b'{"inputs": {"picture_of_me": "aGVsbG8="}}',
    "inputs of the wrong kind": b'{"inputs": []}',
    "params of the wrong kind": b'{"params": 7, "inputs": {}}',
}


@pytest.mark.parametrize("name", BAD_JSON)
async def test_json_that_is_wrong(client, name):
    for model in ("photo-enhance-fast", "echo"):
        (await client.run(model, BAD_JSON[name], Content_Type="application/json")).failed(
            "invalid_argument"
        )


async def test_a_required_input_that_is_not_there(client):
    for body in (b'{"params": {}}', b'{"inputs": {}}', b"{}"):
        reply = await client.run("photo-enhance-fast", body, Content_Type="application/json")
        assert "image" in reply.failed("invalid_argument").error["message"]


BAD_INPUTS = [
    "not base64!",
    "abc",
    "aGVsbG8=aGVs",
    "data:image/png,plain",
    "data:",
    7,
    None,
    True,
    [],
    {},
    {"base64": 7},
    {"base64": "***"},
    {"text": "for a picture"},
    {"nonsuch": 1},
    {"base64": "aGVsbG8=", "more": 1},
]


@pytest.mark.parametrize("value", BAD_INPUTS, ids=str)
async def test_an_input_that_is_wrong(client, value):
    for model in ("photo-enhance-fast", "echo"):
        body = json.dumps({"inputs": {await client.input_name(model): value}}).encode()
        (await client.run(model, body, Content_Type="application/json")).failed("invalid_argument")


BAD_CBOR = {
    "empty": b"",
    "garbage": bytes(range(255, 0, -1)),
    "cut": cbor2.dumps({"inputs": {"image": b"x" * 100}})[:40],
    "a byte string of 2^63": b"\xa1\x66inputs\xa1\x65image\x5b\x7f\xff\xff\xff\xff\xff\xff\xff",
    "an array of 2^40": b"\x9b\0\0\1\0\0\0\0\0",
    "100 levels": b"\x81" * 100 + b"\x00",
    "100000 levels": b"\x81" * 100_000 + b"\x00",
    "100000 endless levels": b"\x9f" * 100_000,
    "number as key": cbor2.dumps({1: 2}),
    "something after the object": cbor2.dumps({"inputs": {}}) + b"\x00",
    "unknown field": cbor2.dumps({"inputs": {}, "nonsuch": 1}),
}


@pytest.mark.parametrize("name", BAD_CBOR)
async def test_cbor_that_is_wrong(client, name):
    (await client.run("echo", BAD_CBOR[name], Content_Type="application/cbor")).failed(
        "invalid_argument"
    )


# ---- Parameters and headers ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "model, params, names",
    [
        ("mock", {"nonsuch": 1}, "nonsuch"),
        ("mock", {"delay": 1}, "delay"),
        ("mock", {"delay_ms": "soon"}, "delay_ms"),
        ("mock", {"delay_ms": -1}, "delay_ms"),
        ("mock", {"delay_ms": 1.5}, "delay_ms"),
        ("mock", {"delay_ms": None}, "delay_ms"),
        ("mock", {"output_bytes": 10**30}, "output_bytes"),
        ("mock", {"poll_cancel": "yes"}, "poll_cancel"),
        ("mock", {"fail": "nonsuch"}, "fail"),
        ("mock", {"output_format": "png"}, "output_format"),
        ("photo-enhance-fast", {"scale": 0}, "scale"),
        ("photo-enhance-fast", {"scale": 1000}, "scale"),
        ("photo-enhance-fast", {"output_format": "bmp"}, "output_format"),
        ("photo-enhance-fast", {"output_quality": 0}, "output_quality"),
        ("photo-enhance-fast", {"output_quality": 101}, "output_quality"),
        ("photo-enhance-fast", {"output_quality": "90"}, "output_quality"),
    ],
)
async def test_params_that_are_wrong_are_named(client, model, params, names):
    body = PHOTO if model != "mock" else b"1"
    reply = (await client.run(model, body, params=params)).failed("invalid_argument")
    assert names in reply.error["message"], reply.error


@pytest.mark.parametrize(
    "header, value",
    [
        ("Darkroom_Params", "{"),
        ("Darkroom_Params", "[]"),
        ("Darkroom_Params", "null"),
        ("Darkroom_Params", "7"),
        ("Darkroom_Params", '{"x": ' + nested(100).decode() + "}"),
        ("Darkroom_Params", "[" * 20_000),
        ("Darkroom_Deadline", "soon"),
        ("Darkroom_Deadline", "-5s"),
        ("Darkroom_Deadline", "0s"),
        ("Darkroom_Deadline", "5 parsecs"),
        ("Darkroom_Deadline", "99999999999999999999h"),
        ("Darkroom_Deadline", "9000000000000000h"),
        ("Darkroom_Deadline", "nan"),
        ("Darkroom_Job", "a b"),
        ("Darkroom_Job", "a.b"),
        ("Darkroom_Job", "*"),
        ("Darkroom_Job", "x" * 65),
        ("Darkroom_Job", "größe"),
        ("Nats_Msg_Id", "a>b"),
        ("Accept", "application/pdf"),
        ("Accept", "///"),
    ],
)
async def test_headers_that_are_wrong(client, header, value):
    (await client.run("echo", b"1", **{header: value})).failed("invalid_argument")


@pytest.mark.parametrize(
    "content_type",
    ["application/pdf", "text/plain", "image/gif", "image/x-nonsuch", "multipart/form-data"],
)
async def test_a_content_type_that_the_model_cannot_read(client, content_type):
    body = PHOTO if not content_type.startswith("image/") else b"GIF89a" + b"\1\0" * 40
    (await client.run("photo-enhance-fast", body, Content_Type=content_type)).failed(
        "invalid_argument"
    )


LONG = "x" + "ü" * 400  # cut at any even number of bytes, a letter is cut in two


@pytest.mark.parametrize(
    "where", ["param", "value", "field", "input", "key twice", "job", "accept"]
)
async def test_long_words_are_quoted_as_sound_text(client, where):
    """Whatever of the request an error quotes, it is short and valid JSON."""
    bodies = {
        "field": {LONG: 1},
        "input": {"inputs": {LONG: "aGVsbG8="}},
    }
    if where in bodies:
        body = json.dumps(bodies[where], ensure_ascii=False).encode()
        reply = await client.run("echo", body, Content_Type="application/json")
    elif where == "key twice":
        body = f'{{"{LONG}": 1, "{LONG}": 2}}'.encode()
        reply = await client.run("echo", body, Content_Type="application/json")
    elif where == "job":
        reply = await client.run("echo", b"1", Darkroom_Job=LONG)
    elif where == "accept":
        reply = await client.run("echo", b"1", Accept=LONG)
    else:
        params = {LONG: 1} if where == "param" else {"delay_ms": LONG}
        body = json.dumps({"params": params}, ensure_ascii=False).encode()
        reply = await client.run("mock", body, Content_Type="application/json")
    assert len(reply.failed("invalid_argument").error["message"]) < 300


async def test_an_error_never_grows_with_the_request(client):
    """A request of nearly max_payload, quoted in full, would not fit into a reply."""
    for body in (
        {"x" * 900_000: 1},
        {"inputs": {"x" * 900_000: ""}},
        {"params": {"x" * 900_000: 1}},
    ):
        data = json.dumps(body).encode()
        reply = await client.run("echo", data, Content_Type="application/json", timeout=20)
        assert len(reply.failed("invalid_argument").data) < 2000


async def test_an_error_message_cannot_forge_headers(client):
    name = "x\r\nDarkroom-Host: forged\r\n\r\n"
    body = json.dumps({"inputs": {name: "aGVsbG8="}}).encode()
    reply = (await client.run("echo", body, Content_Type="application/json")).failed(
        "invalid_argument"
    )
    assert reply.headers["Darkroom-Host"] == "e2e-host"


async def test_a_newline_after_base64_is_refused_or_skipped(client):
    name = await client.input_name("echo")
    body = {"inputs": {name: base64.b64encode(bytes(range(256))).decode() + "\n"}}
    reply = await client.run("echo", json.dumps(body).encode(), Content_Type="application/json")
    assert reply.code == "invalid_argument" or reply.data == bytes(range(256))
