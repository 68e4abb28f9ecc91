# SPDX-License-Identifier: Apache-2.0
"""Pictures drawn by a denoising network that `darkroom models compile` compiled, over NATS, held against diffusers.

Its package has no weights: they are the model's own. Pictures are of 64 pixels, for which it was compiled, unless they say otherwise.
"""

import asyncio
import base64
import json
import shutil

import numpy
import pytest

import tiny_sdxl
from compiled import ROWS, compiled, digest_of, note, retold
from harness import plugin_folder
from kept import SAVE_OFTEN, kept_step, resumed_at
from pictures import decode
from tiny_sdxl import PROMPT

REQUESTS = {
    "plain": {},
    "no-guidance": {"guidance_scale": 1},
    "negative": {"negative_prompt": "blurry, grey", "guidance_scale": 7.5, "scheduler": "euler_a"},
    "sizes": {"original_size": [512, 768], "crops": [16, 24], "target_size": [1024, 1000], "scheduler": "heun"},
    "three": {"num_images": 3, "seed": 40},
    "small": {"width": 32, "height": 48},
    "lora": {"loras": [{"name": "kohya", "weight": 0.7}]},
}
MOST = 2  # of 255


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return tiny_sdxl.make(tmp_path_factory.mktemp("sdxl"), {name: tiny_sdxl.as_reference(params) for name, params in REQUESTS.items()})


@pytest.fixture(scope="module")
def package(made):
    """The option, of a package in the model's folder, which its worker may read."""
    kept, told = compiled(made / "model")
    assert told["sha256"] == digest_of(kept)
    shutil.copy(kept, made / "model/unet.pt2")
    return {"file": str(made / "model/unet.pt2"), "sha256": told["sha256"]}


@pytest.fixture(scope="module")
def any_size(made):
    """The same for pictures of any size, with weights in an order of their own, as on GPUs."""
    kept, told = compiled(made / "model", "--any-size", "--layout", "channels-last")
    shutil.copy(kept, made / "model/any.pt2")
    return {"file": str(made / "model/any.pt2"), "sha256": told["sha256"]}


def sdxl(weights, **options):
    return {"plugin": "sdxl", "weights": str(weights), "params": {"steps": 4}, "options": {"threads": 1, **options}}


def without_a_tensor(made):
    """The model, but one tensor of its network has another name."""
    shutil.copytree(made / "model", made / "missing")
    weights = made / "missing/unet/diffusion_pytorch_model.safetensors"
    data = weights.read_bytes()
    assert data.count(b'"conv_in.weight"') == 1
    weights.write_bytes(data.replace(b'"conv_in.weight"', b'"conv_in.wEight"'))
    return made / "missing"


