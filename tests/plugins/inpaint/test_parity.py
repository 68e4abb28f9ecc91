# SPDX-License-Identifier: Apache-2.0
"""Holds LaMa in C++ against PyTorch: same weights, same pictures, numbers side by side.

DARKROOM_INPAINT_TOOL names the program that runs the plugin's code.
"""

import os
import subprocess

import numpy
import pytest
import reference
import skimage.data
import torch
from safetensors.torch import load_file, save_file

TOOL = os.environ["DARKROOM_INPAINT_TOOL"]
TOLERANCE = 1e-4
# width, reductions, blocks, part of the channels that is global
SIZES = {"usual": (8, 3, 2), "shallow": (12, 1, 3), "half": (8, 2, 2, 0.5), "local": (8, 2, 2, 0.0)}


def holes(height, width):
    mask = torch.zeros(1, 1, height, width)
    mask[:, :, height // 4:height // 2, width // 5:width // 2] = 1
    mask[:, :, -9:, -3:] = 1
    return mask


def inputs():
    photo = torch.from_numpy(numpy.array(skimage.data.astronaut())).permute(2, 0, 1)[None].float() / 255
    made = {}
    for name, (height, width) in {"square": (128, 128), "wide": (64, 200), "small": (32, 40)}.items():
        made[f"{name}.picture"] = photo[:, :, :height, 100:100 + width].contiguous()
        made[f"{name}.mask"] = holes(height, width)
    return made


@pytest.fixture
def run_tool(tmp_path):
    def run(weights, *options, fails=False):
        save_file(weights, tmp_path / "weights.safetensors")
        save_file(inputs(), tmp_path / "in")
        done = subprocess.run([TOOL, tmp_path / "weights.safetensors", tmp_path / "in", tmp_path / "out", *options],
                              capture_output=True, text=True, timeout=300)
        if fails:
            assert done.returncode == 1, "it was taken"
            return done.stderr
        assert done.returncode == 0, done.stderr
        return load_file(tmp_path / "out")

    return run


def expected_of(network):
    given = inputs()
    names = {name.split(".")[0] for name in given}
    with torch.no_grad():
        return {name: network.generator(given[f"{name}.picture"], given[f"{name}.mask"]) for name in names}


def difference(found, expected):
    return max(float((found[name] - expected[name]).abs().max()) for name in expected)


@pytest.mark.parametrize("sizes", SIZES)
def test_equals_pytorch(sizes, run_tool):
    network = reference.make(3, *SIZES[sizes])
    expected = expected_of(network)
    assert all(0.02 < float(one.std()) for one in expected.values()), "the fixture says nothing"
    assert difference(run_tool(reference.weights_of(network)), expected) <= TOLERANCE


@pytest.mark.parametrize("sizes", SIZES)
def test_another_device_gives_the_same(sizes, run_tool):
    """One whose memory the host cannot touch: tests/plugins/common/apart."""
    network = reference.make(3, *SIZES[sizes])
    assert difference(run_tool(reference.weights_of(network), "--apart"), expected_of(network)) <= TOLERANCE


def test_equals_torchscript(run_tool, tmp_path):
    network = reference.make(4, *SIZES["usual"])
    reference.write_script(network, tmp_path / "lama.pt")
    script = torch.jit.load(str(tmp_path / "lama.pt"))
    found = run_tool(reference.weights_of(network))
    given = inputs()
    for name, filled in found.items():
        picture, mask = given[f"{name}.picture"], given[f"{name}.mask"]
        with torch.no_grad():
            expected = script(picture, mask)
        assert float((mask * filled + (1 - mask) * picture - expected).abs().max()) <= TOLERANCE


def test_names_without_a_prefix(run_tool):
    network = reference.make(5, *SIZES["shallow"])
    weights = {k.removeprefix("generator."): v for k, v in reference.weights_of(network).items()}
    assert difference(run_tool(weights), expected_of(network)) <= TOLERANCE


def without_relu(network):
    network.generator.model[5].conv2.bn_g.bias.data.sub_(1)


def transposed(network):
    fu = network.generator.model[5].conv1.ffc.convg2g.fu.conv_layer
    fu.weight.data = fu.weight.data.flip(1)


MUTATIONS = {
    "norm-epsilon": lambda network: [setattr(m, "eps", 1e-2) for m in network.modules() if hasattr(m, "running_var")],
    "frequency-order": transposed,
    "global-bias": without_relu,
    "no-global-to-local": lambda network: network.generator.model[6].conv1.ffc.convg2l.weight.data.zero_(),
    "last-bias": lambda network: network.generator.model[-2].bias.data.add_(0.01),
}


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_a_changed_network_is_seen(mutation, run_tool):
    network = reference.make(3, *SIZES["usual"])
    weights = {k: v.clone() for k, v in reference.weights_of(network).items()}
    MUTATIONS[mutation](network)
    assert difference(run_tool(weights), expected_of(network)) > 5 * TOLERANCE


def test_what_is_no_lama_is_refused(run_tool):
    weights = reference.weights_of(reference.make(6, *SIZES["usual"]))
    assert "model.1.ffc.convl2l.weight" in run_tool({"x": torch.zeros(1)}, fails=True)
    missing = {k: v for k, v in weights.items() if k != "generator.model.5.conv1.bn_g.running_var"}
    assert "generator.model.5.conv1.bn_g.running_var" in run_tool(missing, fails=True)
    assert "generator.extra" in run_tool({**weights, "generator.extra": torch.zeros(2)}, fails=True)
    shaped = {**weights, "generator.model.5.conv1.bn_l.weight": torch.zeros(3)}
    assert "generator.model.5.conv1.bn_l.weight" in run_tool(shaped, fails=True)
    shallow = {k: v for k, v in weights.items() if not k.startswith(("generator.model.5.", "generator.model.6."))}
    assert "0 blocks" in run_tool(shallow, fails=True)
