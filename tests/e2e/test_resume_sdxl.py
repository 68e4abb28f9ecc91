# SPDX-License-Identifier: Apache-2.0
"""A picture that is drawn on after its worker and its daemon were killed is the picture, bit for bit."""

import os
import random
import signal

import pytest

import tiny_sdxl
from beside import worker_pid
from kept import SAVE_OFTEN, kept_step, nothing_is_kept, resumed_at

STEPS = 60


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return tiny_sdxl.make(tmp_path_factory.mktemp("sdxl"))


async def test_a_picture_of_a_killed_worker_and_a_killed_daemon_is_the_same(durable, tiny):
    """With a set of LoRAs, which whoever goes on adds to its networks anew."""
    models = {"sdxl": {"plugin": "sdxl", "weights": str(tiny / "model"),
                       "options": {"threads": 1, "loras": str(tiny / "loras")}}}
    jobs, _, (daemon,) = await durable(models=models, jobs=SAVE_OFTEN, plugins={"files": [str(tiny / "loras")]})
    wanted = {"steps": STEPS, "seed": 5, "scheduler": "euler_a", "loras": [{"name": "kohya", "weight": 0.7}]}
    expected = (await jobs.client.run("sdxl", b"a red cube", params=wanted)).ok().data
    await jobs.submit("sdxl", b"a red cube", job="picture", params=wanted)
    at = await kept_step(jobs, "picture", random.randrange(2, 15), "sdxl 1.0.0")
    os.kill(await worker_pid(jobs.client, "sdxl"), signal.SIGKILL)
    at = await kept_step(jobs, "picture", at + random.randrange(2, 15), "sdxl 1.0.0")
    daemon.kill()
    daemon.start()
    state = await jobs.ended("picture", 60)
    reply = (await jobs.reply("sdxl", "picture")).ok()
    assert reply.data == expected
    assert at <= resumed_at(reply) < STEPS
    assert state["receipt"]["resumed_at"] == resumed_at(reply)
    await nothing_is_kept(jobs)