@pytest.fixture(scope="module")
def wrong(made, package):
    """name -> a model that is refused, and what its users are told."""
    folder = made / "model"

    def other(name, change):
        return sdxl(folder, compiled=retold(folder / "unet.pt2", folder / f"{name}.pt2", change))

    def metadata(**fields):
        return lambda told: {**told, **fields}

    (folder / "cut.pt2").write_bytes((folder / "unet.pt2").read_bytes()[:100_000])
    return {
        "unpinned": (sdxl(folder, compiled={"file": package["file"]}), f"sha256: {package['sha256']}"),
        "exchanged": (sdxl(folder, compiled={**package, "sha256": "0" * 64}), "is not the file that the model's options name"),
        "absent": (sdxl(folder, compiled={**package, "file": str(folder / "nonsuch.pt2")}), "nonsuch.pt2"),
        "damaged": (sdxl(folder, compiled={"file": str(folder / "cut.pt2"), "sha256": digest_of(folder / "cut.pt2")}),
                    "cut.pt2: this is no AOTInductor package"),
        "device": (other("device", metadata(AOTI_DEVICE_KEY="cuda")), "compiled for cuda and this lane is of cpu"),
        "machine": (other("machine", metadata(AOTI_MACHINE="aarch64")), "compiled for aarch64"),
        "no-note": (other("no-note", lambda told: {k: v for k, v in told.items() if not k.startswith("darkroom")}),
                    "no package of a denoising network"),
        "revision": (other("revision", note(revision=0)), "another version of darkroom"),
        "torch": (other("torch", note(torch="2.10.0")), "compiled by PyTorch 2.10.0"),
        "dtype": (sdxl(folder, compiled=package, dtype="bfloat16"), "compiled for float32, and the model computes in bfloat16"),
        "network": (sdxl(made / "refiner", compiled={**package, "file": str(made / "refiner/unet.pt2")}), "another architecture"),
        "constant": (other("constant", note(tensors=lambda told: {k: v for k, v in told.items() if k != "conv_in.bias"})),
                     "conv_in.bias"),
        "shape": (other("shape", note(tensors=lambda told: {**told, "conv_in.bias": [7]})), "'conv_in.bias' has shape"),
        "missing": (sdxl(made / "missing", compiled={**package, "file": str(made / "missing/unet.pt2")}),
                    "tensor 'conv_in.weight' is missing"),
        "no-object": (sdxl(folder, compiled=3), "compiled"),
        "no-field": (sdxl(folder, compiled={**package, "sha": "x"}), "sha"),
        "no-file": (sdxl(folder, compiled=[{"sha256": "x"}]), "file"),
    }


@pytest.fixture(scope="module")
def models(made, package, any_size):
    without_a_tensor(made)
    shutil.copy(package["file"], made / "refiner/unet.pt2")
    return {
        "compiled": sdxl(made / "model", compiled=package, loras=str(made / "loras")),
        "two": sdxl(made / "model", compiled=[package, package]),
        "any": sdxl(made / "model", compiled=any_size),
        "ordinary": sdxl(made / "model"),
    }


@pytest.fixture(scope="module")
def daemon(models, wrong, made, module_site, server):
    all_of_them = {**models, **{f"wrong-{name}": one for name, (one, _) in wrong.items()}}
    plugins = {"folder": str(plugin_folder()), "files": [str(made / "loras")]}
    daemon = module_site.daemon({"nats": {"url": server.url}, "models": all_of_them, "plugins": plugins}, "e2e-host").start()
    yield daemon
    assert daemon.stop() == 0, daemon.log[-8000:]


async def draw(client, model="compiled", **params):
    return (await client.run(model, PROMPT.encode(), params={"seed": 0, **params})).ok()


def pixels(reply):
    return numpy.asarray(decode(reply.data)).astype(int)


BESIDE = "the ordinary one is loaded, too"


@pytest.mark.parametrize("name", ["plain", "no-guidance", "negative", "sizes"])
async def test_a_picture_equals_diffusers_and_itself(name, client, daemon, made):
    reply = await draw(client, **REQUESTS[name])
    expected = numpy.load(made / f"{name}.npy")[0]
    assert numpy.abs(pixels(reply) - expected).max() <= MOST
    assert expected.std() > 10, "there is nothing to see"
    assert (await draw(client, **REQUESTS[name])).data == reply.data
    assert BESIDE not in daemon.log, "it was not the compiled network that drew it"


async def test_more_rows_than_it_was_compiled_for_go_in_several_runs(client, daemon, made):
    outputs = (await draw(client, **REQUESTS["three"])).json()["outputs"]
    assert 2 * len(outputs) > ROWS
    for number, output in enumerate(outputs.values()):
        found = numpy.asarray(decode(base64.b64decode(output["base64"]))).astype(int)
        assert numpy.abs(found - numpy.load(made / "three.npy")[number]).max() <= MOST
    assert BESIDE not in daemon.log


