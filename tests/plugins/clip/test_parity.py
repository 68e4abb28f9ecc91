# SPDX-License-Identifier: Apache-2.0
"""Holds the clip plugin against transformers: same weights, same pictures, same texts, numbers side by side.

DARKROOM_CLIP_TOOL names the program that runs the plugin's code. Photographs are those that scikit-image ships. With
DARKROOM_CLIP_WEIGHTS, the folder of a real checkpoint, that is held against transformers too.
"""

import json
import os
import subprocess

import checkpoints
import numpy
import pytest
import skimage.data
import torch
from PIL import Image
from checkpoints import expected_of
from safetensors.torch import load_file, save_file
from transformers import CLIPModel, CLIPTextModelWithProjection, CLIPVisionModelWithProjection

TOOL = os.environ["DARKROOM_CLIP_TOOL"]
TOLERANCE = 1e-5  # of the embedding's length
TEXTS = [
    "a photo of a cat", "a", "A Photograph of an astronaut, smiling!", "a cup of coffee on a wooden table " * 5,
    "çà et là — a naïve café, 3 €", "a  diagram\nof\ta tree 12345",
]


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """variant -> (model, folder), each made once."""
    known = {}

    def get(variant):
        if variant not in known:
            model = checkpoints.make_model(variant)
            known[variant] = (model, checkpoints.write(model, tmp_path_factory.mktemp(variant)))
        return known[variant]

    return get


@pytest.fixture
def run_tool(tmp_path):
    def run(folder, *options, pictures=None, texts=None, fails=False):
        arguments = [TOOL, folder, "-", "-", tmp_path / "out", *options]
        if pictures is not None:
            arguments[2] = tmp_path / "pictures"
            save_file({f"{i:03}": torch.from_numpy(numpy.array(p, order="C")) for i, p in enumerate(pictures)},
                      arguments[2])
        if texts is not None:
            arguments[3] = tmp_path / "texts"
            arguments[3].write_text(json.dumps(texts))
        done = subprocess.run([str(a) for a in arguments], capture_output=True, text=True, timeout=120)
        if fails:
            assert done.returncode == 1, "it was taken"
            return done.stderr
        assert done.returncode == 0, done.stderr
        return {k: v.clone() for k, v in load_file(tmp_path / "out").items()}

    return run


def photographs():
    coffee = skimage.data.coffee()
    return [skimage.data.astronaut(), coffee, numpy.ascontiguousarray(coffee.transpose(1, 0, 2)[:300]),
            skimage.data.camera()[..., None], skimage.data.astronaut()[100:150, 200:290]]


def as_pil(pictures):
    return [Image.fromarray(picture.squeeze()) for picture in pictures]


def difference(a, b):
    """The largest, as a part of the embedding's length."""
    assert a.shape == b.shape
    return float(((a - b).abs().amax(-1) / b.norm(dim=-1)).max())


def cosine(a, b):
    return float(torch.nn.functional.cosine_similarity(a.float(), b.float()).min())


@pytest.mark.parametrize("engine", ["packed", "aten"])
@pytest.mark.parametrize("variant", checkpoints.VARIANTS)
def test_embeddings_equal_transformers(variant, engine, made, run_tool, capsys):
    model, folder = made(variant)
    pictures = photographs()
    outputs = run_tool(folder, "--engine", engine, pictures=pictures, texts=TEXTS)
    expected = expected_of(model, as_pil(pictures), TEXTS)
    worst = {key: difference(outputs[key], expected[key]) for key in expected}
    with capsys.disabled():
        print(f"\n  {variant}, {engine}: " + ", ".join(f"{k} {v:.1e}" for k, v in worst.items()), end="")
    assert max(worst.values()) <= TOLERANCE
    assert torch.allclose(outputs["scale"], model.logit_scale.exp(), rtol=1e-6)
    for key in expected:  # a fixture that cannot tell its inputs apart proves nothing
        assert difference(expected[key][:1], expected[key][4:5]) > 0.05


@pytest.mark.parametrize("variant", checkpoints.VARIANTS)
def test_another_device_gives_the_same(variant, made, run_tool):
    """One whose memory the host cannot touch: tests/plugins/common/apart."""
    _, folder = made(variant)
    here = run_tool(folder, "--engine", "aten", "--classes", pictures=photographs(), texts=TEXTS)
    there = run_tool(folder, "--apart", "--classes", pictures=photographs(), texts=TEXTS)
    for name in ("pictures", "texts", "classes"):
        assert difference(there[name], here[name]) <= TOLERANCE, name


@pytest.mark.parametrize("variant", ["plain", "gelu-2021"])
def test_each_alone_is_as_all_together(variant, made, run_tool):
    _, folder = made(variant)
    pictures = photographs() * 9  # more than one pass takes
    together = run_tool(folder, pictures=pictures, texts=TEXTS)
    alone = run_tool(folder, "--alone", pictures=pictures[:7], texts=TEXTS[::-1])
    assert difference(alone["pictures"], together["pictures"][:7]) <= 1e-6
    assert difference(alone["texts"].flip(0), together["texts"]) <= 1e-6
    assert difference(together["pictures"][:5], together["pictures"][40:]) <= 1e-6


