# SPDX-License-Identifier: Apache-2.0
"""LoRAs are added to the networks in place and taken away again: what is drawn with a set, and without any before, between and
after, is bit for bit what networks of their own give.

DARKROOM_SDXL_TOOL names the program that runs the plugin's code. One process with one pipeline draws all of a model's requests.
"""

import pytest
import torch
from conftest import Refused
from loras import LAYERS, write
from reference import PROMPT, make

ENGINES = [("packed", "float32"), ("aten", "float32"), ("int8", "float32"), ("aten", "bfloat16")]
NONE, ONE, TWO, BOTH = [], [("kohya", 0.7)], [("diffusers", -0.5)], [("kohya", 0.3), ("diffusers", 1.0)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    torch.set_num_threads(1)
    return make(tmp_path_factory.mktemp("whole"))


@pytest.fixture(params=ENGINES, ids="-".join)
def where(request, tool, whole, folder):
    """where(requests of loras, ...) -> what each draws; they are begun and drawn together."""
    engine, dtype = request.param

    def run(*sets, **line):
        requests = [{"prompt": PROMPT, "steps": 2, "height": 16, "width": 16,
                     **(loras if isinstance(loras, dict) else {"loras": loras})} for loras in sets]
        return tool(whole.folder, "draw", engine=engine, dtype=dtype, requests=requests, loras_folder=str(folder), **line)

    run.maps = (engine, dtype) == ("aten", "float32")
    return run


def own(where, loras):
    """What networks draw that have the set in copies of their weights."""
    return where({}, loras=loras, copies=True)["picture 0"]


def test_one_after_another_each_is_as_with_networks_of_its_own(where):
    before = where(NONE)["picture 0"]
    for loras in (ONE, TWO, BOTH, NONE, TWO, ONE):
        found = where(loras)
        assert torch.equal(found["picture 0"], own(where, loras) if loras else before), loras
        assert torch.equal(where(NONE)["picture 0"], before), f"{loras} left something behind"
        assert torch.equal(found["picture 0"], before) == (not loras)


def test_together_each_is_as_alone(where):
    """Begun one step after another, so that at each step there are others; int8 rounds by what comes together."""
    sets = [ONE, NONE, TWO, ONE]
    alone = [where(loras)["picture 0"] for loras in sets]
    together = where(*sets, apart=1, limit=2)
    for number, expected in enumerate(alone):
        assert torch.equal(together[f"picture {number}"], expected), sets[number]


def test_what_is_given_up_halfway_is_mended_by_the_next(where):
    before = where(NONE)["picture 0"]
    expected = where(ONE)["picture 0"]
    for layer in range(5):  # four of the encoders, one of the denoising network that looks at the text
        for number, (after, picture) in enumerate(((NONE, before), (ONE, expected))):
            # Of another weight each time, so that its prompts are not known.
            with pytest.raises(Refused, match="given up"):
                where({"loras": [("kohya", 2.0 + layer + number / 2)], "fails_at": layer})
            assert torch.equal(where(after)["picture 0"], picture), (layer, after)


def test_what_changed_layers_take_is_counted(where):
    """Only where weights are the file's own pages; and of joined layers none are. Prompts that are known need no encoder: new ones."""
    own_of = lambda word, loras: int(where({"prompt": (word, word), "loras": loras})["own"])
    assert own_of("one", NONE) == 0
    some = own_of("two", ONE)
    assert some == own_of("three", BOTH), "both change the same layers"
    assert (some > 10_000) == where.maps
    assert own_of("four", NONE) == 0


def test_prompts_are_known_by_their_set(where):
    hits = lambda found: int(found["hits"])
    where(NONE), where(ONE)
    count = hits(where(ONE))
    assert hits(where(ONE)) == count + 1
    assert hits(where([("kohya", 0.71)])) == count + 1, "another weight is another set"


def test_a_prompt_is_not_read_again_for_a_set_of_the_network_alone(where, folder):
    part, layer, _ = LAYERS[0]
    write(folder / "network.safetensors", "diffusers", seed=9, only=(part, layer))
    count = int(where(NONE)["hits"])
    assert int(where([("network", 1.0)])["hits"]) == count + 1


def test_a_file_that_was_replaced_is_read_anew(where, folder):
    old = where([("processors", 1.0)])["picture 0"]
    write(folder / "newer", "processors", seed=77)
    (folder / "processors.safetensors").rename(folder / "older")
    (folder / "newer").rename(folder / "processors.safetensors")
    new = where([("processors", 1.0)])["picture 0"]
    assert not torch.equal(old, new)
    (folder / "processors.safetensors").unlink()
    (folder / "older").rename(folder / "processors.safetensors")
    assert torch.equal(where([("processors", 1.0)])["picture 0"], old)
