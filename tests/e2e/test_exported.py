# SPDX-License-Identifier: Apache-2.0
"""Networks that users exported themselves, served by what their options say, and held against PyTorch.

The networks are small ones with random weights, made by a Python that has torch (tests/plugins/exported/exports.py),
which also says what PyTorch makes of the same picture.
"""

import asyncio
import hashlib
import json
import os
import shutil
import subprocess
import sys

import cbor2
import numpy
import pytest
import skimage.data
from PIL import Image

from harness import REPOSITORY, deps
from pictures import decode, encode

SIZE = (101, 75)
LABELS = ["cat", "dog", "bird", "cup"]
PICTURE = {"name": "photo", "kind": "image"}
RESULT = {"name": "result", "kind": "image"}
STRENGTH = {"strength": {"type": "number", "default": 0.5, "minimum": 0, "maximum": 1}}


def astronaut(size=SIZE):
    return Image.fromarray(skimage.data.astronaut()).resize(size)


def model(weights, inputs, outputs, **options):
    return {"plugin": "exported", "weights": weights, "options": {"inputs": inputs, "outputs": outputs, **options}}


MODELS = {
    "style": model("style.pt", [PICTURE], [RESULT], params=STRENGTH),
    "style-bgr": model("style.pt", [{**PICTURE, "order": "bgr", "mean": [0.5], "std": [0.5]}],
                       [{**RESULT, "order": "bgr", "range": [-1, 1]}], params=STRENGTH),
    "upscale": model("upscale.pt", [{**PICTURE, "multiple_of": 8}], [RESULT]),
    "depth": model("depth.pt", [PICTURE], [
        {"name": "depth", "kind": "image", "from": "depth", "range": "auto", "size": "input"},
        {"name": "plane", "kind": "tensor", "from": "depth"},
        {"name": "what", "kind": "text", "from": "classes", "labels": LABELS, "top": 2}]),
    "splats": model("splats.pt", [PICTURE], [
        {"name": "splats", "kind": "bytes", "form": "ply", "parts": [
            {"from": 0, "properties": ["x", "y", "z"]},
            {"from": 2, "properties": ["opacity"], "apply": "logit"},
            {"from": 1, "properties": ["red", "green", "blue"]}]}]),
    "embed": model("embed", [
        {"name": "text", "kind": "text", "length": 12, "mask": True},
        {"name": "scale", "kind": "tensor", "dtype": "float32", "shape": [2], "optional": False}], [
        {"name": "row", "kind": "tensor", "dtype": "float32"},
        {"name": "together", "kind": "tensor", "from": 1}], batch={"max": 8}),
    "whole": model("whole.pt2", [PICTURE], [RESULT]),
    "bare": model("bare", [PICTURE], [RESULT]),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The folder of the exported networks, their digests, and what PyTorch makes of the picture."""
    folder = tmp_path_factory.mktemp("exported")
    astronaut().save(folder / "picture.png")
    done = subprocess.run(
        [sys.executable, REPOSITORY / "tests/plugins/exported/exports.py", folder / "models", folder / "picture.png",
         "--packages"],
        env={**os.environ, "DARKROOM_DEPS": str(deps()), "LD_LIBRARY_PATH": str(deps() / "cuda-stubs")},
        capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr
    digests = json.loads(done.stdout.splitlines()[-1])
    return folder / "models", digests, numpy.load(folder / "models/expected.npz")


@pytest.fixture(scope="module")
def models(made):
    folder, digests, _ = made
    ready = {}
    for name, one in MODELS.items():
        digest = digests[one["weights"].split(".")[0]]
        ready[name] = {**one, "weights": str(folder / one["weights"]),
                       "options": {**one["options"], "sha256": digest}}
    return ready


@pytest.fixture(scope="module")
def daemon(models, module_site, server):
    daemon = module_site.daemon({"nats": {"url": server.url}, "models": models}, "e2e-host").start()
    yield daemon
    assert daemon.stop() == 0, daemon.log[-8000:]


def pixels(expected):
    """PyTorch's 1 x 3 x H x W in [0, 1] as a picture."""
    return numpy.clip(numpy.round(expected[0].transpose(1, 2, 0) * 255), 0, 255).astype(int)


def assert_alike(reply, expected):
    found = numpy.asarray(decode(reply.ok().data)).astype(int)
    assert found.shape == expected.shape
    assert numpy.abs(found - expected).max() <= 1, "but for rounding they are equal"


def tensor(output):
    return numpy.array(output["data"], numpy.float32).reshape(output["shape"])


async def test_a_picture_to_a_picture(client, made):
    expected = made[2]["style"]
    reply = await client.run("style", encode(astronaut()))
    assert reply.kind == "image/png"
    assert_alike(reply, pixels(expected))
    other = await client.run("style", encode(astronaut()), params={"strength": 0.0})
    assert_alike(other, numpy.asarray(astronaut()).astype(int))


async def test_channels_and_ranges(client, made):
    expected = (made[2]["style_bgr"][:, ::-1] + 1) / 2
    assert_alike(await client.run("style-bgr", encode(astronaut()), params={"strength": 1.0}), pixels(expected))


async def test_edges_are_filled_up_and_taken_away(client, made):
    reply = await client.run("upscale", encode(astronaut()))
    assert decode(reply.ok().data).size == (2 * SIZE[0], 2 * SIZE[1])
    assert_alike(reply, pixels(made[2]["upscale"]))


async def test_a_plane_a_tensor_and_labels_by_name(client, made):
    outputs = (await client.run("depth", encode(astronaut()))).json()["outputs"]
    plane = made[2]["depth"]
    assert numpy.abs(tensor(outputs["plane"]) - plane).max() <= 1e-4
    assert outputs["depth"]["shape"] == [SIZE[1], SIZE[0], 1]
    scores = made[2]["classes"][0]
    best = numpy.argsort(scores)[::-1][:2]
    found = json.loads(outputs["what"]["text"])
    assert [one["label"] for one in found] == [LABELS[i] for i in best]
    assert numpy.allclose([one["score"] for one in found], scores[best], atol=1e-5)


async def test_points_as_a_ply_file(client, made):
    data = (await client.run("splats", encode(astronaut()))).ok().data
    head, _, body = data.partition(b"end_header\n")
    lines = head.decode().splitlines()
    assert lines[:2] == ["ply", "format binary_little_endian 1.0"]
    assert lines[2] == f"element vertex {SIZE[0] * SIZE[1]}"
    assert [line.split()[-1] for line in lines[3:]] == ["x", "y", "z", "opacity", "red", "green", "blue"]
    found = numpy.frombuffer(body, "<f4").reshape(-1, 7)
    assert numpy.abs(found - made[2]["splats"]).max() <= 1e-4


async def test_texts_run_together_and_alone(client, made):
    table = made[2]["table"]
    start, end, cat = 49406, 49407, 2368

    async def run(text, scale):
        body = cbor2.dumps({"inputs": {"text": text, "scale": numpy.float32([scale, 0]).tobytes()}})
        return (await client.run("embed", body, Content_Type="application/cbor")).json()["outputs"]

    one = await run("cat", 1)
    assert numpy.allclose(tensor(one["row"]), table[[start, cat, end]].mean(0), atol=1e-5)
    all_of_them = await asyncio.gather(*(run("cat", scale) for scale in range(1, 33)))
    for scale, outputs in enumerate(all_of_them, 1):
        assert numpy.allclose(tensor(outputs["row"]), scale * table[[start, cat, end]].mean(0), atol=1e-4)
    assert max(tensor(outputs["together"])[0] for outputs in all_of_them) > 1, "no two ran together"


@pytest.mark.parametrize("name", ["whole", "bare"])
async def test_a_compiled_package(name, client, made):
    assert_alike(await client.run(name, encode(astronaut())), pixels(made[2]["clear"]))
    larger = await client.run(name, encode(astronaut((200, 160))))
    assert decode(larger.ok().data).size == (200, 160)


async def test_what_a_package_was_not_compiled_for_is_refused(client):
    refused = (await client.run("whole", encode(astronaut((4, 4))))).failed("invalid_argument")
    assert "does not take this input" in refused.error["message"]
    (await client.run("whole", encode(astronaut()))).ok()


async def test_what_a_network_refuses_fails_alone(client):
    failed = (await client.run("style", encode(astronaut()), params={"strength": 2})).failed("invalid_argument")
    assert "strength" in failed.error["message"]
    (await client.run("style", encode(astronaut()))).ok()


async def test_a_model_shows_its_own_interface(client):
    shown = await client.model("style")
    assert [one["name"] for one in shown["inputs"]] == ["photo"]
    assert "strength" in shown["params"]["properties"]


def changed(one, weights=None, **options):
    return {**one, "weights": str(weights or one["weights"]), "options": {**one["options"], **options}}


def digest_of(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def wrong(models, made, tmp_path_factory):
    """name -> a model that cannot be served, and what its users are told."""
    folder, digests, _ = made
    elsewhere = tmp_path_factory.mktemp("wrong")
    (elsewhere / "bare").mkdir()
    shutil.copy(folder / "bare/model.pt2", elsewhere / "bare")
    (elsewhere / "damaged.pt").write_bytes((folder / "style.pt").read_bytes()[:3000])
    (elsewhere / "empty").mkdir()
    style, whole = models["style"], models["whole"]
    unpinned = {k: v for k, v in style["options"].items() if k != "sha256"}
    return {
        "unpinned": ({**style, "options": unpinned}, f"sha256: {digests['style']}"),
        "exchanged": (changed(style, folder / "depth.pt"), "is not the file that the model's options name"),
        "missing": (changed(style, folder / "nothing.pt"), "nothing.pt"),
        "no-network": (changed(style, elsewhere / "empty"), "model.pt2"),
        "onnx": (changed(style, folder / "expected.npz"), "neither a TorchScript archive"),
        "damaged": (changed(style, elsewhere / "damaged.pt",
                            sha256=digest_of(elsewhere / "damaged.pt")), "no TorchScript archive"),
        "no-method": (changed(style, method="backward"), "backward"),
        "no-package": (changed(whole, shutil.copy(folder / "style.pt", elsewhere / "style.pt2"),
                               sha256=digests["style"]), "no compiled model"),
        "no-weights": (changed(whole, elsewhere / "bare", sha256=digests["bare"]), "made without weights"),
        "two-arguments": (changed(whole, inputs=[PICTURE, {**PICTURE, "name": "other"}]), "takes 1 argument"),
        "no-such-option": (changed(style, colour=1), "colour"),
        "no-such-field": (changed(style, inputs=[{**PICTURE, "sise": [4, 4]}]), "inputs.0.sise"),
        "no-such-result": (changed(style, outputs=[{**RESULT, "from": 3}]), "number 3 is asked for"),
        "no-such-name": (changed(models["depth"], outputs=[{**RESULT, "from": "normals"}]), "normals"),
        "no-picture": (changed(models["depth"], outputs=[{**RESULT, "from": "depth", "layout": "nhwc"}]), "1 to 4 channels"),
        "few-labels": (changed(models["depth"], outputs=[
            {"name": "what", "kind": "text", "from": "classes", "labels": ["cat"]}]), "1 labels"),
        "no-outputs": (changed(style, outputs=[]), "outputs must name at least one output"),
        "no-kind": (changed(style, outputs=[{"name": "x", "kind": "picture"}]), "outputs[0].kind"),
        "unordered": (changed(style, params={**STRENGTH, "again": {"type": "number", "default": 1}}), "arguments"),
    }


async def test_what_is_wrong_is_told(wrong, site, server, connect):
    daemon = site.daemon({"nats": {"url": server.url, "prefix": "wrong"},
                          "models": {name: one for name, (one, _) in wrong.items()}}, "wrong-host").start()
    client = await connect(server.url)
    body = cbor2.dumps({"inputs": {"photo": encode(astronaut()), "other": encode(astronaut())}})
    for name, (one, word) in wrong.items():
        both = len(one["options"].get("inputs", [])) == 2
        reply = await client.request(f"wrong.run.{name}", body if both else encode(astronaut()),
                                     **({"Content_Type": "application/cbor"} if both else {}))
        error = reply.failed("not_found", "failed_precondition", "invalid_argument").error
        assert word in error["message"] + error.get("hint", ""), (name, error)
    assert daemon.stop() == 0
