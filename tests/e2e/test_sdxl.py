# SPDX-License-Identifier: Apache-2.0
"""Pictures after texts and pictures over NATS, and parts of them repainted, held against diffusers.

The model is a tiny one with random weights, made by a Python of its own (tests/plugins/sdxl/reference.py), which also draws what
diffusers makes of each request. Pictures are of 64 pixels unless they say otherwise.
"""

import asyncio
import base64
import json
import os
import shutil

import cbor2
import numpy
import pytest
import skimage.data
from PIL import Image

from client import Client
from harness import plugin_folder, plugin_path
from pictures import decode, encode
from tiny_sdxl import PROMPT, as_reference, make
from watching import run_and_watch

SCHEDULERS = ["euler", "euler_a", "heun", "ddim", "pndm", "dpmpp_2m", "dpmpp_2m_karras", "dpmpp_2m_sde", "dpmpp_3m",
              "dpmpp_3m_sde_exponential", "dpmpp_2s", "unipc", "lcm", "tcd", "lightning", "turbo"]
# name -> the params of a request; four steps, seed 0
REQUESTS = {
    "plain": {},
    "no-guidance": {"guidance_scale": 1},
    "negative": {"negative_prompt": "blurry, grey", "guidance_scale": 7.5},
    "two-texts": {"prompt_2": "oil on canvas!", "negative_prompt": "blue", "negative_prompt_2": "a photograph",
                  "guidance_rescale": 0.7},
    "layers-skipped": {"clip_skip": 2},
    "sizes": {"height": 48, "width": 80, "original_size": [512, 768], "crops": [16, 24], "target_size": [1024, 1000]},
    "other-seed": {"seed": 2**40 + 5, "guidance_scale": 3},
    "three": {"num_images": 3, "seed": 40, "scheduler": "euler_a"},
    "lora": {"loras": [{"name": "kohya", "weight": 0.7}]},
    "two-loras": {"loras": [{"name": "diffusers", "weight": -0.5}, {"name": "kohya"}], "guidance_scale": 1},
    **{name: {"scheduler": name, "width": 32, "height": 32} for name in SCHEDULERS},
    "ddim": {"scheduler": "ddim", "width": 32, "height": 32, "eta": 0.7},
    "tcd": {"scheduler": "tcd", "width": 32, "height": 32, "eta": 0.3},  # the pipeline's own default is 0
}
# name -> the model, whether with a mask, the params; of a photograph
PAINTED = {
    "image": ("sdxl", False, {"strength": 0.5}),
    "image-default": ("sdxl", False, {"steps": 7}),
    "image-ancestral": ("sdxl", False, {"strength": 0.75, "scheduler": "euler_a", "negative_prompt": "grey", "guidance_rescale": 0.4}),
    "image-solver": ("sdxl", False, {"strength": 1, "scheduler": "dpmpp_2m_karras", "guidance_scale": 1}),
    "mask": ("sdxl", True, {}),
    "mask-all": ("sdxl", True, {"strength": 1, "seed": 5}),
    "mask-ancestral": ("sdxl", True, {"strength": 0.75, "scheduler": "euler_a"}),
    "refined": ("refiner", False, {"strength": 0.5, "aesthetic_score": 8, "negative_aesthetic_score": 1.5, "negative_prompt": "grey"}),
    "nine": ("nine", True, {}),
    "nine-all": ("nine", True, {"strength": 1, "scheduler": "heun", "seed": 5}),
}
# The base's part and the refiner's.
PARTS = {"steps": 10, "seed": 6, "denoising_end": 0.8}, {"steps": 10, "seed": 6, "denoising_start": 0.8}
SIZE = (72, 56)
MOST = 2  # of 255


def photo():
    return Image.fromarray(skimage.data.astronaut()).resize(SIZE)


