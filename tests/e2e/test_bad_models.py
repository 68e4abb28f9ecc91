# SPDX-License-Identifier: Apache-2.0
"""Models that cannot run: weights that are missing, cut or lie, plugins that do not fit.

Each answers with its typed error, and beside it the other models of the same daemon are served.
"""

import json
import re
import shutil
import struct
import subprocess

import pytest

from client import until
from harness import plugin_path, weights_path
from hostile_files import safetensors, tensor
from pictures import decode, encode, quarters

FAST_WEIGHTS = weights_path("realesr-animevideov3-x4")
PHOTO = encode(quarters())
MIB = 1 << 20


def shifted_offsets() -> bytes:
    """The real weights, whose last tensor claims four bytes behind the end of the file."""
    whole = FAST_WEIGHTS.read_bytes()
    (length,) = struct.unpack("<Q", whole[:8])
    header = json.loads(whole[8 : 8 + length])
    last = max(
        (entry for name, entry in header.items() if name != "__metadata__"),
        key=lambda entry: entry["data_offsets"][1],
    )
    last["data_offsets"][1] += 4
    return safetensors(header, whole[8 + length :])


def bad_weights() -> dict[str, bytes]:
    whole = FAST_WEIGHTS.read_bytes()
    return {
        "empty": b"",
        "seven-bytes": b"\1\0\0\0\0\0\0",
        "half": whole[: len(whole) // 2],
        "one-byte-short": whole[:-1],
        "header-only": whole[: 8 + struct.unpack("<Q", whole[:8])[0]],
        "header-longer-than-file": safetensors({"a": tensor([1], 0, 4)}, b"\0" * 4, length=10_000),
        "header-of-2-to-63": safetensors(b"{}", length=1 << 63),
        "header-of-all-bits": safetensors(b"{}", length=(1 << 64) - 1),
        "not-json": safetensors(b"{this is not JSON}"),
        "not-an-object": safetensors(b"[1, 2, 3]"),
        "deep-json": safetensors(b'{"a":' * 50_000),
        "no-tensors": safetensors({}),
        "pickle": b"\x80\x02}q\x00X\x06\x00\x00\x00paramsq\x01K\x01s.",
        "offset-behind-the-end": shifted_offsets(),
        "negative-offset": safetensors({"a": tensor([1], -4, 0)}, b"\0" * 8),
        "backward-offsets": safetensors({"a": tensor([1], 8, 4)}, b"\0" * 8),
        "size-is-not-the-shapes": safetensors({"a": tensor([1000, 1000], 0, 4)}, b"\0" * 4),
        "shape-overflows": safetensors({"a": tensor([1 << 32, 1 << 32, 4], 0, 4)}, b"\0" * 4),
        "negative-shape": safetensors({"a": tensor([-1], 0, 4)}, b"\0" * 4),
        "overlap": safetensors({"a": tensor([2], 0, 8), "b": tensor([2], 4, 12)}, b"\0" * 12),
        "hole": safetensors({"a": tensor([1], 0, 4), "b": tensor([1], 8, 12)}, b"\0" * 12),
        "unknown-type": safetensors({"a": tensor([1], 0, 4, "X99")}, b"\0" * 4),
        "another-network": safetensors({"encoder.weight": tensor([4], 0, 16)}, b"\0" * 16),
    }


def wrong_abi(original: bytes, major: int) -> bytes:
    """The plugin as if built for another major version: its manifest's header is changed."""
    # DR_MANIFEST: magic "DARKROOM", uint32 size, uint32 abi_major, ...
    (place,) = [
        found.start()
        for found in re.finditer(b"DARKROOM", original)
        if struct.unpack_from("<I", original, found.start() + 8)[0] in range(20, 65)
    ]
    assert struct.unpack_from("<I", original, place + 12)[0] == 1
    return original[: place + 12] + struct.pack("<I", major) + original[place + 16 :]


def bad_plugins() -> dict[str, bytes]:
    echo = plugin_path("echo").read_bytes()
    return {
        "abi-2": wrong_abi(echo, 2),
        "abi-0": wrong_abi(echo, 0),
        "half": echo[: len(echo) // 2],
        "empty": b"",
        "text": b"#!/bin/sh\necho I am not a plugin\n",
        "other-machine": echo[:18] + struct.pack("<H", 0xF7) + echo[20:],  # e_machine: RISC-V
    }


def foreign_library(folder):
    """A sound shared library that knows nothing of darkroom."""
    source, library = folder / "foreign.c", folder / "foreign.so"
    source.write_text("int answer(void) { return 42; }\n")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True)
    return library


@pytest.fixture(scope="module")
def daemon(module_site, server):
    """A daemon with every broken model beside good ones."""
    folder = module_site.path("files")
    models = {
        "echo": {"plugin": "echo"},
        "photo-enhance-fast": {"plugin": "enhance", "weights": str(FAST_WEIGHTS)},
        "weights-missing": {"plugin": "enhance", "weights": str(folder / "nowhere.safetensors")},
        "weights-unnamed": {"plugin": "enhance"},
        "weights-folder": {"plugin": "enhance", "weights": str(folder)},
        "plugin-missing": {"plugin": "nonsuch"},
        "plugin-path-missing": {"plugin": str(folder / "nonsuch.so")},
        "plugin-foreign": {"plugin": str(foreign_library(folder))},
        "options-unknown": {
            "plugin": "enhance",
            "weights": str(FAST_WEIGHTS),
            "options": {"nonsuch": 1},
        },
    }
    for name, data in bad_weights().items():
        path = folder / f"{name}.safetensors"
        path.write_bytes(data)
        models[f"weights-{name}"] = {"plugin": "enhance", "weights": str(path)}
    for name, data in bad_plugins().items():
        path = folder / f"{name}.so"
        path.write_bytes(data)
        path.chmod(0o755)
        models[f"plugin-{name}"] = {"plugin": str(path)}
    daemon = module_site.daemon({"nats": {"url": server.url}, "models": models}, "e2e-host").start()
    yield daemon
    code = daemon.stop()
    assert code == 0, f"darkroomd ended with {code}"


@pytest.fixture(autouse=True)
def still_serving(loop, client, daemon):
    yield
    assert daemon.running(), "the daemon ended"
    assert (
        loop.run_until_complete(client.run("echo", b"still here", timeout=30)).ok().data
        == b"still here"
    )
    picture = loop.run_until_complete(client.run("photo-enhance-fast", PHOTO, timeout=30)).ok()
    assert decode(picture.data).size == (192, 128)


async def refused_twice(client, daemon, model: str, *codes: str) -> dict:
    """The error of a request; the next request gets the same, and neither costs much memory."""
    before = daemon.peak_memory()
    first = (await client.run(model, PHOTO)).failed(*codes)
    second = (await client.run(model, PHOTO)).failed(*codes)
    assert first.error == second.error
    assert daemon.peak_memory() - before < 200 * MIB
    assert not first.error["retryable"]

    async def said():
        info = await client.model(model)
        return info if info["state"] == "failed" else None

    info = await until("the model's state to be failed", said)
    assert info["error"]["code"] == first.error["code"]
    return first.error


@pytest.mark.parametrize("name", bad_weights())
async def test_weights_that_do_not_hold_what_they_say(client, daemon, name):
    error = await refused_twice(client, daemon, f"weights-{name}", "failed_precondition")
    assert f"{name}.safetensors" in error["message"], error


async def test_weights_that_are_missing(client, daemon):
    error = await refused_twice(client, daemon, "weights-missing", "not_found")
    assert "nowhere.safetensors" in error["message"]


async def test_weights_that_are_a_folder(client, daemon):
    await refused_twice(client, daemon, "weights-folder", "not_found", "failed_precondition")


async def test_weights_that_are_not_named(client, daemon):
    error = await refused_twice(
        client, daemon, "weights-unnamed", "failed_precondition", "invalid_argument", "not_found"
    )
    assert "weights" in error["message"]


@pytest.mark.parametrize("name", ["missing", "path-missing"])
async def test_a_plugin_that_is_missing(client, daemon, name):
    assert (
        "nonsuch" in (await refused_twice(client, daemon, f"plugin-{name}", "not_found"))["message"]
    )


@pytest.mark.parametrize("name", ["foreign", *bad_plugins()])
async def test_a_plugin_that_does_not_fit(client, daemon, name):
    error = await refused_twice(client, daemon, f"plugin-{name}", "failed_precondition")
    if name.startswith("abi-"):
        assert "ABI" in error["message"] and name[4:] in error["message"], error


async def test_options_that_the_plugin_does_not_know(client, daemon):
    error = await refused_twice(
        client, daemon, "options-unknown", "failed_precondition", "invalid_argument"
    )
    assert "nonsuch" in error["message"]


async def test_weights_are_found_once_they_are_put_right(site, connect, server):
    """A model that failed for want of its weights serves when they are there at the next start."""
    folder = site.path("files")
    weights = folder / "late.safetensors"
    config = {
        "nats": {"url": server.url, "prefix": "late"},
        "models": {"late": {"plugin": "enhance", "weights": str(weights)}},
    }
    client = await connect(server.url)
    first = site.daemon(dict(config), "before").start()
    (await client.request("late.run.late", PHOTO)).failed("not_found")
    assert first.stop() == 0
    shutil.copy(FAST_WEIGHTS, weights)
    site.daemon(dict(config), "after").start()
    assert decode((await client.request("late.run.late", PHOTO)).ok().data).size == (192, 128)
