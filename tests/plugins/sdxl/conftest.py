# SPDX-License-Identifier: Apache-2.0
"""The program that runs the plugin's networks, and models that are made once for all tests."""

import itertools
import json
import os
import subprocess

import checkpoints
import loras
import pytest
import torch
from reference import MODELS, make
from safetensors.torch import load_file, save_file


class Refused(Exception):
    """The plugin's networks do not take it; the text says why."""


@pytest.fixture(scope="session")
def tool(tmp_path_factory):
    """tool(folder, part, inputs, ...) -> outputs, by name; one process for all tests."""
    process = subprocess.Popen([os.environ["DARKROOM_SDXL_TOOL"]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    folder = tmp_path_factory.mktemp("tensors")
    numbers = itertools.count()

    def run(model, part, inputs=None, **line):
        number = next(numbers)
        if inputs is not None:
            line["input"] = str(folder / f"in{number}")
            save_file({name: tensor.contiguous() for name, tensor in inputs.items()}, line["input"])
        line.update(folder=str(model), part=part, output=str(folder / f"out{number}"))
        process.stdin.write(json.dumps(line) + "\n")
        process.stdin.flush()
        answer = json.loads(process.stdout.readline())
        if "error" in answer:
            raise Refused(answer["error"])
        return {name: tensor.clone() for name, tensor in load_file(line["output"]).items()}

    yield run
    process.stdin.close()
    assert process.wait(timeout=30) == 0


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """made(part, variant) -> a model with this part alone."""
    known = {}
    torch.set_num_threads(1)  # so small networks are slower with more

    def get(part, variant="plain"):
        if (part, variant) not in known:
            makers = {"unet": checkpoints.make_unet, "vae": checkpoints.make_vae, "texts": checkpoints.make_texts}
            folder = tmp_path_factory.mktemp(f"{part}-{variant}")
            known[part, variant] = checkpoints.write(folder, **{part: makers[part](variant)})
        return known[part, variant]

    return get


@pytest.fixture(scope="session")
def plain(tmp_path_factory):
    """A whole model, as its folder and as diffusers has it."""
    torch.set_num_threads(1)
    return make(tmp_path_factory.mktemp("plain"))


@pytest.fixture(scope="session")
def nine(tmp_path_factory):
    """One that sees masks."""
    torch.set_num_threads(1)
    return make(tmp_path_factory.mktemp("nine"), in_channels=9)


@pytest.fixture(scope="session")
def refiner(tmp_path_factory):
    torch.set_num_threads(1)
    return make(tmp_path_factory.mktemp("refiner"), refiner=True, **MODELS["refiner"])


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """LoRAs of all forms, each named for its own."""
    folder = tmp_path_factory.mktemp("loras")
    for number, form in enumerate(loras.FORMS):
        loras.write(folder / f"{form}.safetensors", form, seed=number)
    return folder


@pytest.fixture
def report(capsys):
    """Prints figures although the test passes."""
    def show(words):
        with capsys.disabled():
            print(f"\n  {words}", end="")

    return show