def hole():
    mask = numpy.zeros((SIZE[1], SIZE[0]), numpy.uint8)
    mask[11:37, 18:51] = 255  # not in line with the latents
    return mask


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The model's folder, beside what diffusers draws."""
    folder = tmp_path_factory.mktemp("sdxl")
    photo().save(folder / "photo.png")
    Image.fromarray(hole()).save(folder / "mask.png")
    requests = {name: as_reference(params) for name, params in REQUESTS.items()}
    for name, (model, has_mask, params) in PAINTED.items():
        strength = {"strength": 0.9999 if has_mask else 0.3}  # which differ from one pipeline of the reference to the other
        requests[name] = {**as_reference({**strength, **params}), "model": {"sdxl": "model"}.get(model, model),
                          "image": str(folder / "photo.png"), **({"mask": str(folder / "mask.png")} if has_mask else {})}
    requests["parts"] = {**as_reference(PARTS[1]), "model": "refiner", "after": {**as_reference(PARTS[0]), "height": 64, "width": 64}}
    return make(folder, requests)


def broken(made, name, file, change):
    """A copy of the model whose `file` is what `change` makes of it."""
    folder = made / name
    shutil.copytree(made / "model", folder, copy_function=os.link)
    text = (folder / file).read_text()
    (folder / file).unlink()
    changed = change(text)
    if changed is not None:
        (folder / file).write_text(changed)
    return str(folder)


def without_encoder(made):
    """A copy of the model in which all numbers of the autoencoder's encoder are NaN."""
    folder = made / "no-encoder"
    shutil.copytree(made / "model", folder, copy_function=os.link)
    file = folder / "vae/diffusion_pytorch_model.safetensors"
    data = bytearray(file.read_bytes())
    length = int.from_bytes(data[:8], "little")
    for name, tensor in json.loads(data[8:8 + length]).items():
        if name.startswith("encoder."):
            begin, end = (8 + length + offset for offset in tensor["data_offsets"])
            data[begin:end] = b"\xff" * (end - begin)
    file.unlink()
    file.write_bytes(data)
    return str(folder)


@pytest.fixture(scope="module")
def daemon(made, module_site, server):
    weights = str(made / "model")
    models = {
        "sdxl": {"plugin": "sdxl", "weights": weights, "params": {"steps": 4}, "preload": True,
                 "options": {"threads": 1, "loras": str(made / "loras"), "embeddings": str(made / "words")}},
        "nine": {"plugin": "sdxl", "weights": str(made / "nine"), "params": {"steps": 4}, "options": {"threads": 1}},
        "refiner": {"plugin": "sdxl", "weights": str(made / "refiner"), "params": {"steps": 4}, "options": {"threads": 1}},
        "single": {"plugin": "sdxl", "weights": str(made / "single.safetensors"), "params": {"steps": 4}, "options": {
            "threads": 1, "tokenizer": str(made / "model/tokenizer"), "loras": str(made / "loras"),
            "config": json.loads((made / "single.json").read_text())}},
        "no-encoder": {"plugin": "sdxl", "weights": without_encoder(made), "params": {"steps": 4}, "options": {"threads": 1}},
        "no-model": {"plugin": "sdxl", "weights": str(made)},
        "no-unet": {"plugin": "sdxl", "weights": broken(made, "no-unet", "unet/config.json", lambda text: None)},
        "no-middle": {"plugin": "sdxl", "weights": broken(
            made, "no-middle", "unet/config.json", lambda text: text.replace("UNetMidBlock2DCrossAttn", "Nonsuch"))},
        "no-scheduler": {"plugin": "sdxl", "weights": broken(
            made, "no-scheduler", "scheduler/scheduler_config.json", lambda text: text.replace("EulerDiscrete", "FlowMatch"))},
        "no-option": {"plugin": "sdxl", "weights": weights, "options": {"size": 3}},
        "no-tokenizer": {"plugin": "sdxl", "weights": str(made / "single.safetensors"), "options": {"tokenizer": "/nonsuch"}},
        "no-part": {"plugin": "sdxl", "weights": str(made / "single.safetensors"), "options": {
            "tokenizer": str(made / "model/tokenizer"), "config": {"vea": {"sample_size": 1}}}},
        "no-config": {"plugin": "sdxl", "weights": str(made / "single.safetensors"), "options": {"config": 3}},
        "no-single": {"plugin": "sdxl", "weights": weights, "options": {"config": {"vae": {}}}},
        "no-words": {"plugin": "sdxl", "weights": weights, "options": {"embeddings": str(made / "nonsuch")}},
        "no-rows": {"plugin": "sdxl", "weights": weights, "options": {"rows": 0}},
        "no-weights": {"plugin": "sdxl"},
    }
    plugins = {"folder": str(plugin_folder()), "files": [str(made / name) for name in ("loras", "model", "words")]}
    daemon = module_site.daemon({"nats": {"url": server.url}, "models": models, "plugins": plugins}, "e2e-host").start()
    yield daemon
    assert daemon.stop() == 0, daemon.log[-8000:]


