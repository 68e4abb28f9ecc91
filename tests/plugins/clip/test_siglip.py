# SPDX-License-Identifier: Apache-2.0
"""Holds SigLIP in the clip plugin against transformers: same weights, same pictures, same texts, numbers side by side.

DARKROOM_CLIP_TOOL names the program that runs the plugin's code. With DARKROOM_SIGLIP_WEIGHTS, the folder of a real
checkpoint, that is held against transformers too.
"""

import json
import os

import pytest
import siglip_checkpoints
import torch
from safetensors.torch import load_file, save_file
from siglip_checkpoints import expected_of
from test_parity import TEXTS, TOLERANCE, as_pil, cosine, difference, photographs, run_tool  # noqa: F401: a fixture
from transformers import AutoTokenizer, SiglipModel, SiglipTextModel, SiglipVisionModel


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """variant -> (model, transformers' tokenizer, folder), each made once."""
    known = {}

    def get(variant):
        if variant not in known:
            model = siglip_checkpoints.make_model(variant)
            folder = tmp_path_factory.mktemp(variant)
            known[variant] = (model, siglip_checkpoints.write(model, variant, folder), folder)
        return known[variant]

    return get


@pytest.mark.parametrize("engine", ["packed", "aten"])
@pytest.mark.parametrize("variant", siglip_checkpoints.VARIANTS)
def test_embeddings_and_classes_equal_transformers(variant, engine, made, run_tool, capsys):
    model, tokenizer, folder = made(variant)
    pictures = photographs()
    outputs = run_tool(folder, "--engine", engine, "--classes", pictures=pictures, texts=TEXTS)
    expected = expected_of(model, tokenizer, as_pil(pictures), TEXTS)
    worst = {key: difference(outputs[key], expected[key]) for key in ("pictures", "texts")}
    with capsys.disabled():
        print(f"\n  {variant}, {engine}: " + ", ".join(f"{k} {v:.1e}" for k, v in worst.items()), end="")
    assert max(worst.values()) <= TOLERANCE
    assert (outputs["classes"] - expected["classes"]).abs().max() <= TOLERANCE
    assert torch.allclose(outputs["scale"], model.logit_scale.exp(), rtol=1e-6)
    assert torch.allclose(outputs["bias"], model.logit_bias, rtol=1e-6)
    for key in worst:  # a fixture that cannot tell its inputs apart proves nothing
        assert difference(expected[key][:1], expected[key][4:5]) > 0.05
    assert (expected["classes"].sum(1) - 1).abs().min() > 0.05


@pytest.mark.parametrize("variant", ["plain", "siglip2"])
def test_each_alone_is_as_all_together(variant, made, run_tool):
    _, _, folder = made(variant)
    pictures = photographs() * 5  # more than one pass takes
    texts = [*TEXTS, *(f"text number {number}" for number in range(20))]
    together = run_tool(folder, pictures=pictures, texts=texts)
    alone = run_tool(folder, "--alone", pictures=pictures[:7], texts=texts[::-1])
    assert difference(alone["pictures"], together["pictures"][:7]) <= 1e-6
    assert difference(alone["texts"].flip(0), together["texts"]) <= 1e-6
    assert difference(together["pictures"][:5], together["pictures"][20:]) <= 1e-6


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("variant", ["plain", "narrow", "siglip2"])
def test_halves_point_the_same_way(variant, dtype, made, run_tool, capsys):
    """As near to float32 as 0.9999, or as transformers' own in the same dtype."""
    model, tokenizer, folder = made(variant)
    pictures = photographs()
    outputs = run_tool(folder, "--dtype", dtype, pictures=pictures, texts=TEXTS)
    expected = expected_of(model, tokenizer, as_pil(pictures), TEXTS)
    halved = SiglipModel.from_pretrained(folder, dtype=getattr(torch, dtype)).eval()
    theirs = expected_of(halved, tokenizer, as_pil(pictures), TEXTS)
    for key in ("pictures", "texts"):
        found, allowed = cosine(outputs[key], expected[key]), cosine(theirs[key], expected[key])
        with capsys.disabled():
            print(f"\n  {variant}, {dtype}, {key}: cosine {found:.6f}, transformers' {allowed:.6f}", end="")
        assert 1 - found <= max(1e-4, 1.5 * (1 - allowed))


