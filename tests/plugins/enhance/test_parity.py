# SPDX-License-Identifier: Apache-2.0
"""Holds the enhance plugin against PyTorch: same weights, same pictures, numbers side by side.

DARKROOM_ENHANCE_TOOL names the program that runs the plugin's code, DARKROOM_MODELS the folder of trained weights.
Photographs are those that scikit-image ships.
"""

import os
import subprocess
from pathlib import Path

import numpy
import pytest
import reference
import skimage.data
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

TOOL = os.environ["DARKROOM_ENHANCE_TOOL"]
MODELS = Path(os.environ["DARKROOM_MODELS"])
TRAINED = ["realesrgan-x4plus", "realesrgan-x4plus-anime", "realesr-animevideov3-x4"]
TOLERANCE = 1e-4

TINY = {
    "rrdbnet-x4": lambda: reference.tiny_rrdbnet(1, features=16, growth=16, blocks=2, scale=4),
    "rrdbnet-x4-odd-channels": lambda: reference.tiny_rrdbnet(2, 20, 7, 1, 4),
    "rrdbnet-x2": lambda: reference.tiny_rrdbnet(3, 16, 8, 2, 2),
    "rrdbnet-x1": lambda: reference.tiny_rrdbnet(4, 48, 32, 1, 1),
    "srvgg-x4": lambda: reference.tiny_srvgg_net_compact(5, features=16, convolutions=3, scale=4),
    "srvgg-x3-odd-channels": lambda: reference.tiny_srvgg_net_compact(6, 37, 2, 3),
    "srvgg-x2": lambda: reference.tiny_srvgg_net_compact(7, 64, 1, 2),
    "srvgg-x1": lambda: reference.tiny_srvgg_net_compact(8, 8, 0, 1),
}


@pytest.fixture(scope="session")
def weights_of(tmp_path_factory):
    """name -> (path, float32 weights)"""
    folder = tmp_path_factory.mktemp("weights")
    known = {}

    def get(name):
        if name not in known:
            if name in TINY:
                path = folder / f"{name}.safetensors"
                save_file(TINY[name](), path)
            else:
                path = MODELS / f"{name}.safetensors"
            known[name] = (path, {k: v.float() for k, v in load_file(path).items()})
        return known[name]

    return get