async def draw(client, prompt=PROMPT, seed=0, **params):
    return await client.run("sdxl", prompt.encode(), params={"seed": seed, **params})


def pixels(reply):
    return numpy.asarray(decode(reply.ok().data)).astype(int)


def assert_drawn(found, made, name, number=0):
    expected = numpy.load(made / f"{name}.npy")[number]
    assert found.shape == expected.shape
    assert numpy.abs(found - expected).max() <= MOST
    assert expected.std() > 10, "there is nothing to see"


@pytest.mark.parametrize("name", [name for name in REQUESTS if name != "three"])
async def test_a_picture_equals_diffusers(name, client, made):
    reply = await draw(client, **REQUESTS[name])
    assert reply.kind == "image/png"
    assert_drawn(pixels(reply), made, name)
    if pixels(reply).shape == (64, 64, 3) and name != "plain":
        assert numpy.abs(pixels(reply) - numpy.load(made / "plain.npy")[0]).max() > 5, "it is another request"


@pytest.mark.parametrize("name", ["plain", "lora"])
async def test_a_single_file_gives_the_pictures_of_the_folder(name, client, made):
    reply = await client.run("single", PROMPT.encode(), params={"seed": 0, **REQUESTS[name]})
    assert reply.ok().data == (await draw(client, **REQUESTS[name])).ok().data
    assert_drawn(pixels(reply), made, name)


async def test_previews_show_the_picture_and_change_no_bit_of_it(client, daemon):
    """Steps of a tiny model may be too quick for the second one. Of two pictures it is the first that is shown."""
    plain = (await draw(client, steps=8, num_images=2)).ok().data
    reply, events, before = await run_and_watch(
        client, "sdxl", PROMPT.encode(), "seen", params={"seed": 0, "steps": 8, "num_images": 2, "previews": 1},
        Accept="application/json")
    assert len(events) == before
    outputs, alone = reply.json()["outputs"], json.loads(plain)["outputs"]
    assert [outputs[name]["base64"] for name in ("image", "image_2")] == [alone[name]["base64"] for name in ("image", "image_2")]
    previews = [message for _, message in events if (message.headers or {}).get("Content-Type") == "image/jpeg"]
    assert previews and previews[0].headers["Darkroom-Preview"] == "1"
    seen = decode(previews[-1].data)
    assert seen.format == "JPEG" and seen.size == (32, 32)  # a pixel for each place of the latents
    assert numpy.asarray(seen).std() > 5, "there is something to see"
    assert "no more previews" not in daemon.log


async def test_without_a_map_there_are_pictures_and_no_previews(client, daemon):
    """Its encoder's numbers are not, and a picture after a text needs none of them."""
    plain = (await client.run("no-encoder", PROMPT.encode(), params={"seed": 0})).ok().data
    assert plain == (await draw(client)).ok().data
    for job in ("first", "second"):
        reply, events, _ = await run_and_watch(client, "no-encoder", PROMPT.encode(), job, params={"seed": 0, "previews": 1})
        assert reply.ok().data == plain
        assert not any((message.headers or {}).get("Content-Type") for _, message in events)
    assert daemon.log.count("no more previews: what the autoencoder makes of small pictures is not finite") == 1


async def test_weights_within_a_prompt(client):
    """What they weigh is in tests/plugins/sdxl/test_prompts.py."""
    of = lambda prompt, **params: draw(client, prompt, **params)
    plain = (await draw(client)).ok().data
    assert (await of(f"({PROMPT}:1)", prompt_weights=True)).ok().data == plain
    heavy = (await of("a (red:1.5) cube on a table", prompt_weights=True)).ok().data
    assert len({plain, heavy, (await of("a (red:1.5) cube on a table")).ok().data}) == 3
    less = await of(PROMPT, negative_prompt="[grey]", prompt_weights=True)
    assert less.ok().data != (await of(PROMPT, negative_prompt="grey", prompt_weights=True)).ok().data
    refused = (await of("a (red:1000) cube", prompt_weights=True)).failed("invalid_argument")
    assert "-100 to 100" in refused.error["message"]