def test_int8_is_near_and_each_is_alone(made, run_tool, capsys):
    model, tokenizer, folder = made("narrow")
    pictures = photographs()
    outputs = run_tool(folder, "--engine", "int8", pictures=pictures, texts=TEXTS)
    expected = expected_of(model, tokenizer, as_pil(pictures), TEXTS)
    alone = run_tool(folder, "--engine", "int8", "--alone", pictures=pictures[::-1], texts=TEXTS[::-1])
    for key in ("pictures", "texts"):
        found = cosine(outputs[key], expected[key])
        with capsys.disabled():
            print(f"\n  int8, {key}: cosine {found:.5f}", end="")
        assert 0.99 <= found < 0.9999999
        assert torch.equal(alone[key].flip(0), outputs[key]), key


def copied(folder, tmp_path):
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    return tmp_path


def edit(file, change):
    value = json.loads(file.read_text())
    change(value)
    file.write_text(json.dumps(value))


def rewrite(folder, change):
    weights = {k: v.clone() for k, v in load_file(folder / "model.safetensors").items()}
    save_file(change(weights) or weights, folder / "model.safetensors")


CHANGES = [{"layer_norm_eps": 1e-3}, {"hidden_act": "gelu"}, {"num_attention_heads": 2}]


@pytest.mark.parametrize("tower,changed", [(tower, change) for tower in ("vision", "text") for change in CHANGES])
def test_one_changed_constant_is_noticed(tower, changed, made, run_tool, tmp_path):
    model, tokenizer, folder = made("plain")
    edit(copied(folder, tmp_path) / "config.json", lambda config: config[f"{tower}_config"].update(changed))
    outputs = run_tool(tmp_path, pictures=photographs()[:1], texts=TEXTS[:1])
    expected = expected_of(model, tokenizer, as_pil(photographs()[:1]), TEXTS[:1])
    changed_key, same_key = ("pictures", "texts") if tower == "vision" else ("texts", "pictures")
    assert difference(outputs[changed_key], expected[changed_key]) > 3 * TOLERANCE
    assert difference(outputs[same_key], expected[same_key]) <= TOLERANCE


@pytest.mark.parametrize("file,changed", [
    ("tokenizer_config.json", {"pad_token": "<pad>"}), ("tokenizer_config.json", {"padding_side": "left"}),
    ("tokenizer_config.json", {"do_lower_case": False}), ("preprocessor_config.json", {"resample": 2}),
    ("preprocessor_config.json", {"image_mean": [0.5, 0.5, 0.49]}),
])
def test_one_changed_setting_of_the_inputs_is_noticed(file, changed, made, run_tool, tmp_path):
    model, tokenizer, folder = made("plain")
    texts = ["A Photo of a CAT"]
    edit(copied(folder, tmp_path) / file, lambda config: config.update(changed))
    outputs = run_tool(tmp_path, pictures=photographs()[:1], texts=texts)
    expected = expected_of(model, tokenizer, as_pil(photographs()[:1]), texts)
    key = "texts" if file.startswith("tokenizer") else "pictures"
    assert difference(outputs[key], expected[key]) > 3 * TOLERANCE


@pytest.mark.parametrize("name", ["vision_model.head.probe", "vision_model.head.attention.in_proj_bias",
                                  "vision_model.head.layernorm.weight", "vision_model.embeddings.patch_embedding.bias",
                                  "text_model.head.bias", "logit_bias", "logit_scale"])
