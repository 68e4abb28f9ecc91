# SPDX-License-Identifier: Apache-2.0
"""LoRAs of all forms, held against diffusers with the same products added to its weights.

DARKROOM_SDXL_TOOL names the program that runs the plugin's code.
"""

import pytest
import torch
from conftest import Refused
from loras import FORMS, LAYERS, added, write
from reference import PROMPT, draw, make
from test_drawing import TOLERANCE, difference


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    torch.set_num_threads(1)
    return make(tmp_path_factory.mktemp("whole"))


def run(tool, model, folder, *loras):
    return tool(model.folder, "draw", requests=[{"prompt": PROMPT}], loras=loras, loras_folder=str(folder))["picture 0"]


@pytest.mark.parametrize("form", FORMS)
def test_a_lora_equals_its_product_in_the_weights(form, whole, folder, tool, report):
    found = run(tool, whole, folder, (form, 0.7))
    with added(whole, folder / f"{form}.safetensors", form, 0.7):
        expected = draw(whole)["picture"]
    worst = difference(found, expected)
    report(f"{form}: {worst:.1e}")
    assert worst <= TOLERANCE
    plain = draw(whole)["picture"]
    assert difference(expected, plain) > 0.01
    assert difference(tool(whole.folder, "draw", requests=[{"prompt": PROMPT}])["picture 0"], plain) <= TOLERANCE


def test_several_are_added(whole, folder, tool):
    first, second = FORMS[0], FORMS[1]
    found = run(tool, whole, folder, (first, 0.5), (second, -0.4))
    with added(whole, folder / f"{first}.safetensors", first, 0.5), added(whole, folder / f"{second}.safetensors", second, -0.4):
        assert difference(found, draw(whole)["picture"]) <= TOLERANCE


def test_each_layer_counts(whole, folder, tool):
    """A LoRA of one layer alone gives another picture, for every layer of those tried above."""
    plain = tool(whole.folder, "draw", requests=[{"prompt": PROMPT}])["picture 0"]
    for part, layer, _ in LAYERS:
        write(folder / "one.safetensors", "diffusers", seed=1, only=(part, layer))
        assert difference(run(tool, whole, folder, ("one", 1.0 + len(layer) / 1000)), plain) > 10 * TOLERANCE, layer


@pytest.mark.parametrize("change,words", [("unknown key", "dora_scale"), ("unknown layer", "no layer of this model"),
                                          ("half", "one is missing"), ("shape", "for another layer"), ("part", "no part")])
def test_what_is_no_lora_of_the_model_is_named(change, words, whole, folder, tool):
    write(folder / "bad.safetensors", "diffusers", seed=1, change=change)
    with pytest.raises(Refused, match=words):
        run(tool, whole, folder, ("bad", 0.1 + len(change)))


@pytest.mark.parametrize("name,words", [("nonsuch", "there are .*kohya"), ("../kohya", "is no name"), ("", "is no name")])
def test_a_name_that_is_none_is_told(name, words, whole, folder, tool):
    with pytest.raises(Refused, match=words):
        run(tool, whole, folder, (name, 1.0))