async def test_a_word_that_was_learnt(client):
    """Only the model that has it knows it: to the other one it is letters."""
    known = (await draw(client, "a zmoss cube")).ok().data
    letters = (await client.run("single", b"a zmoss cube", params={"seed": 0})).ok().data
    assert known != letters
    assert (await draw(client, "a mossy cube")).ok().data == (
        await client.run("single", b"a mossy cube", params={"seed": 0})).ok().data


def painting(picture, mask=None, seed=0, **params):
    inputs = {"prompt": PROMPT, "image": encode(picture)}
    if mask is not None:
        inputs["mask"] = encode(Image.fromarray(mask))
    return cbor2.dumps({"inputs": inputs, "params": {"seed": seed, **params}})


async def paint(client, *arguments, model="sdxl", **params):
    return await client.run(model, painting(*arguments, **params), Content_Type="application/cbor")


@pytest.mark.parametrize("name", PAINTED)
async def test_a_photograph_becomes_what_diffusers_makes_of_it(name, client, made):
    model, has_mask, params = PAINTED[name]
    found = pixels(await paint(client, photo(), hole() if has_mask else None, model=model, **params))
    expected = numpy.load(made / f"{name}.npy")[0]
    inside = hole() > 0 if has_mask else numpy.ones(found.shape[:2], bool)
    assert numpy.abs(found - expected)[inside].max() <= MOST
    assert numpy.array_equal(found[~inside], numpy.asarray(photo())[~inside]), "what the mask leaves was changed"
    assert numpy.abs(found - numpy.asarray(photo()))[inside].mean() > 5, "nothing was drawn"


async def test_masks_are_those_of_inpaint(client):
    """Black in place of white, what is transparent, grown; see test_inpaint.py, whose code it is."""
    straight = pixels(await paint(client, photo(), hole()))
    assert numpy.array_equal(pixels(await paint(client, photo(), 255 - hole(), invert=True)), straight)
    cut_out = photo()
    cut_out.putalpha(Image.fromarray(255 - hole()))
    assert numpy.array_equal(pixels(await paint(client, cut_out)), straight)
    tight = numpy.zeros_like(hole())
    tight[14:34, 21:48] = 255
    assert numpy.array_equal(pixels(await paint(client, photo(), tight, grow=3)), straight)
    soft = pixels(await paint(client, photo(), hole(), feather=6))
    assert numpy.array_equal(soft[hole() == 0], numpy.asarray(photo())[hole() == 0])
    assert 0 < numpy.abs(soft - straight)[11].mean() and numpy.array_equal(soft[20:28, 27:42], straight[20:28, 27:42])


async def test_masks_of_nothing_of_a_pixel_and_of_all(client):
    nothing = numpy.zeros_like(hole())
    assert numpy.array_equal(pixels(await paint(client, photo(), nothing)), numpy.asarray(photo()))
    one = nothing.copy()
    one[0, 0] = 255
    found = pixels(await paint(client, photo(), one))
    assert (found != numpy.asarray(photo())).any(2).sum() <= 1
    (await paint(client, photo(), numpy.full_like(nothing, 255))).ok()


async def test_pictures_of_any_size_and_kind_keep_theirs(client):
    odd = photo().crop((0, 0, 71, 53))
    found = pixels(await paint(client, odd, hole()[:53, :71]))
    inside = hole()[:53, :71] > 0
    assert numpy.array_equal(found[~inside], numpy.asarray(odd)[~inside])
    assert pixels(await paint(client, odd)).shape == (53, 71, 3)
    grey = photo().convert("L")
    found = pixels(await paint(client, grey, hole()))
    assert numpy.array_equal(found[hole() == 0], numpy.asarray(grey)[hole() == 0])
    seen_through = photo()
    seen_through.putalpha(200)
    assert (pixels(await paint(client, seen_through, hole()))[..., 3] == 200).all()
    assert pixels(await paint(client, seen_through)).shape == (56, 72, 3)


