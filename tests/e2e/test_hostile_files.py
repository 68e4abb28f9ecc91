# SPDX-License-Identifier: Apache-2.0
"""Hundreds of hostile pictures and weights, given to a real daemon: each is refused, and nothing else happens."""

import asyncio
from pathlib import Path

from client import Client
from harness import weights_path
from hostile_files import images, weights
from pictures import encode, quarters

WEIGHTS = weights_path("realesr-animevideov3-x4")
MODELS = {"photo-enhance-fast": {"plugin": "enhance", "weights": str(WEIGHTS)}}
CONFIG = {"plugins": {"memory": "1GiB"}}
PHOTO = encode(quarters())
AT_ONCE = 8
MODELS_AT_ONCE = 100  # each is a place in the worker
MIB = 1 << 20


async def answers(ask, names) -> dict:
    """What is answered to each, so many at once."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(name):
        async with gate:
            return name, await ask(name)

    return dict(await asyncio.gather(*(one(name) for name in names)))


def not_refused(replies: dict, *codes: str) -> dict[str, str]:
    return {name: reply.code for name, reply in replies.items() if reply.code not in codes}


async def workers(client) -> set[int]:
    return {one["pid"] for one in (await client.control("ps"))["instances"]}


def peak(pid: int) -> int:
    (line,) = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) * 1024


async def test_pictures(client, daemon):
    files = images()
    assert len(files) >= 500
    (await client.run("photo-enhance-fast", PHOTO)).ok()
    before = await workers(client)
    (worker,) = before
    memory = {pid: peak(pid) for pid in (worker, daemon.pid)}
    replies = await answers(lambda name: client.run("photo-enhance-fast", files[name]), files)
    assert not not_refused(replies, "invalid_argument", "too_large")
    assert all(len(reply.error["message"]) > 20 for reply in replies.values())
    (await client.run("photo-enhance-fast", PHOTO)).ok()
    assert await workers(client) == before, "a worker died"
    for pid, peak_before in memory.items():
        assert peak(pid) - peak_before < 100 * MIB


async def test_weights(site, tmp_path):
    server = site.server().start()
    files = weights()
    assert len(files) >= 300
    paths = {}
    for i, (name, content) in enumerate(files.items()):
        paths[name] = tmp_path / f"{i}.safetensors"
        paths[name].write_bytes(content)
    names = list(files)
    for start in range(0, len(names), MODELS_AT_ONCE):
        some = names[start:start + MODELS_AT_ONCE]
        models = {f"m{i}": {"plugin": "enhance", "weights": str(paths[name])} for i, name in enumerate(some)}
        config = {"nats": {"url": server.url}, "models": MODELS | models, **CONFIG}
        daemon = site.daemon(config, f"hostile-{start}").start()
        client = await Client.connect(server.url)
        (await client.run("photo-enhance-fast", PHOTO)).ok()
        before = await workers(client)
        replies = await answers(lambda name: client.run(f"m{some.index(name)}", PHOTO), some)
        assert not not_refused(replies, "failed_precondition")
        for name, reply in replies.items():
            assert paths[name].name in reply.error["message"], (name, reply.error)
        (await client.run("photo-enhance-fast", PHOTO)).ok()
        assert await workers(client) == before, "a worker died"
        await client.close()
        assert daemon.stop() == 0
