# SPDX-License-Identifier: Apache-2.0
"""CLIP and SigLIP over NATS: pictures and texts in, embeddings, similarities and classes out, held against transformers.

The checkpoints are tiny ones with random weights, made by a Python of its own (tests/plugins/clip/checkpoints.py and
siglip_checkpoints.py), which also says what transformers makes of the same inputs.
"""

import asyncio
import base64
import json
import os
import struct
import subprocess
import sys

import cbor2
import numpy
import pytest
import skimage.data
from PIL import Image

from harness import REPOSITORY, deps
from pictures import encode

TEXTS = ["a photo of a cat", "an astronaut"]
TOLERANCE = 2e-5
MODELS = {
    "clip": {"plugin": "clip"},
    "clip-labels": {"plugin": "clip", "params": {"operation": "classify", "labels": ["cat", "astronaut", "cup"]}},
    "siglip": {"plugin": "clip"},
}
LABELS = MODELS["clip-labels"]["params"]["labels"]


def picture():
    return Image.fromarray(skimage.data.astronaut()).resize((300, 260))


def make(script, folder):
    """A checkpoint's folder, and what transformers makes of the picture, the texts and the labels with it."""
    picture().save(folder / "picture.png")
    done = subprocess.run(
        [sys.executable, REPOSITORY / "tests/plugins/clip" / script, folder / "model", folder / "picture.png",
         *TEXTS, *(f"a photo of a {label}." for label in LABELS)],
        env={**os.environ, "DARKROOM_DEPS": str(deps()), "LD_LIBRARY_PATH": str(deps() / "cuda-stubs")},
        capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    return str(folder / "model"), {key: numpy.array(value) for key, value in said.items()}


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    weights, said = make("checkpoints.py", tmp_path_factory.mktemp("clip"))
    MODELS["clip"]["weights"] = MODELS["clip-labels"]["weights"] = weights
    return {"picture": said["pictures"], "texts": said["texts"], "scale": said["scale"]}


@pytest.fixture(scope="module")
def siglip(tmp_path_factory):
    MODELS["siglip"]["weights"], said = make("siglip_checkpoints.py", tmp_path_factory.mktemp("siglip"))
    return said


@pytest.fixture(scope="module")
def daemon(reference, siglip, request, module_site, server):
    daemon = module_site.daemon({"nats": {"url": server.url}, "models": MODELS}, "e2e-host").start()
    yield daemon
    assert daemon.stop() == 0, daemon.log[-8000:]


def unit(rows):
    return rows / numpy.linalg.norm(rows, axis=1, keepdims=True)


def values(reply):
    result = reply.json()["outputs"]["result"]
    assert result["dtype"] == "float32"
    return numpy.array(result["data"]).reshape(result["shape"])


def as_json(params=None, **inputs):
    inputs = {k: base64.b64encode(v).decode() if isinstance(v, bytes) else v for k, v in inputs.items()}
    return json.dumps({"params": params or {}, "inputs": inputs}).encode()


def assert_near(found, expected):
    assert found.shape == expected.shape
    assert numpy.abs(found - expected).max() <= TOLERANCE


async def test_a_picture_is_the_whole_request(client, reference):
    reply = await client.run("clip", encode(picture()))
    assert reply.kind == "application/json"
    assert_near(values(reply), unit(reference["picture"]))


async def test_raw_floats(client, reference):
    reply = (await client.run("clip", encode(picture()), Accept="application/octet-stream")).ok()
    assert reply.kind == "application/octet-stream"
    found = numpy.array(struct.unpack(f"<{len(reply.data) // 4}f", reply.data))[None]
    assert_near(found, unit(reference["picture"]))


async def test_floats_as_base64(client, reference):
    reply = await client.run("clip", encode(picture()), Accept="application/json; tensors=bytes")
    result = reply.json()["outputs"]["result"]
    assert (result["dtype"], result["shape"]) == ("float32", [1, 32])
    assert_near(numpy.frombuffer(base64.b64decode(result["base64"]), "<f4")[None], unit(reference["picture"]))


async def test_cbor_carries_pictures_as_they_are(client, reference):
    body = cbor2.dumps({"inputs": {"image": encode(picture()), "image_3": encode(picture())}})
    reply = await client.run("clip", body, Content_Type="application/cbor", Accept="application/cbor")
    result = cbor2.loads(reply.ok().data)["outputs"]["result"]
    assert result["shape"] == [2, 32]
    assert_near(numpy.array(result["data"]).reshape(2, 32), unit(reference["picture"]).repeat(2, 0))


async def test_not_normalised(client, reference):
    reply = await client.run("clip", encode(picture()), params={"normalize": False})
    assert_near(values(reply) / numpy.linalg.norm(reference["picture"]),
                reference["picture"] / numpy.linalg.norm(reference["picture"]))


async def test_texts(client, reference):
    expected = unit(reference["texts"][:2])
    assert_near(values(await client.run("clip", as_json({"texts": TEXTS}))), expected)
    assert_near(values(await client.run("clip", as_json({"texts": TEXTS[1:]}, text=TEXTS[0]))), expected)


async def test_pictures_come_before_texts(client, reference):
    found = values(await client.run("clip", as_json({"texts": TEXTS}, image=encode(picture()))))
    assert_near(found, numpy.concatenate([unit(reference["picture"]), unit(reference["texts"][:2])]))


async def test_similarity(client, reference):
    body = as_json({"operation": "similarity", "texts": TEXTS}, image=encode(picture()))
    cosines = unit(reference["picture"]) @ unit(reference["texts"][:2]).T
    assert_near(values(await client.run("clip", body)), cosines)


async def test_classes(client, reference):
    logits = reference["scale"] * unit(reference["picture"]) @ unit(reference["texts"][2:]).T
    expected = numpy.exp(logits - logits.max())
    expected /= expected.sum()
    for _ in range(2):  # the second time from memory
        assert_near(values(await client.run("clip-labels", encode(picture()))), expected)
    found = values(await client.run("clip-labels", encode(picture()), params={"logits": True}))
    assert numpy.abs(found - logits).max() <= 1e-3


async def test_many_at_once_do_not_touch_each_other(client, reference):
    grey = encode(picture().convert("L"), "JPEG")
    alone = values(await client.run("clip", grey))
    assert numpy.abs(alone - unit(reference["picture"])).max() > 1e-3
    requests = [client.run("clip", encode(picture()) if i % 2 else grey) for i in range(24)]
    requests += [client.run("clip", as_json({"texts": TEXTS})) for _ in range(6)]
    replies = await asyncio.gather(*requests)
    for i, reply in enumerate(replies[:24]):
        assert_near(values(reply), unit(reference["picture"]) if i % 2 else alone)
    for reply in replies[24:]:
        assert_near(values(reply), unit(reference["texts"][:2]))


async def test_one_bad_request_among_good_ones_fails_alone(client, reference):
    good = [client.run("clip", encode(picture())) for _ in range(6)]
    bad = [client.run("clip", encode(picture()), params={"operation": "classify"}),
           client.run("clip", b"\xff\xd8 no picture", Content_Type="image/jpeg")]
    *fine, first, second = await asyncio.gather(*good, *bad)
    for reply in fine:
        assert_near(values(reply), unit(reference["picture"]))
    assert "labels" in first.failed("invalid_argument").error["message"]
    second.failed("invalid_argument")


async def test_nothing_to_embed(client):
    assert "nothing to embed" in (await client.run("clip", b"{}")).failed("invalid_argument").error["message"]


async def test_siglip_embeds_in_its_own_way(client, siglip):
    body = as_json({"texts": TEXTS}, image=encode(picture()))
    assert_near(values(await client.run("siglip", body)),
                numpy.concatenate([unit(siglip["pictures"]), unit(siglip["texts"][:2])]))
    cosines = unit(siglip["pictures"]) @ unit(siglip["texts"][:2]).T
    body = as_json({"operation": "similarity", "texts": TEXTS}, image=encode(picture()))
    assert_near(values(await client.run("siglip", body)), cosines)
    body = as_json({"operation": "similarity", "texts": TEXTS, "logits": True}, image=encode(picture()))
    assert_near(values(await client.run("siglip", body)), siglip["scale"] * cosines + siglip["bias"])


async def test_siglip_judges_each_label_by_itself(client, siglip):
    reply = await client.run("siglip", encode(picture()), params={"operation": "classify", "labels": LABELS})
    assert_near(values(reply), siglip["classes"][:, 2:])
    one = await client.run("siglip", encode(picture()), params={"operation": "classify", "labels": LABELS[1:2]})
    assert_near(values(one), siglip["classes"][:, 3:4])
    assert abs(values(reply).sum() - 1) > 0.01


@pytest.mark.parametrize("model,word", [
    ({"plugin": "clip"}, "no weights"),
    ({"plugin": "clip", "weights": "/nowhere/clip"}, "/nowhere/clip"),
    ({"plugin": "clip", "weights": "/tmp", "options": {"engine": "fast"}}, "fast"),
    ({"plugin": "clip", "weights": "/tmp", "options": {"colour": 1}}, "colour"),
])
async def test_a_wrong_configuration_is_told(model, word, serve):
    _, client = await serve({"wrong": model})
    reply = await client.run("wrong", encode(picture()))
    assert word in reply.failed("not_found", "failed_precondition", "invalid_argument").error["message"]