async def test_what_is_wrong_with_a_picture_is_told(client):
    no_image = cbor2.dumps({"inputs": {"prompt": PROMPT, "mask": encode(Image.fromarray(hole()))}})
    cases = [(await client.run("sdxl", no_image, Content_Type="application/cbor"), "no image"),
             (await paint(client, photo(), hole()[:40]), "72 x 40"), (await paint(client, photo(), width=64), "width"),
             (await paint(client, photo(), strength=0.1), "strength"), (await paint(client, photo(), strength=3), "strength"),
             (await paint(client, photo().resize((4104, 8))), "4104 x 8"),
             (await paint(client, photo(), model="nine"), "give image and mask"),
             (await client.run("nine", PROMPT.encode()), "give image and mask"),
             (await client.run("refiner", PROMPT.encode()), "refiner, which only changes pictures")]
    for reply, word in cases:
        assert word in reply.failed("invalid_argument").error["message"]


async def go_on(client, latents, model="sdxl", **params):
    body = cbor2.dumps({"inputs": {"prompt": PROMPT, "latents": latents}, "params": {"seed": 0, **params}})
    return await client.run(model, body, Content_Type="application/cbor")


async def test_the_refiner_goes_on_where_the_base_ends(client, made):
    """The first reply's body is the second request's input."""
    first = await draw(client, output="latents", **PARTS[0])
    assert first.kind == "application/octet-stream"
    found = pixels(await go_on(client, first.data, "refiner", **PARTS[1]))
    assert_drawn(found, made, "parts")


async def test_a_way_in_parts_is_the_whole_way(client):
    request = {"steps": 6, "scheduler": "ddim", "num_images": 2, "output": "image"}
    whole = (await draw(client, **request)).json()["outputs"]
    first = await draw(client, **{**request, "output": "latents"}, denoising_end=0.5)
    assert first.kind == "application/octet-stream", "of several pictures they are one tensor, too"
    second = await go_on(client, first.data, **request, denoising_start=0.5)
    assert second.json()["outputs"] == whole
    one = await go_on(client, first.data, **{**request, "num_images": 1}, denoising_start=0.5)
    assert "of 2 pictures, num_images is 1" in one.failed("invalid_argument").error["message"]


async def test_a_mask_of_nothing_gives_latents_all_the_same(client):
    nothing = numpy.zeros_like(hole())
    latents = (await paint(client, photo(), nothing, output="latents")).ok()
    again = pixels(await go_on(client, latents.data, steps=1, strength=1, scheduler="euler"))
    assert again.shape == (SIZE[1], SIZE[0], 3)


async def test_what_is_wrong_with_latents_is_told(client):
    whole = (await draw(client, output="latents")).ok().data
    cases = [(await go_on(client, b"none"), "the input 'latents': it has 4 bytes"),
             (await go_on(client, whole[:-1]), "no file of safetensors"), (await go_on(client, whole, width=64), "beside latents"),
             (await go_on(client, whole, denoising_start=1), "denoising_start"), (await draw(client, denoising_end=0), "denoising_end"),
             (await draw(client, denoising_start=0.5), "give latents or image"), (await draw(client, output="noise"), "output"),
             (await go_on(client, whole, denoising_start=0.5, denoising_end=0.4), "less than denoising_end")]
    for reply, word in cases:
        assert word in reply.failed("invalid_argument").error["message"]


async def test_several_pictures_are_json(client, made):
    outputs = (await draw(client, **REQUESTS["three"])).json()["outputs"]
    assert list(outputs) == ["image", "image_2", "image_3"]
    for number, output in enumerate(outputs.values()):
        found = numpy.asarray(decode(base64.b64decode(output["base64"]))).astype(int)
        assert_drawn(found, made, "three", number)
        alone = await draw(client, **{**REQUESTS["three"], "num_images": 1, "seed": 40 + number})
        assert numpy.array_equal(pixels(alone), found)