def test_every_tensor_of_its_own_counts_and_is_missed(name, made, run_tool, tmp_path):
    model, tokenizer, folder = made("plain")
    torch.manual_seed(2)
    rewrite(copied(folder, tmp_path), lambda weights: weights.update(
        {name: weights[name] + 0.1 * torch.randn_like(weights[name])}))
    outputs = run_tool(tmp_path, "--classes", pictures=photographs()[:1], texts=TEXTS[:1])
    expected = expected_of(model, tokenizer, as_pil(photographs()[:1]), TEXTS[:1])
    assert (outputs["classes"] - expected["classes"]).abs().max() > 3 * TOLERANCE
    rewrite(tmp_path, lambda weights: {k: v for k, v in weights.items() if k != name})
    assert f"'{name}' is missing" in run_tool(tmp_path, fails=True, pictures=photographs()[:1], texts=TEXTS[:1])


@pytest.mark.parametrize("kind", [SiglipVisionModel, SiglipTextModel])
def test_one_half_serves_alone(kind, made, run_tool, tmp_path):
    model, tokenizer, folder = made("narrow")
    half = kind.from_pretrained(folder).eval()
    half.save_pretrained(tmp_path)
    siglip_checkpoints.write_processors(model.config, "narrow", tmp_path)
    inputs = {"pictures": photographs()} if kind is SiglipVisionModel else {"texts": TEXTS}
    (key,) = inputs
    expected = expected_of(model, tokenizer, as_pil(photographs()), TEXTS)[key]
    assert difference(run_tool(tmp_path, **inputs)[key], expected) <= TOLERANCE
    other = {"texts": TEXTS} if key == "pictures" else {"pictures": photographs()}
    assert "alone" in run_tool(tmp_path, fails=True, **other)


@pytest.mark.parametrize("half,field,value", [
    ("vision_config", "vision_use_head", False),
    ("vision_config", "num_patches", 256),
    ("text_config", "projection_size", 63),
    ("text_config", "max_position_embeddings", 1),
    (None, "projection_dim", 64),
])
def test_what_is_not_implemented_is_named(half, field, value, made, run_tool, tmp_path):
    _, _, folder = made("plain")
    edit(copied(folder, tmp_path) / "config.json", lambda config: (config[half] if half else config).update({field: value}))
    assert (f"{half}.{field}" if half else field) in run_tool(tmp_path, fails=True, texts=TEXTS[:1])


def test_a_tokenizer_of_another_model_is_refused(made, run_tool, tmp_path):
    _, _, folder = made("plain")
    copied(folder, tmp_path)
    rewrite(tmp_path, lambda weights: weights.update(
        {"text_model.embeddings.token_embedding.weight": torch.zeros(2, 64)}))
    edit(tmp_path / "config.json", lambda config: config["text_config"].update(vocab_size=2))
    assert "not of one model" in run_tool(tmp_path, fails=True, texts=TEXTS[:1])


def test_a_config_that_says_nothing_of_sizes_is_the_base_model(made, run_tool, tmp_path):
    """As the hub has it: what is not said is the class's default, and then the weights must have that shape."""
    _, _, folder = made("plain")
    edit(copied(folder, tmp_path) / "config.json", lambda config: config.update(
        vision_config={"model_type": "siglip_vision_model"}, text_config={"model_type": "siglip_text_model"}))
    words = run_tool(tmp_path, fails=True, texts=TEXTS[:1])
    assert "'vision_model.embeddings.patch_embedding.weight' has shape [64, 3, 16, 16], expected [768, 3, 16, 16]" in words


@pytest.mark.skipif("DARKROOM_SIGLIP_WEIGHTS" not in os.environ,
                    reason="no real weights: DARKROOM_SIGLIP_WEIGHTS is not set")
def test_real_weights(run_tool):
    folder = os.environ["DARKROOM_SIGLIP_WEIGHTS"]
    model = SiglipModel.from_pretrained(folder).eval()
    outputs = run_tool(folder, "--classes", pictures=photographs(), texts=TEXTS)
    for key, value in expected_of(model, AutoTokenizer.from_pretrained(folder), as_pil(photographs()), TEXTS).items():
        assert difference(outputs[key], value) <= TOLERANCE
