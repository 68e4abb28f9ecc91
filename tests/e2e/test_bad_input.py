# SPDX-License-Identifier: Apache-2.0
"""Requests that are wrong: each gets its typed error, and the daemon goes on.

After each test the same process must still serve a good request. Codes, numbers and headers of
every error are held against docs/protocol.md by the client.
"""

import asyncio
import re

import cbor2
import nats.errors
import pytest

import pictures
from client import ERRORS, until
from harness import weights_path
from pictures import decode, encode, photograph, quarters

MODELS = {
    "echo": {"plugin": "echo"},
    "mock": {"plugin": "mock"},
    "tight": {"plugin": "mock", "queue": 2, "max_batch": 1, "instances": 1},
    "photo-enhance-fast": {
        "plugin": "enhance",
        "weights": str(weights_path("realesr-animevideov3-x4")),
    },
}
CONFIG = {"limits": {"input_bytes": "512KiB", "pixels": 4_000_000}}
PHOTO = encode(quarters())
JPEG = encode(photograph(size=128), "JPEG")
PNG = encode(photograph(size=128))
WEBP = encode(photograph(size=128), "WEBP")


@pytest.fixture(autouse=True)
def still_serving(loop, client, daemon):
    pid = daemon.pid
    yield
    assert daemon.running() and daemon.pid == pid, "the daemon ended"
    assert (
        loop.run_until_complete(client.run("echo", b"still here", timeout=30)).ok().data
        == b"still here"
    )
    picture = loop.run_until_complete(client.run("photo-enhance-fast", PHOTO, timeout=30)).ok()
    assert decode(picture.data).size == (192, 128)


def test_the_documentation_lists_each_error_once():
    assert len(ERRORS) == 13
    assert len({kind.number for kind in ERRORS.values()}) == len(ERRORS)


@pytest.mark.parametrize(
    "code",
    [
        "cancelled",
        "invalid_argument",
        "not_found",
        "resource_exhausted",
        "failed_precondition",
        "unimplemented",
        "internal",
    ],
)
async def test_a_plugins_error_arrives_as_documented(client, code):
    reply = await client.run("mock", b"1", params={"fail": code, "message": "as asked"})
    assert "as asked" in reply.failed(code).error["message"]


# ---- Bodies --------------------------------------------------------------------------------------

NOT_PICTURES = {
    "empty": b"",
    "text": b"This is a letter, not a picture. " * 40,
    "zeros": b"\0" * 5000,
    "one byte": b"\xff",
    "html": b"<!doctype html><title>404</title>",
    "gif": b"GIF89a" + b"\1\0" * 40,
    "jpeg cut in its marker": b"\xff\xd8\xff",
    "png signature only": pictures.PNG_SIGNATURE,
    "riff of another kind": b"RIFF\x24\0\0\0WAVEfmt " + b"\0" * 30,
    "png of 0 x 0": pictures.png(pictures.png_header(0, 0), b""),
    "png with a wrong checksum": PNG[:29] + bytes([PNG[29] ^ 1]) + PNG[30:],
}
CUT = {
    f"{name} cut at {percent} %": data[: len(data) * percent // 100]
    for name, data in (("jpeg", JPEG), ("png", PNG), ("webp", WEBP))
    for percent in (3, 20, 50, 90)
}


@pytest.mark.parametrize("name", [*NOT_PICTURES, *CUT])
async def test_a_body_that_is_no_whole_picture(client, name):
    body = (NOT_PICTURES | CUT)[name]
    (await client.run("photo-enhance-fast", body)).failed("invalid_argument")
    if body:
        name = await client.input_name("photo-enhance-fast")
        wrapped = cbor2.dumps({"inputs": {name: body}})
        (await client.run("photo-enhance-fast", wrapped, Content_Type="application/cbor")).failed(
            "invalid_argument"
        )


BOMBS = pictures.bombs()


@pytest.mark.parametrize("name", BOMBS)
async def test_a_small_file_that_claims_a_huge_picture(client, daemon, name):
    assert len(BOMBS[name]) < 110_000
    (await client.run("photo-enhance-fast", PHOTO)).ok()
    before = daemon.peak_memory()
    reply = await client.run("photo-enhance-fast", BOMBS[name])
    # The picture of 16,383 x 16,383 inside a canvas of another size may be told as broken instead.
    reply.failed("too_large", *(["invalid_argument"] if name == "webp-2^31-pixels" else []))
    assert daemon.peak_memory() - before < 100 << 20, "it was decoded before it was refused"


async def test_too_many_pixels_names_the_limit(client):
    reply = await client.run(
        "photo-enhance-fast",
        pictures.png(pictures.png_header(2001, 2000, 8, 0), (b"\0" * 2002) * 2000),
    )
    assert re.search(r"4\W?000\W?000", reply.failed("too_large").error["message"]), reply.error


async def test_a_huge_text_in_a_tiny_picture_is_not_inflated(client, daemon):
    (await client.run("photo-enhance-fast", PHOTO)).ok()
    before = daemon.peak_memory()
    bomb = pictures.png_with_huge_text(100_000_000)
    assert len(bomb) < 512 * 1024
    reply = await client.run("photo-enhance-fast", bomb)
    assert reply.code in ("ok", "invalid_argument", "too_large")
    assert daemon.peak_memory() - before < 60 << 20


async def test_more_bytes_than_the_limit(client):
    reply = await client.run("echo", b"x" * (512 * 1024 + 1))
    assert "512" in reply.failed("too_large").error["message"]
    assert (await client.run("echo", b"x" * 512 * 1024)).ok()


async def test_a_reply_over_max_payload(client):
    reply = await client.run("mock", b"1", params={"output_bytes": (1 << 20) + 1})
    assert re.search("1048576|1 ?MiB", reply.failed("too_large").error["message"]), reply.error
    assert (
        len((await client.run("mock", b"1", params={"output_bytes": 1_000_000})).ok().data)
        == 1_000_000
    )
    # Headers count too: what only just fits alone does not fit with them, and is answered too.
    (await client.run("mock", b"1", params={"output_bytes": 1 << 20})).failed("too_large")


# ---- Subjects and queues -------------------------------------------------------------------------


async def test_an_unknown_model_has_no_responders(client):
    with pytest.raises(nats.errors.NoRespondersError):
        await client.run("nonsuch", b"1")


async def test_a_full_queue_answers_busy_at_once(client):
    """One runs, two wait, the lane may be given one ahead; the rest is told to come back."""
    first = asyncio.create_task(client.run("tight", b"1", params={"delay_ms": 2000}))
    await until("the first to run", lambda: client.jobs("running", "tight"))
    rest = [asyncio.create_task(client.run("tight", b"1")) for _ in range(12)]
    done, _ = await asyncio.wait([first, *rest], return_when=asyncio.FIRST_COMPLETED)
    assert first not in done, "busy must be told before the running job ends"
    codes = [reply.code for reply in await asyncio.gather(first, *rest)]
    assert codes.count("ok") in (3, 4) and codes.count("busy") == 13 - codes.count("ok"), codes
    (await client.run("tight", b"1")).ok()


async def test_two_requests_of_one_name_are_each_answered(client):
    replies = await asyncio.gather(
        *(
            client.run("mock", str(n).encode(), Darkroom_Job="twin", params={"delay_ms": 50})
            for n in range(4)
        )
    )
    assert all(reply.code in ("ok", "invalid_argument") for reply in replies)
