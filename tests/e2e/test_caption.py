# SPDX-License-Identifier: Apache-2.0
"""Captions over NATS: pictures in, words out, held against transformers.

The checkpoint is a tiny one with random weights, made by a Python of its own (tests/plugins/caption/checkpoints.py), which
also says what transformers writes about the same pictures.
"""

import asyncio
import json
import os
import shutil
import subprocess
import sys

import pytest
import skimage.data
from PIL import Image

from harness import REPOSITORY, deps
from pictures import encode
from test_progress import run_and_watch

PHOTOS = ["coffee", "chelsea", "astronaut"]
MODELS = {
    "caption": {"plugin": "caption", "params": {"max_new_tokens": 12}},
    "alt-text": {"plugin": "caption", "params": {"format": "json", "template": "photo", "max_new_tokens": 12},
                 "options": {"templates": {"map": "a map of"}, "max_new_tokens": 30}},
}


def picture(name):
    return Image.fromarray(getattr(skimage.data, name)()).resize((90, 70))


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """What transformers says of the photographs."""
    folder = tmp_path_factory.mktemp("caption")
    paths = []
    for name in PHOTOS:
        paths.append(folder / f"{name}.png")
        picture(name).save(paths[-1])
    done = subprocess.run(
        [sys.executable, REPOSITORY / "tests/plugins/caption/checkpoints.py", folder / "model", *paths],
        env={**os.environ, "DARKROOM_DEPS": str(deps()), "LD_LIBRARY_PATH": str(deps() / "cuda-stubs"), "HF_HUB_OFFLINE": "1"},
        capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    for model in MODELS.values():
        model["weights"] = str(folder / "model")
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def daemon(said, request, module_site, server):
    daemon = module_site.daemon({"nats": {"url": server.url}, "models": MODELS}, "e2e-host").start()
    yield daemon
    assert daemon.stop() == 0, daemon.log[-8000:]


async def test_captions_are_those_of_transformers(client, said):
    for name, text in zip(PHOTOS, said["plain"]):
        reply = await client.run("caption", encode(picture(name)))
        assert reply.ok().kind == "text/plain"
        assert reply.data.decode() == text


async def test_many_at_once_get_their_own(client, said):
    asked = [(name, params) for name in PHOTOS for params in ({}, {"template": "photo"}, {"beams": 2})] * 2
    replies = await asyncio.gather(*(client.run("caption", encode(picture(name)), params=params) for name, params in asked))
    texts = [reply.ok().data.decode() for reply in replies]
    for (name, params), text in zip(asked, texts):
        if params == {}:
            assert text == said["plain"][PHOTOS.index(name)]
        if "template" in params:
            assert text == said["photo"][PHOTOS.index(name)]
    assert texts[:len(texts) // 2] == texts[len(texts) // 2:]


async def test_alt_text_is_json(client, said):
    reply = await client.run("alt-text", encode(picture("coffee")))
    assert reply.ok().kind == "text/plain"
    answer = json.loads(reply.data)
    assert set(answer) == {"alt_text", "confidence"}
    assert answer["alt_text"] == said["photo"][0] and 0 < answer["confidence"] < 1
    whole = await client.run("alt-text", encode(picture("coffee")), Accept="application/json")
    assert json.loads(whole.json()["outputs"]["text"]["text"]) == answer


async def test_length_stop_and_the_models_own_templates(client, said):
    words = said["plain"][0].split()
    reply = await client.run("caption", encode(picture("coffee")), params={"max_words": 3})
    assert reply.ok().data.decode().split() == [word.rstrip(",;:-") for word in words[:3]]
    reply = await client.run("alt-text", encode(picture("coffee")), params={"template": "map", "format": "text"})
    assert reply.ok().data.decode().startswith("a map of")


@pytest.mark.parametrize("params,words", [
    ({"template": "painting"}, "chart, diagram, map, photo, screenshot"),
    ({"template": "photo", "prompt": "a"}, "do not go together"),
    ({"max_new_tokens": 31}, "this model allows 30"),
    ({"beams": 0}, "beams"),
    ({"sample": True, "beams": 2}, "do not go together"),
    ({"temperature": 0}, "temperature"),
    ({"lenght_penalty": 1}, "lenght_penalty"),
])
async def test_what_cannot_be_done_is_refused(client, params, words):
    if "prompt" not in params and "template" not in params:
        params = {"template": "photo", **params}
    reply = await client.run("alt-text", encode(picture("coffee")), params=params)
    assert words in reply.failed("invalid_argument").error["message"]


async def test_a_seed_gives_the_same_text_again(client):
    texts = []
    for seed in (3, 3, 4):
        reply = await client.run("caption", encode(picture("coffee")), params={"sample": True, "seed": seed})
        texts.append(reply.ok().data)
    assert texts[0] == texts[1] != texts[2]


async def test_progress_counts_tokens(client):
    reply, events, before = await run_and_watch(client, "caption", encode(picture("coffee")), "captioned",
                                                params={"max_new_tokens": 150})
    reply.ok()
    bodies = [json.loads(message.data) for _, message in events]
    assert bodies and all(body["stage"].startswith("token ") for body in bodies)
    fractions = [body["fraction"] for body in bodies]
    assert fractions == sorted(fractions) and len(events) == before


@pytest.mark.parametrize("broken", ["config.json", "tokenizer"])
async def test_a_folder_that_lacks_something(site, server, said, broken, client, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(MODELS["caption"]["weights"], folder)
    for path in folder.glob(f"{broken}*"):
        path.unlink()
    daemon = site.daemon({"nats": {"url": server.url}, "models": {
        "broken": {"plugin": "caption", "weights": str(folder)}}}, "other-host").start()
    reply = await client.run("broken", encode(picture("coffee")))
    assert broken in reply.failed("failed_precondition", "not_found").error["message"]
    daemon.close()