def test_int8_is_near_and_each_is_alone(made, run_tool, capsys):
    model, folder = made("gelu-2021")
    pictures = photographs()
    outputs = run_tool(folder, "--engine", "int8", pictures=pictures, texts=TEXTS)
    for key, expected in expected_of(model, as_pil(pictures), TEXTS).items():
        found = cosine(outputs[key], expected)
        with capsys.disabled():
            print(f"\n  int8, {key}: cosine {found:.5f}", end="")
        assert 0.99 <= found < 0.9999999
    alone = run_tool(folder, "--engine", "int8", "--alone", pictures=pictures[::-1], texts=TEXTS[::-1])
    for key in outputs:
        assert key == "scale" or torch.equal(alone[key].flip(0), outputs[key]), key


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_halves_point_the_same_way(dtype, made, run_tool, capsys):
    """As near to float32 as 0.9999, or as transformers' own in the same dtype."""
    model, folder = made("gelu-2021")
    pictures = photographs()
    outputs = run_tool(folder, "--dtype", dtype, pictures=pictures, texts=TEXTS)
    expected = expected_of(model, as_pil(pictures), TEXTS)
    theirs = expected_of(CLIPModel.from_pretrained(folder, dtype=getattr(torch, dtype)).eval(), as_pil(pictures), TEXTS)
    for key in expected:
        found, allowed = cosine(outputs[key], expected[key]), cosine(theirs[key], expected[key])
        with capsys.disabled():
            print(f"\n  {dtype}, {key}: cosine {found:.6f}, transformers' {allowed:.6f}", end="")
        assert 1 - found <= max(1e-4, 1.5 * (1 - allowed))


CHANGES = [{"layer_norm_eps": 1e-4}, {"hidden_act": "gelu"}, {"num_attention_heads": 2}]


@pytest.mark.parametrize("tower,changed", [
    *[("vision", change) for change in CHANGES],
    *[("text", change) for change in [*CHANGES, {"eos_token_id": checkpoints.A}]],
])
def test_one_changed_constant_is_noticed(tower, changed, made, run_tool, tmp_path):
    model, folder = made("plain")
    config = json.loads((folder / "config.json").read_text())
    config[f"{tower}_config"].update(changed)
    for file in folder.iterdir():
        if file.name != "config.json":
            (tmp_path / file.name).symlink_to(file)
    (tmp_path / "config.json").write_text(json.dumps(config))
    inputs = {"pictures": photographs()[:1]} if tower == "vision" else {"texts": TEXTS[:1]}
    outputs = run_tool(tmp_path, **inputs)
    (key,) = inputs
    assert difference(outputs[key], expected_of(model, as_pil(photographs()[:1]), TEXTS[:1])[key]) > 3 * TOLERANCE


def test_one_changed_pixel_is_noticed(made, run_tool):
    model, folder = made("plain")
    picture = skimage.data.astronaut()
    expected = expected_of(model, as_pil([picture]))["pictures"]
    other = picture.copy()
    other[200:264, 200:264] = 0
    assert difference(run_tool(folder, pictures=[other])["pictures"], expected) > 10 * TOLERANCE


@pytest.mark.parametrize("kind", [CLIPVisionModelWithProjection, CLIPTextModelWithProjection])
def test_one_half_serves_alone(kind, made, run_tool, tmp_path):
    _, folder = made("plain")
    half = kind.from_pretrained(folder).eval()
    checkpoints.write(half, tmp_path)
    inputs = {"pictures": photographs()} if kind is CLIPVisionModelWithProjection else {"texts": TEXTS}
    outputs = run_tool(tmp_path, **inputs)
    with torch.inference_mode():
        if "pictures" in inputs:
            expected = half(pixel_values=checkpoints.pixels_of(half, as_pil(inputs["pictures"]))).image_embeds
        else:
            expected = half(input_ids=checkpoints.tokens_of(half, TEXTS)).text_embeds
    (key,) = inputs
    assert difference(outputs[key], expected) <= TOLERANCE
    other = {"texts": TEXTS} if key == "pictures" else {"pictures": photographs()}
    assert "alone" in run_tool(tmp_path, fails=True, **other)


@pytest.mark.skipif("DARKROOM_CLIP_WEIGHTS" not in os.environ, reason="no real weights: DARKROOM_CLIP_WEIGHTS is not set")
def test_real_weights(run_tool):
    folder = os.environ["DARKROOM_CLIP_WEIGHTS"]
    model = CLIPModel.from_pretrained(folder).eval()
    outputs = run_tool(folder, pictures=photographs(), texts=TEXTS)
    for key, value in expected_of(model, as_pil(photographs()), TEXTS).items():
        assert difference(outputs[key], value) <= TOLERANCE