async def test_the_prompt_in_json_and_another_format(client, made):
    body = json.dumps({"inputs": {"prompt": PROMPT}, "params": {"seed": 0}}).encode()
    reply = await client.run("sdxl", body, Content_Type="application/json", Accept="image/webp", params={"output_quality": 100})
    assert reply.kind == "image/webp"
    assert_drawn(pixels(reply), made, "plain")


async def test_a_seed_that_nobody_gave_is_told(client):
    drawn = [await client.run("sdxl", PROMPT.encode(), params={"steps": 2}) for _ in range(2)]
    seeds = [int(reply.ok().headers["Darkroom-Seed"]) for reply in drawn]
    assert seeds[0] != seeds[1]
    assert not numpy.array_equal(pixels(drawn[0]), pixels(drawn[1]))
    again = await draw(client, seed=seeds[0], steps=2)
    assert again.headers["Darkroom-Seed"] == str(seeds[0])
    assert again.data == drawn[0].data


async def has_begun(client, job):
    inbox = await client.nats.subscribe(f"darkroom.progress.{job}")
    message = await inbox.next_msg(timeout=20)
    await inbox.unsubscribe()
    return json.loads(message.data)


def begin(client, job, prompt=PROMPT, seed=0, **params):
    return asyncio.create_task(client.run("sdxl", prompt.encode(), params={"seed": seed, **params}, Darkroom_Job=job,
                                          Darkroom_Progress="1"))


async def test_jobs_that_start_at_different_times_are_as_alone(client):
    """They share steps, and none waits for another to end."""
    jobs = [{"steps": 40, "seed": 1}, {"steps": 3, "seed": 2, "scheduler": "euler_a", "guidance_scale": 1},
            {"steps": 9, "seed": 3, "prompt": "a blue ball", "negative_prompt": "red", "guidance_rescale": 0.5},
            {"steps": 5, "seed": 4, "prompt": "many words " * 40, "scheduler": "dpmpp_2m"}]
    alone = [(await draw(client, **job)).ok() for job in jobs]
    first = begin(client, "first", **jobs[0])
    assert (await has_begun(client, "first"))["stage"].endswith("/40")
    together = []
    for number, job in enumerate(jobs[1:]):
        together.append(begin(client, f"joins-{number}", **job))
        await has_begun(client, f"joins-{number}")
    ended = await asyncio.gather(*together)
    assert not first.done(), "they waited for the first"
    for reply, expected in zip([await first, *ended], alone):
        assert reply.ok().data == expected.data


async def test_sizes_do_not_disturb_each_other(client):
    sizes = [{"width": 64, "height": 64}, {"width": 48, "height": 80}, {}]
    alone = [(await draw(client, **size)).ok().data for size in sizes]
    together = await asyncio.gather(*(draw(client, **size) for size in sizes * 2))
    assert [reply.ok().data for reply in together] == alone * 2


async def test_loras_are_of_their_jobs_alone(client):
    """Jobs with other sets at the same time; what a set has changed is not there without it, to the bit."""
    sets = [{}, {"loras": [{"name": "kohya", "weight": 0.7}]}, {"loras": [{"name": "diffusers"}]}]
    alone = [(await draw(client, **loras)).ok().data for loras in sets]
    assert len(set(alone)) == 3
    together = await asyncio.gather(*(draw(client, **loras) for loras in sets * 3))
    assert [reply.ok().data for reply in together] == alone * 3


async def test_what_is_wrong_with_loras_is_told(client):
    cases = [(await draw(client, loras=[{"name": "nonsuch"}]), "there are diffusers, kohya"),
             (await draw(client, loras=[{"name": "../model"}]), "is no name"), (await draw(client, loras=[{}]), "loras"),
             (await draw(client, loras=[{"name": "kohya", "weight": 11}]), "loras"),
             (await client.run("nine", painting(photo(), hole(), loras=[{"name": "kohya"}]), Content_Type="application/cbor"),
              "this model has none")]
    for reply, word in cases:
        assert word in reply.failed("invalid_argument").error["message"]


async def test_cancel_stops_between_two_steps(client):
    job = begin(client, "cancelled", steps=1000)
    await has_begun(client, "cancelled")
    answer = await client.request("darkroom.cancel.cancelled", b"")
    assert answer.json()["state"] == "cancelled", answer.data
    (await job).failed("cancelled")
    (await draw(client)).ok()


