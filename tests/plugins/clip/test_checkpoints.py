# SPDX-License-Identifier: Apache-2.0
"""CLIP checkpoints as the hub has them, of all ages, and those that must be refused, by name."""

import json
import os
import shutil
import subprocess

import checkpoints
import pytest
import torch
from safetensors.torch import load_file, save_file

TOOL = os.environ["DARKROOM_CLIP_TOOL"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """One with short texts and few words, so that copies cost nothing."""
    return checkpoints.write(checkpoints.make_model("one-layer"), tmp_path_factory.mktemp("clip"))


@pytest.fixture
def copy(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "copy")
    return tmp_path / "copy"


def run(folder, tmp_path):
    save_file({"0": torch.arange(60 * 80 * 3).reshape(60, 80, 3).to(torch.uint8)}, tmp_path / "pictures")
    (tmp_path / "texts").write_text(json.dumps(["a tree"]))
    done = subprocess.run([TOOL, folder, tmp_path / "pictures", tmp_path / "texts", tmp_path / "out"],
                          capture_output=True, text=True, timeout=60)
    if done.returncode == 0:
        return {k: v.clone() for k, v in load_file(tmp_path / "out").items()}
    return done.stderr


def rewrite(folder, change):
    weights = load_file(folder / "model.safetensors")
    weights = {k: v.clone() for k, v in weights.items()}
    save_file(change(weights) or weights, folder / "model.safetensors")


def edit(file, change):
    value = json.loads(file.read_text())
    change(value)
    file.write_text(json.dumps(value))


@pytest.fixture(scope="module")
def expected(folder, tmp_path_factory):
    result = run(folder, tmp_path_factory.mktemp("run"))
    assert isinstance(result, dict), result
    return result


def assert_same(result, expected, tolerance=0.0):
    assert isinstance(result, dict), result
    for key, value in expected.items():
        assert (result[key] - value).abs().max() <= tolerance, key


def test_names_may_have_a_prefix(copy, expected, tmp_path):
    rewrite(copy, lambda weights: {f"clip.{k}": v for k, v in weights.items()})
    assert_same(run(copy, tmp_path), expected)


@pytest.mark.parametrize("half", ["vision", "text"])
def test_names_of_one_half_may_have_none(half, copy, expected, tmp_path):
    other = "text" if half == "vision" else "vision"
    projection = "visual_projection" if half == "vision" else "text_projection"

    def change(weights):
        kept = {k.removeprefix(f"{half}_model."): v for k, v in weights.items()
                if k.startswith((f"{half}_model.", projection))}
        assert kept and not any(k.startswith(f"{other}_model.") for k in kept)
        return kept

    rewrite(copy, change)
    whole = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(
        {**whole[f"{half}_config"], "model_type": f"clip_{half}_model", "projection_dim": whole["projection_dim"]}))
    save_file({"0": torch.arange(60 * 80 * 3).reshape(60, 80, 3).to(torch.uint8)}, tmp_path / "pictures")
    (tmp_path / "texts").write_text(json.dumps(["a tree"]))
    inputs = [tmp_path / "pictures", "-"] if half == "vision" else ["-", tmp_path / "texts"]
    done = subprocess.run([TOOL, copy, *inputs, tmp_path / "out"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    key = "pictures" if half == "vision" else "texts"
    assert torch.equal(load_file(tmp_path / "out")[key], expected[key])


def test_old_position_ids_are_passed_over_and_nothing_else(copy, expected, tmp_path):
    def add(weights):
        weights["text_model.embeddings.position_ids"] = torch.arange(12).unsqueeze(0)
        weights["vision_model.embeddings.position_ids"] = torch.arange(50).unsqueeze(0)

    rewrite(copy, add)
    assert_same(run(copy, tmp_path), expected)
    rewrite(copy, lambda weights: weights.update({"text_model.position_ids": torch.arange(12)}))
    assert "'text_model.position_ids'" in run(copy, tmp_path)


def test_several_files_under_an_index(folder, expected, tmp_path):
    model = checkpoints.make_model("one-layer")
    checkpoints.write(model, tmp_path / "sharded", max_shard_size="200KB")
    assert len(list((tmp_path / "sharded").glob("model-*.safetensors"))) > 2
    assert_same(run(tmp_path / "sharded", tmp_path), expected)


@pytest.mark.parametrize("dtype,tolerance", [(torch.float16, 5e-3), (torch.bfloat16, 5e-2)])
def test_weights_in_halves_are_computed_in_float32(dtype, tolerance, copy, expected, tmp_path):
    rewrite(copy, lambda weights: {k: v.to(dtype) for k, v in weights.items()})
    halves = run(copy, tmp_path)
    assert_same(halves, expected, tolerance * float(expected["pictures"].norm()))
    rewrite(copy, lambda weights: {k: v.float() for k, v in weights.items()})
    assert_same(halves, run(copy, tmp_path))


def test_a_pickle_is_refused_with_the_way_out(copy, tmp_path):
    (copy / "model.safetensors").rename(copy / "pytorch_model.bin")
    refusal = run(copy, tmp_path)
    assert "pytorch_model.bin" in refusal and "weights_only=True" in refusal


def test_the_way_out_works(copy, expected, tmp_path):
    torch.save(load_file(copy / "model.safetensors"), copy / "pytorch_model.bin")
    (copy / "model.safetensors").unlink()
    command = run(copy, tmp_path).split('python3 -c "', 1)[1].split('"', 1)[0]
    exec(command, {})
    assert_same(run(copy, tmp_path), expected)


@pytest.mark.parametrize("name", ["vision_model.pre_layrnorm.bias", "text_projection.weight", "logit_scale",
                                  "text_model.encoder.layers.0.self_attn.k_proj.bias"])
def test_a_missing_tensor_is_named(name, copy, tmp_path):
    rewrite(copy, lambda weights: {k: v for k, v in weights.items() if k != name})
    assert f"'{name}' is missing" in run(copy, tmp_path)


def test_a_tensor_too_many_is_named(copy, tmp_path):
    rewrite(copy, lambda weights: weights.update({"vision_model.encoder.layers.1.mlp.fc1.bias": torch.zeros(3)}))
    assert "'vision_model.encoder.layers.1.mlp.fc1.bias'" in run(copy, tmp_path)


def test_a_wrong_shape_is_named(copy, tmp_path):
    edit(copy / "config.json", lambda config: config["vision_config"].update(intermediate_size=99))
    assert "'vision_model.encoder.layers.0.mlp.fc1.weight' has shape [128, 64], expected [99, 64]" in run(copy, tmp_path)


@pytest.mark.parametrize("half,field,value", [
    (None, "model_type", "siglip2"),
    ("vision_config", "hidden_act", "mish"),
    ("vision_config", "num_channels", 4),
    ("vision_config", "num_attention_heads", 5),
    ("vision_config", "rope_theta", 10000.0),
    ("text_config", "is_decoder", True),
    ("text_config", "hidden_size", "wide"),
    ("text_config", "layer_norm_eps", 0),
    (None, "quantization_config", {"bits": 4}),
])
def test_what_is_not_implemented_is_named(half, field, value, copy, tmp_path):
    edit(copy / "config.json", lambda config: (config[half] if half else config).update({field: value}))
    assert (f"{half}.{field}" if half else field) in run(copy, tmp_path)


def test_a_config_of_2021_is_read(copy, expected, tmp_path):
    """It has both halves twice, and everything that text generation knows."""
    def age(config):
        config["text_config_dict"] = config["text_config"]
        config["vision_config_dict"] = {**config["vision_config"], "dropout": 0.0, "_name_or_path": ""}
        config["text_config"] = {"hidden_size": 7, "length_penalty": 1.0}
        config["vision_config"] = {"hidden_size": 7}
        config["text_config_dict"] = {**config["text_config_dict"], "length_penalty": 1.0, "top_k": 50, "num_beams": 1,
                                      "pruned_heads": {}, "label2id": {"LABEL_0": 0}, "is_decoder": False,
                                      "bad_words_ids": None, "torchscript": False}
        config["torch_dtype"] = "float32"

    edit(copy / "config.json", age)
    assert_same(run(copy, tmp_path), expected)


def test_processing_of_another_size_is_refused(copy, tmp_path):
    edit(copy / "preprocessor_config.json", lambda config: config.update(crop_size=224, size=224))
    assert "image_size 98" in run(copy, tmp_path)


def test_a_tokenizer_of_another_model_is_refused(copy, tmp_path):
    edit(copy / "config.json", lambda config: config["text_config"].update(eos_token_id=5))
    assert "eos_token_id" in run(copy, tmp_path)


@pytest.mark.parametrize("file", ["config.json", "preprocessor_config.json", "merges.txt"])
def test_a_missing_file_is_named(file, copy, tmp_path):
    (copy / file).unlink()
    assert file in run(copy, tmp_path)
