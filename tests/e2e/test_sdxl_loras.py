# SPDX-License-Identifier: Apache-2.0
"""Jobs of several sets of LoRAs and of none on one copy of the networks, which the sets are added to in place.

That a set is what diffusers makes of it is in test_sdxl.py; here it is that jobs do not see each other's, whatever comes between.
"""

import asyncio
import json
import os
import shutil

import pytest

import tiny_sdxl
from client import until
from harness import plugin_folder

PROMPT = b"a red cube on a table"
NONE, ONE, TWO = [], [{"name": "kohya", "weight": 0.7}], [{"name": "diffusers"}]
THREE = [{"name": "kohya", "weight": -0.4}, {"name": "diffusers", "weight": 0.5}]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tiny_sdxl.make(tmp_path_factory.mktemp("sdxl"))
    loras = folder / "loras"
    shutil.copy(loras / "kohya.safetensors", loras / "changing.safetensors")
    whole = (loras / "diffusers.safetensors").read_bytes()
    assert whole.count(b"attn2.to_k.lora_A") == 1
    (loras / "bad.safetensors").write_bytes(whole.replace(b"attn2.to_k.lora_A", b"attn3.to_k.lora_A"))
    return folder


@pytest.fixture(scope="module")
def daemon(made, module_site, server):
    def model(device="cpu", **options):
        # What is said to be needed is too little, so that leases are what the plugin asks for.
        return {"plugin": "sdxl", "weights": str(made / "model"), "params": {"steps": 4, "width": 32, "height": 32},
                "devices": [device], "memory": "1MiB", "options": {"threads": 1, "loras": str(made / "loras"), **options}}

    models = {"sdxl": model(), "copies": model(lora_sets=2), "counted": model("sim:0"),
              "counted-mapped": model("sim:0", engine="aten"), "counted-copies": model("sim:0", lora_sets=2),
              "small": model("sim:1"), "small-copies": model("sim:1", lora_sets=1)}
    devices = [{"device": "cpu"}, {"device": "sim:0", "memory": "1GiB"}, {"device": "sim:1", "memory": "45MiB"}]
    config = {"nats": {"url": server.url}, "models": models, "devices": devices,
              "plugins": {"folder": str(plugin_folder()), "files": [str(made / "loras")]}}
    daemon = module_site.daemon(config, "e2e-host").start()
    yield daemon
    assert daemon.stop() == 0, daemon.log[-8000:]


def draw(client, loras, model="sdxl", prompt=PROMPT, headers=None, **params):
    return client.run(model, prompt, params={"seed": 3, "loras": loras, **params}, **(headers or {}))


async def picture(client, loras, model="sdxl", **params):
    return (await draw(client, loras, model, **params)).ok().data


async def alone(client):
    return {json.dumps(loras): await picture(client, loras) for loras in (NONE, ONE, TWO, THREE)}


async def test_in_place_is_as_with_copies(client):
    found = await alone(client)
    assert len(set(found.values())) == 4
    for loras in (ONE, NONE, THREE, TWO, ONE):
        assert await picture(client, loras, "copies") == found[json.dumps(loras)]


async def test_sets_that_alternate_under_load_do_not_see_each_other(client):
    expected = await alone(client)
    # With steps of two lengths, so that those that share steps leave them at different times.
    sets = [NONE, ONE, TWO, THREE] * 6
    longer = {key: await picture(client, json.loads(key), steps=7) for key in expected}
    jobs = [picture(client, loras, **({"steps": 7} if number % 3 == 0 else {})) for number, loras in enumerate(sets)]
    for number, (loras, found) in enumerate(zip(sets, await asyncio.gather(*jobs))):
        assert found == (longer if number % 3 == 0 else expected)[json.dumps(loras)], (number, loras)


async def test_a_set_that_others_stream_past_has_its_turn(client):
    """Jobs of one set without end; one of another is not kept from its turn by those that came later."""
    expected = await picture(client, TWO)
    done = asyncio.Event()
    made = []

    async def stream():
        while not done.is_set():
            made.append(await picture(client, ONE))

    streams = [asyncio.create_task(stream()) for _ in range(4)]

    async def running():
        return len(made) >= 4

    await until("the stream to run", running)
    before = len(made)
    assert await picture(client, TWO) == expected
    # Those that had begun, and those that were asked for before it.
    assert len(made) - before <= 2 * len(streams)
    done.set()
    await asyncio.gather(*streams)
    assert len(set(made)) == 1


