# SPDX-License-Identifier: Apache-2.0
"""Pictures with holes over NATS: filled as PyTorch fills them, and left alone elsewhere, bit for bit.

The network is a small LaMa with random weights, made by a Python that has torch (tests/plugins/inpaint/reference.py),
once as safetensors and once as TorchScript.
"""

import os
import subprocess
import sys

import cbor2
import numpy
import pytest
import skimage.data
from PIL import Image

from harness import REPOSITORY, deps
from pictures import decode, encode

SIZE = (157, 131)


def photo():
    return Image.fromarray(skimage.data.astronaut()).resize(SIZE)


def hole():
    mask = numpy.zeros((SIZE[1], SIZE[0]), numpy.uint8)
    mask[30:70, 50:90] = 255
    mask[-4:, -6:] = 255
    return mask


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The folder of the networks, the TorchScript's digest, and what PyTorch makes of the photo."""
    folder = tmp_path_factory.mktemp("inpaint")
    photo().save(folder / "photo.png")
    Image.fromarray(hole()).save(folder / "mask.png")
    done = subprocess.run(
        [sys.executable, REPOSITORY / "tests/plugins/inpaint/reference.py", folder, folder / "photo.png", folder / "mask.png"],
        env={**os.environ, "LD_LIBRARY_PATH": str(deps() / "cuda-stubs")}, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return folder, done.stdout.split()[-1], numpy.load(folder / "expected.npy")


@pytest.fixture(scope="module")
def daemon(made, module_site, server):
    folder, digest, _ = made
    models = {
        "lama": {"plugin": "inpaint", "weights": str(folder / "lama.safetensors")},
        "script": {"plugin": "inpaint", "weights": str(folder / "lama.pt"), "options": {"sha256": digest}},
        "windows": {"plugin": "inpaint", "weights": str(folder / "lama.safetensors"), "options": {"tile": 256}},
        "unpinned": {"plugin": "inpaint", "weights": str(folder / "lama.pt")},
        "no-lama": {"plugin": "inpaint", "weights": str(deps() / "models/realesrgan-x4plus.safetensors")},
        "no-tile": {"plugin": "inpaint", "weights": str(folder / "lama.safetensors"), "options": {"tile": 3}},
        "no-option": {"plugin": "inpaint", "weights": str(folder / "lama.safetensors"), "options": {"size": 3}},
        "no-weights": {"plugin": "inpaint"},
    }
    daemon = module_site.daemon({"nats": {"url": server.url}, "models": models}, "e2e-host").start()
    yield daemon
    assert daemon.stop() == 0, daemon.log[-8000:]


def body(picture, mask=None, **params):
    inputs = {"image": encode(picture)}
    if mask is not None:
        inputs["mask"] = encode(mask if isinstance(mask, Image.Image) else Image.fromarray(mask))
    return cbor2.dumps({"inputs": inputs, "params": params})


async def fill(client, model, *arguments, **params):
    return await client.run(model, body(*arguments, **params), Content_Type="application/cbor")


def pixels(reply):
    return numpy.asarray(decode(reply.ok().data)).astype(int)


def expected_pixels(made):
    return numpy.clip(numpy.round(made[2] * 255), 0, 255).astype(int)


@pytest.mark.parametrize("model", ["lama", "script"])
async def test_a_hole_is_filled_and_nothing_else_is_changed(model, client, made):
    reply = await fill(client, model, photo(), hole())
    assert reply.kind == "image/png"
    found = pixels(reply)
    inside = hole() > 0
    assert numpy.array_equal(found[~inside], numpy.asarray(photo())[~inside])
    assert numpy.abs(found[inside] - expected_pixels(made)[inside]).max() <= 1
    assert numpy.abs(found[inside] - numpy.asarray(photo())[inside]).mean() > 5, "nothing was filled"


async def test_a_mask_the_other_way_round(client, made):
    straight = pixels(await fill(client, "lama", photo(), hole()))
    assert numpy.array_equal(pixels(await fill(client, "lama", photo(), 255 - hole(), invert=True)), straight)


async def test_what_is_transparent_is_filled(client, made):
    straight = pixels(await fill(client, "lama", photo(), hole()))
    picture = photo()
    picture.putalpha(Image.fromarray(255 - hole()))
    found = await client.run("lama", encode(picture))  # the picture alone is the request
    assert numpy.array_equal(pixels(found), straight)


async def test_alpha_that_is_no_mask_stays(client):
    picture = photo()
    alpha = numpy.full((SIZE[1], SIZE[0]), 77, numpy.uint8)
    picture.putalpha(Image.fromarray(alpha))
    found = pixels(await fill(client, "lama", picture, hole()))
    assert found.shape[2] == 4 and (found[..., 3] == 77).all()


async def test_grey_stays_grey(client):
    found = pixels(await fill(client, "lama", photo().convert("L"), hole()))
    inside = hole() > 0
    assert numpy.array_equal(found[~inside], numpy.asarray(photo().convert("L"))[~inside])


async def test_growing_and_feathering(client, made):
    tight = hole()
    tight[30:70, 50:90] = 0
    tight[34:66, 54:86] = 255
    tight[-4:, -6:] = 255
    mask = hole()
    mask[-4:, -6:] = 0
    mask[-8:, -10:] = 255
    grown = pixels(await fill(client, "lama", photo(), tight, grow=4))
    assert numpy.array_equal(grown, pixels(await fill(client, "lama", photo(), mask)))
    soft = pixels(await fill(client, "lama", photo(), hole(), feather=6))
    inside = hole() > 0
    before = numpy.asarray(photo()).astype(int)
    assert numpy.array_equal(soft[~inside], before[~inside])
    hard = pixels(await fill(client, "lama", photo(), hole()))
    assert numpy.array_equal(soft[40:60, 60:80], hard[40:60, 60:80])
    assert numpy.abs(soft - before)[30, 50:90].mean() < numpy.abs(hard - before)[30, 50:90].mean()


async def test_masks_of_nothing_and_of_one_pixel(client):
    nothing = numpy.zeros_like(hole())
    assert numpy.array_equal(pixels(await fill(client, "lama", photo(), nothing)), numpy.asarray(photo()))
    one = nothing.copy()
    one[0, 0] = 255
    found = pixels(await fill(client, "lama", photo(), one))
    assert (found != numpy.asarray(photo())).any(2).sum() <= 1


async def test_a_large_hole_is_filled_by_windows(client):
    picture = Image.fromarray(skimage.data.astronaut())
    mask = numpy.zeros((512, 512), numpy.uint8)
    mask[60:450, 80:470] = 255
    found = pixels(await fill(client, "windows", picture, mask))
    inside = mask > 0
    assert numpy.array_equal(found[~inside], numpy.asarray(picture)[~inside])
    assert (found[inside] != numpy.asarray(picture)[inside]).any(1).mean() > 0.9


async def test_what_is_wrong_with_a_request_is_told(client):
    small = hole()[:100, :100]
    cases = [(await fill(client, "lama", photo(), small), "100 x 100"),
             (await fill(client, "lama", photo()), "there is no mask"),
             (await fill(client, "lama", photo(), numpy.full_like(hole(), 255)), "covers the whole picture"),
             (await fill(client, "lama", photo(), hole(), feather=1000), "feather")]
    for reply, word in cases:
        assert word in reply.failed("invalid_argument").error["message"]


@pytest.mark.parametrize("model,word", [("unpinned", "sha256"), ("no-lama", "no generator of LaMa"), ("no-tile", "tile"),
                                        ("no-option", "size"), ("no-weights", "no weights")])
async def test_what_is_wrong_with_a_model_is_told(model, word, client):
    reply = await fill(client, model, photo(), hole())
    assert word in reply.failed("failed_precondition", "invalid_argument").error["message"]