async def test_jobs_that_share_runs_are_as_alone(client, daemon):
    """To the rounding of a product of more rows."""
    jobs = [{"seed": 1}, {"seed": 2, "guidance_scale": 1, "steps": 6}, {"seed": 3, "negative_prompt": "red"}, {"seed": 4, "steps": 9}]
    alone = [pixels(await draw(client, **job)) for job in jobs]
    for found, expected in zip(await asyncio.gather(*(draw(client, **job) for job in jobs)), alone):
        assert numpy.abs(pixels(found) - expected).max() <= 1
    assert BESIDE not in daemon.log


@pytest.mark.parametrize("name", ["plain", "no-guidance", "small"])
async def test_pictures_of_any_size(name, client, daemon, made):
    reply = await draw(client, "any", **REQUESTS[name])
    assert numpy.abs(pixels(reply) - numpy.load(made / f"{name}.npy")[0]).max() <= MOST
    assert BESIDE not in daemon.log


async def test_a_long_prompt(client, daemon, made):
    """Its states are several times as long."""
    found = (await client.run("compiled", ("many words " * 80).encode(), params={"seed": 0})).ok()
    expected = (await client.run("ordinary", ("many words " * 80).encode(), params={"seed": 0})).ok()
    assert numpy.abs(pixels(found) - pixels(expected)).max() <= MOST
    assert numpy.abs(pixels(found) - numpy.load(made / "plain.npy")[0]).max() > 5
    assert BESIDE not in daemon.log


async def test_loras_go_through_the_ordinary_network(client, made):
    assert numpy.abs(pixels(await draw(client, **REQUESTS["lora"])) - numpy.load(made / "lora.npy")[0]).max() <= MOST
    # And what is drawn without them is as it was.
    assert numpy.abs(pixels(await draw(client)) - numpy.load(made / "plain.npy")[0]).max() <= MOST


async def test_another_size_goes_through_the_ordinary_network(client, daemon, made):
    reply = await draw(client, **REQUESTS["small"])
    assert numpy.abs(pixels(reply) - numpy.load(made / "small.npy")[0]).max() <= MOST
    assert reply.data == (await draw(client, "ordinary", **REQUESTS["small"])).data
    assert daemon.log.count(BESIDE) == 1
    both = await asyncio.gather(draw(client, **REQUESTS["small"]), draw(client), draw(client, **REQUESTS["small"]))
    assert both[0].data == reply.data == both[2].data
    assert both[1].data == (await draw(client)).data
    assert daemon.log.count(BESIDE) == 1, "it is loaded once"


async def test_several_packages(client, made):
    assert numpy.abs(pixels(await draw(client, "two")) - numpy.load(made / "plain.npy")[0]).max() <= MOST


async def test_what_is_wrong_with_a_package_is_told(client, wrong):
    for name, (_, words) in wrong.items():
        error = (await client.run(f"wrong-{name}", PROMPT.encode())).failed(
            "failed_precondition", "invalid_argument", "not_found").error
        assert words in error["message"] + error.get("hint", ""), (name, error)


async def test_a_state_of_one_network_is_not_gone_on_with_by_the_other(durable, made, package):
    """A host that draws with another network begins anew, so that a picture is of one network."""
    steps = {"steps": 60, "seed": 5}
    jobs, _, (daemon,) = await durable(models={"sdxl": sdxl(made / "model", compiled=package)}, jobs=SAVE_OFTEN)
    await jobs.submit("sdxl", PROMPT.encode(), job="picture", params=steps)
    await kept_step(jobs, "picture", 3, "sdxl 1.0.0")
    daemon.kill()
    config = json.loads(daemon.config_path.read_text())
    del config["models"]["sdxl"]["options"]["compiled"]
    daemon.config_path.write_text(json.dumps(config))
    daemon.start()
    await jobs.ended("picture", 60)
    reply = (await jobs.reply("sdxl", "picture")).ok()
    assert resumed_at(reply) == 0
    assert reply.data == (await jobs.client.run("sdxl", PROMPT.encode(), params=steps)).ok().data