async def begun(client, job):
    inbox = await client.nats.subscribe(f"darkroom.progress.{job}")
    await inbox.next_msg(timeout=20)
    await inbox.unsubscribe()


def begin(client, job, loras, **params):
    return asyncio.create_task(draw(client, loras, headers={"Darkroom_Job": job, "Darkroom_Progress": "1"}, **params))


async def cancel(client, job):
    async def cancelled():
        answer = await client.request(f"darkroom.cancel.{job}", b"")
        return answer.error is None and answer.json()["state"] == "cancelled"

    await until(f"{job} to be cancelled", cancelled)


async def test_one_that_waits_for_its_turn_can_be_cancelled(client):
    expected = await alone(client)
    first = begin(client, "runs", ONE, steps=1000)
    await begun(client, "runs")
    second = begin(client, "waits", TWO)
    third = asyncio.create_task(draw(client, THREE))

    await cancel(client, "waits")
    (await second).failed("cancelled")
    assert not first.done(), "its steps were disturbed"
    await cancel(client, "runs")
    (await first).failed("cancelled")
    assert (await third).ok().data == expected[json.dumps(THREE)]
    assert await alone(client) == expected


async def test_a_file_that_is_no_good_leaves_the_networks_as_they_are(client):
    expected = await alone(client)
    bad = await draw(client, [*ONE, {"name": "bad"}])
    message = bad.failed("failed_precondition").error["message"]
    assert "bad.safetensors" in message and "no layer of this model" in message
    assert await alone(client) == expected


async def test_a_file_that_is_replaced_while_a_job_draws_with_it(client, made):
    """That one goes on with the old file, beside one that begins with the new."""
    changing, loras = made / "loras/changing.safetensors", [{"name": "changing"}]
    old = await picture(client, loras, steps=60)
    first = begin(client, "old", loras, steps=60)
    await begun(client, "old")
    shutil.copy(made / "loras/diffusers.safetensors", changing.with_suffix(".new"))
    os.replace(changing.with_suffix(".new"), changing)
    new = await picture(client, loras)
    assert not first.done(), "they were not drawn side by side"
    assert new == await picture(client, TWO)
    assert (await first).ok().data == old
    assert await picture(client, loras) == new


async def leased(client, model):
    instances = (await client.request("darkroom.control.ps")).json()["instances"]
    return next(one["leased_bytes"] for one in instances if one["model"] == model)


def networks(made):
    return sum((made / f"model/{part}").stat().st_size for part in (
        "unet/diffusion_pytorch_model.safetensors", "text_encoder/model.safetensors", "text_encoder_2/model.safetensors"))


@pytest.mark.parametrize("model", ["counted", "counted-mapped", "counted-copies"])
async def test_the_ledger_knows_what_sets_take(model, client, made):
    files = (made / "loras/kohya.safetensors").stat().st_size
    sets = [NONE, ONE, [{"name": "kohya", "weight": 0.2}], NONE, ONE]
    taken = []
    for loras in sets:
        await picture(client, loras, model)
        taken.append(await leased(client, model))
    plain, first, second, *again = [bytes - taken[0] for bytes in taken]
    assert again == [second, second], "what was known has taken more"
    if model == "counted-copies":
        assert 0.95 * networks(made) < first < 1.05 * networks(made) and second > 1.9 * networks(made)
    elif model == "counted-mapped":
        assert files < first == second < 0.5 * networks(made), "changed layers are beside the file's pages"
    else:
        assert 0.5 * files < first == second < files, "the file's matrices, and no more"


async def test_a_set_needs_no_room_for_a_copy(client):
    expected = await picture(client, ONE)
    assert await picture(client, ONE, "small") == expected
    assert await picture(client, NONE, "small-copies") == await picture(client, NONE)
    error = (await draw(client, ONE, "small-copies")).failed("resource_exhausted").error
    assert "small-copies" in error["message"]
    assert await picture(client, NONE, "small-copies") == await picture(client, NONE)