@pytest.fixture
def run_tool(tmp_path):
    def run(path, tensors, *options):
        save_file({k: torch.from_numpy(numpy.array(v, order="C")) for k, v in tensors.items()},
                  tmp_path / "in")
        done = subprocess.run([TOOL, path, tmp_path / "in", tmp_path / "out", *map(str, options)],
                              capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        # A copy: what load_file gives lies in the file, which the next run overwrites.
        return {k: v.numpy().copy() for k, v in load_file(tmp_path / "out").items()}

    return run


def photo(name, top, left, height, width, reduce=1):
    picture = Image.fromarray(getattr(skimage.data, name)())
    if reduce > 1:
        picture = picture.resize((picture.width // reduce, picture.height // reduce),
                                 Image.Resampling.BICUBIC)
    return numpy.asarray(picture)[top:top + height, left:left + width]


def as_input(picture):
    return (picture.astype(numpy.float32) / 255).transpose(2, 0, 1)[None]


def difference(a, b):
    assert a.shape == b.shape
    return int(numpy.abs(a.astype(int) - b.astype(int)).max())


@pytest.mark.parametrize("engine", ["own", "aten"])
@pytest.mark.parametrize("name", [*TINY, *TRAINED])
def test_network_equals_pytorch(name, engine, weights_of, run_tool, capsys):
    path, weights = weights_of(name)
    fold = reference.fold_of(weights)
    generator = numpy.random.default_rng(7)
    inputs = {
        "noise": generator.random((1, 3, 16, 24), dtype=numpy.float32),
        "odd": generator.random((1, 3, 9 * fold, 13 * fold), dtype=numpy.float32),
        "thin": generator.random((1, 3, fold, 30 * fold), dtype=numpy.float32),
        "photo": as_input(photo("chelsea", 80, 120, 32, 40)),
    }
    outputs = run_tool(path, inputs, *(["--direct"] if engine == "aten" else []))
    worst = 0.0
    for key, value in inputs.items():
        expected = reference.run(weights, torch.from_numpy(value)).numpy()
        assert outputs[key].shape == expected.shape
        worst = max(worst, float(numpy.abs(outputs[key] - expected).max()))
    with capsys.disabled():
        print(f"\n  {name}, {engine}: max abs difference {worst:.2g}", end="")
    assert worst <= TOLERANCE


@pytest.mark.parametrize("name", TINY)
def test_another_device_gives_the_same(name, weights_of, run_tool):
    """One whose memory the host cannot touch: tests/plugins/common/apart. The network, and pictures in tiles."""
    path, _ = weights_of(name)
    picture = photo("astronaut", 100, 200, 24, 28)
    tensors = {"network": as_input(picture), "picture": picture}
    options = ("--tile", 16, "--padding", 8)
    here = run_tool(path, tensors, "--direct", *options)
    there = run_tool(path, tensors, "--apart", *options)
    assert difference(there["network"], here["network"]) <= TOLERANCE
    assert numpy.abs(there["picture"].astype(int) - here["picture"]).max() <= 1


@pytest.mark.parametrize("name,changed", [
    ("realesrgan-x4plus-anime", {"slope": 0.25}),
    ("realesrgan-x4plus-anime", {"residual": 0.25}),
    ("realesr-animevideov3-x4", {"slope": 0.25}),
    ("realesr-animevideov3-x4", {"residual": 0.9}),
    ("rrdbnet-x2", {"slope": 0.25}),
    ("srvgg-x3-odd-channels", {"slope": 0.25}),
])
def test_one_changed_constant_is_noticed(name, changed, weights_of, run_tool):
    path, weights = weights_of(name)
    value = as_input(photo("coffee", 100, 100, 24, 24))
    output = run_tool(path, {"photo": value})["photo"]
    wrong = reference.run(weights, torch.from_numpy(value), **changed).numpy()
    assert numpy.abs(output - wrong).max() > 20 * TOLERANCE


@pytest.mark.parametrize("name", [*TINY, *TRAINED])
def test_pictures_equal_pytorch(name, weights_of, run_tool):
    path, weights = weights_of(name)
    pictures = {
        "coffee": photo("coffee", 60, 120, 31, 45),
        "astronaut": photo("astronaut", 0, 150, 24, 24, reduce=2),
        "pixel": photo("coffee", 200, 300, 5, 5),
    }
    outputs = run_tool(path, pictures)
    for key, picture in pictures.items():
        assert difference(outputs[key], reference.enhance(weights, picture)) <= 1, key


@pytest.mark.parametrize("engine", ["own", "aten"])
@pytest.mark.parametrize("name", ["srvgg-x4", "rrdbnet-x2", "realesr-animevideov3-x4"])
def test_tiles_are_not_seen(name, engine, weights_of, run_tool):
    """The tiny networks look no further than the padding; so here there may be no difference at all, save by rounding."""
    path, _ = weights_of(name)
    picture = photo("astronaut", 20, 130, 150, 190)
    options = ["--direct"] if engine == "aten" else []
    whole = run_tool(path, {"p": picture}, *options)["p"]
    tiled = run_tool(path, {"p": picture}, "--tile", 32, *options)["p"]
    assert difference(whole, tiled) <= 1
    assert difference(whole, run_tool(path, {"p": picture}, "--tile", 32, "--padding", 0,
                                      *options)["p"]) > 1, "without overlap there must be a seam"


@pytest.mark.parametrize("name", ["realesrgan-x4plus", "realesrgan-x4plus-anime"])
def test_tiles_are_not_seen_with_trained_weights(name, weights_of, run_tool, capsys):
    """These look further than any padding; what is left at the default one is within 1/255."""
    path, _ = weights_of(name)
    pictures = {"chelsea": photo("chelsea", 50, 30, 28, 172, reduce=2)}
    whole = run_tool(path, pictures)
    seams = {}
    for padding in (10, -1):
        tiled = run_tool(path, pictures, "--tile", 32, "--padding", padding)
        seams[padding] = max(difference(whole[key], tiled[key]) for key in pictures)
    with capsys.disabled():
        print(f"\n  {name}: tiled against whole: {seams[-1]}/255 at the default padding, "
              f"{seams[10]}/255 at 10", end="")
    assert seams[-1] <= 1
    assert seams[10] > 1


@pytest.mark.parametrize("name", ["rrdbnet-x4", "srvgg-x3-odd-channels", "srvgg-x2"])
def test_grey_and_alpha(name, weights_of, run_tool):
    path, weights = weights_of(name)
    scale = reference.scale_of(weights)
    color = photo("coffee", 60, 120, 30, 41)
    grey = photo("camera", 60, 200, 30, 41)
    alpha = photo("camera", 200, 100, 30, 41)
    outputs = run_tool(path, {
        "grey": grey[..., None],
        "grey_alpha": numpy.dstack([grey, alpha]),
        "color_alpha": numpy.dstack([color, alpha]),
    }, "--tile", 32, "--padding", 16)
    resized = numpy.asarray(Image.fromarray(alpha).resize((41 * scale, 30 * scale),
                                                          Image.Resampling.BICUBIC))
    from_color = reference.enhance(weights, color)
    from_grey = reference.enhance(weights, numpy.dstack([grey] * 3)).astype(float)
    luma = from_grey @ [0.299, 0.587, 0.114]
    assert outputs["grey"].shape == (30 * scale, 41 * scale, 1)
    # A sample clipped in one colour, which the plugin weighs before clipping, may differ by more: leave those out.
    inside = ((from_grey > 0) & (from_grey < 255)).all(axis=2)
    assert inside.mean() > 0.2
    assert numpy.abs(outputs["grey"][..., 0] - luma)[inside].max() <= 1.5
    assert difference(outputs["grey_alpha"][..., :1], outputs["grey"]) == 0
    assert difference(outputs["grey_alpha"][..., 1], resized) == 0
    assert difference(outputs["color_alpha"][..., 3], resized) == 0
    assert difference(outputs["color_alpha"][..., :3], from_color) <= 1


@pytest.mark.parametrize("name,scale", [
    ("realesr-animevideov3-x4", 1), ("realesr-animevideov3-x4", 2),
    ("realesr-animevideov3-x4", 3), ("realesr-animevideov3-x4", 1.7), ("rrdbnet-x2", 1.5),
])
def test_a_smaller_scale_is_the_result_reduced(name, scale, weights_of, run_tool):
    path, weights = weights_of(name)
    picture = photo("coffee", 60, 120, 50, 66)
    options = ["--scale", scale, "--tile", 32]
    output = run_tool(path, {"p": picture}, *options)["p"]
    native = Image.fromarray(run_tool(path, {"p": picture}, "--tile", 32)["p"])
    size = (int(66 * scale + 0.5), int(50 * scale + 0.5))
    expected = numpy.asarray(native.resize(size, Image.Resampling.BICUBIC))
    assert difference(output, expected) == 0
    whole = Image.fromarray(reference.enhance(weights, picture))
    assert difference(output, numpy.asarray(whole.resize(size, Image.Resampling.BICUBIC))) <= 1


def test_a_larger_scale_is_refused(weights_of, tmp_path):
    path, _ = weights_of("srvgg-x2")
    save_file({"p": torch.zeros(4, 4, 3, dtype=torch.uint8)}, tmp_path / "in")
    done = subprocess.run([TOOL, path, tmp_path / "in", tmp_path / "out", "--scale", "3"],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "within 1 and 2" in done.stderr


def psnr(a, b):
    error = numpy.mean((a.astype(float) - b.astype(float)) ** 2)
    return 10 * numpy.log10(255 ** 2 / error)


@pytest.mark.parametrize("name", TRAINED)
def test_photographs(name, weights_of, run_tool, capsys):
    """Reduced photographs enlarged again: equal to PyTorch's; PSNR against the originals for the record. Networks trained
    adversarially draw what is likely, not what was there, and score below bicubic by this measure: no test asks for more."""
    path, weights = weights_of(name)
    originals = {"coffee": photo("coffee", 100, 200, 160, 160),
                 "chelsea": photo("chelsea", 50, 130, 160, 160)}
    small = {key: numpy.asarray(Image.fromarray(value).resize((40, 40), Image.Resampling.BICUBIC))
             for key, value in originals.items()}
    outputs = run_tool(path, small)
    for key, original in originals.items():
        bicubic = numpy.asarray(Image.fromarray(small[key]).resize((160, 160),
                                                                   Image.Resampling.BICUBIC))
        with capsys.disabled():
            print(f"\n  {name}, {key}: PSNR {psnr(outputs[key], original):.2f} dB, "
                  f"bicubic {psnr(bicubic, original):.2f} dB", end="")
        assert difference(outputs[key], reference.enhance(weights, small[key])) <= 1
        # Wrong colours, a shift or a turn cost far more than what training does.
        assert psnr(outputs[key], original) > psnr(bicubic, original) - 6