async def test_a_deadline_stops_it(client):
    late = await client.run("sdxl", PROMPT.encode(), params={"steps": 1000}, Darkroom_Deadline="500ms")
    late.failed("deadline_exceeded")


@pytest.mark.parametrize("params,word", [
    ({"width": 60}, "width"), ({"height": 0}, "height"), ({"steps": 0}, "steps"), ({"steps": 1001}, "steps"),
    ({"guidance_scale": -1}, "guidance_scale"), ({"guidance_rescale": 2}, "guidance_rescale"), ({"seed": -1}, "seed"),
    ({"clip_skip": 9}, "clip_skip is 9"), ({"scheduler": "nonsuch"}, "scheduler"), ({"num_images": 9}, "num_images"),
    ({"eta": 2}, "eta"), ({"crops": [1]}, "crops"), ({"original_size": [0, 1]}, "original_size"), ({"target_size": "large"}, "target_size"),
    ({"negative_prompt": 3}, "negative_prompt"), ({"aesthetic_score": 11}, "aesthetic_score"),
    ({"negative_aesthetic_score": -1}, "negative_aesthetic_score"), ({"prompt_2": "red " * 1300}, "77 tokens"), ({"sede": 1}, "sede")])
async def test_what_is_wrong_with_a_request_is_told(params, word, client):
    assert word in (await draw(client, **params)).failed("invalid_argument").error["message"]


async def test_a_request_without_a_prompt_is_told(client):
    reply = await client.run("sdxl", b'{"params": {"seed": 1}}', Content_Type="application/json")
    assert "prompt" in reply.failed("invalid_argument").error["message"]


@pytest.mark.parametrize("model,word", [("no-model", "model_index.json"), ("no-unet", "config.json"), ("no-middle", "mid_block_type"),
                                        ("no-scheduler", "FlowMatch"), ("no-option", "size"), ("no-rows", "rows"),
                                        ("no-tokenizer", "holds no tokenizer"), ("no-part", "vea"), ("no-config", "config"),
                                        ("no-single", "single .safetensors file"), ("no-words", "embeddings"),
                                        ("no-weights", "no weights")])
async def test_what_is_wrong_with_a_model_is_told(model, word, client):
    reply = await client.run(model, PROMPT.encode())
    assert word in reply.failed("failed_precondition", "invalid_argument", "not_found").error["message"]


def newer(folder):
    """The plugin as it would be of another version."""
    file = folder / "newer.so"
    data = plugin_path("sdxl").read_bytes()
    assert data.count(b'"version": "1.0.0"') == 1
    file.write_bytes(data.replace(b'"version": "1.0.0"', b'"version": "1.0.1"'))
    file.chmod(0o644)
    return file


async def test_it_is_upgraded_and_unloaded_while_it_draws(made, site):
    server = site.server().start()
    config = {"nats": {"url": server.url}, "plugins": {"folder": str(plugin_folder()), "watch": False},
              "models": {"sdxl": {"plugin": "sdxl", "weights": str(made / "model"), "options": {"threads": 1}}}}
    daemon = site.daemon(config).start()
    client = await Client.connect(server.url)

    async def operate(verb, **body):
        return (await client.request(f"darkroom.control.{verb}", json.dumps({"plugin": "sdxl", **body}).encode())).json()

    expected = (await draw(client, steps=25)).ok()
    assert expected.headers["Darkroom-Plugin"].startswith("sdxl 1.0.0")
    first = begin(client, "before", steps=25)
    await has_begun(client, "before")
    assert (await operate("upgrade", file=str(newer(site.folder))))["action"] == "upgraded"
    assert (await first).ok().data == expected.data
    second = begin(client, "after", steps=25)
    await has_begun(client, "after")
    assert (await operate("unload"))["action"] == "unloaded"
    assert (await second).ok().data == expected.data
    assert (await second).headers["Darkroom-Plugin"].startswith("sdxl 1.0.1")
    assert "unloaded" in (await draw(client)).failed("not_found").error["message"]
    await client.close()
    assert daemon.stop() == 0, daemon.log[-8000:]
