# SPDX-License-Identifier: Apache-2.0
"""Holds the caption plugin against transformers: same weights, same photographs, token for token.

DARKROOM_CAPTION_TOOL names the program that runs the plugin's code, DARKROOM_TOKENIZERS the folder of vocabularies.
Photographs are those that scikit-image ships. Pictures are prepared by transformers' processors that use Pillow; the
others differ from it by a level here and there, which is preprocessing's affair and not the captioner's.
"""

import json
import math
import os
import shutil
import subprocess

import checkpoints
import numpy
import pytest
import skimage.data
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

TOOL = os.environ["DARKROOM_CAPTION_TOOL"]
torch.set_num_threads(1)  # so small networks are slower with more

# Widths, depths, sequence lengths, patches, activations, tied and untied, norms.
FORMS = {
    "blip": lambda folder: checkpoints.blip(folder, 1),
    "blip-deep": lambda folder: checkpoints.blip(folder, 2, width=96, heads=2, layers=4, inner=80, tower_width=64,
                                                 tower_layers=3, image_size=64, patch_size=8, activation="gelu_new"),
    "blip-untied": lambda folder: checkpoints.blip(folder, 3, tied=False, activation="relu", epsilon=1e-5,
                                                   tower_activation="quick_gelu", image_size=32),
    "vit-gpt2": lambda folder: checkpoints.vit_gpt2(folder, 4),
    "vit-gpt2-projected": lambda folder: checkpoints.vit_gpt2(folder, 5, width=80, heads=5, layers=3, inner=200,
                                                              tower_width=48, patch_size=8, image_size=40,
                                                              qkv_bias=False),
    "vit-gpt2-untied": lambda folder: checkpoints.vit_gpt2(folder, 6, tied=False, activation="gelu", epsilon=1e-3,
                                                           tower_activation="gelu_new", image_size=32),
}


@pytest.fixture(scope="session")
def photos(tmp_path_factory):
    """(a file of the bytes, the picture) for photographs of several shapes."""
    folder = tmp_path_factory.mktemp("photos")
    made = []
    for name, size in (("coffee", (97, 71)), ("chelsea", (60, 90)), ("astronaut", (64, 64)), ("rocket", (120, 33))):
        picture = numpy.asarray(Image.fromarray(getattr(skimage.data, name)()).resize(size))
        (folder / name).write_bytes(picture.tobytes())
        made.append((folder / name, picture))
    return made


@pytest.fixture(scope="session")
def captioners(tmp_path_factory):
    made = {}

    def get(name):
        if name not in made:
            made[name] = FORMS[name](tmp_path_factory.mktemp(name))
        return made[name]

    return get


@pytest.fixture(scope="session")
def tool():
    with subprocess.Popen([TOOL], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.stdin.close()
        assert process.wait(60) == 0


@pytest.fixture
def run_tool(tool, photos):
    def run(folder, batches, engine="auto", device="cpu"):
        """Each batch a list of (number of the photograph, params). An answer is a list, or {"error"}."""
        answers = []
        for batch in batches:
            requests = [{"picture": str(photos[at][0]), "shape": photos[at][1].shape, "params": params,
                         **(rest[0] if rest else {})} for at, params, *rest in batch]
            line = {"checkpoint": str(folder), "engine": engine, "device": device, "batch": requests}
            tool.stdin.write(json.dumps(line) + "\n")
            tool.stdin.flush()
            answers.append(json.loads(tool.stdout.readline()))
        return answers

    return run


def cut(tokens, captioner):
    """Without what transformers fills up shorter texts with."""
    end = 102 if captioner.is_blip else 50256
    return tokens[:tokens.index(end) + 1] if end in tokens else tokens


def theirs(captioner, photos, numbers, prompt="", **settings):
    made = []
    for at in numbers:
        tokens, begin = captioner.generate(captioner.pixels(photos[at][1]), prompt, **settings)
        tokens = cut(tokens[0], captioner)
        text = captioner.tokenizer.decode(begin + tokens, skip_special_tokens=True)
        made.append((tokens, text.strip()))
    return made


def numbers_of(name):
    """Photographs that captioners of this form are tried with: transformers takes its time."""
    return range(3) if name in ("blip", "vit-gpt2") else range(2)


@pytest.fixture(scope="session")
def captions_of(captioners, photos):
    """name -> what transformers writes in 64 tokens, greedily and by four beams, about the photographs of numbers_of(name)"""
    known = {}

    def get(name):
        if name not in known:
            known[name] = [theirs(captioners(name), photos, numbers_of(name), max_new_tokens=64, do_sample=False, num_beams=beams)
                           for beams in (1, 4)]
        return known[name]

    return get


@pytest.mark.parametrize("name", FORMS)
def test_captions_equal_transformers(name, captioners, captions_of, run_tool):
    """Greedy and by four beams, 64 tokens, each alone and all together, by both engines."""
    captioner = captioners(name)
    numbers = numbers_of(name)
    greedy, beams = captions_of(name)
    assert len({text for _, text in greedy}) > 1 and len({text for _, text in beams}) > 1, "no picture makes a difference"
    assert [tokens for tokens, _ in greedy] != [tokens for tokens, _ in beams], "beams make no difference"
    params = [{"max_new_tokens": 64, "beams": 1}, {"max_new_tokens": 64, "beams": 4}]
    batches = [[(at, one)] for one in params for at in numbers] + [[(at, one) for at in numbers] for one in params]
    # Both kinds at once, as a host may send them.
    batches.append([(at, one) for at in numbers for one in params])
    expected = [[one] for one in greedy + beams] + [greedy, beams]
    expected.append([one for at in numbers for one in (greedy[at], beams[at])])
    for engine in ("packed", "aten"):
        answers = run_tool(captioner.folder, batches, engine)
        assert all("error" not in answer for answer in answers), answers
        for batch, answer, texts in zip(batches, answers, expected):
            assert [one["tokens"] for one in answer] == [tokens for tokens, _ in texts], (engine, batch)
            assert [one["text"] for one in answer] == [text for _, text in texts], (engine, batch)


SETTINGS = {
    "prompt": ("a photo of a", {}, {}),
    "no end": ("", {"length_penalty": 0.0}, {"length_penalty": 0.0, "num_beams": 3}),
    "long": ("", {"length_penalty": 2.0, "early_stopping": "never"},
             {"length_penalty": 2.0, "early_stopping": "never", "num_beams": 3}),
    "early": ("two", {"early_stopping": True, "length_penalty": -0.5},
              {"early_stopping": True, "length_penalty": -0.5, "num_beams": 3}),
    "penalty": ("a photo of a a", {"repetition_penalty": 1.7}, {"repetition_penalty": 1.7}),
    "ngrams": ("a", {"no_repeat_ngram_size": 1}, {"no_repeat_ngram_size": 1}),
    "ngrams-beams": ("", {"no_repeat_ngram_size": 2, "repetition_penalty": 1.2},
                     {"no_repeat_ngram_size": 2, "repetition_penalty": 1.2, "num_beams": 3}),
    "sampled": ("", {"sample": True, "seed": 5, "top_k": 0}, {"do_sample": True, "top_k": 0}),
    "sampled-narrow": ("a", {"sample": True, "seed": 6, "top_k": 30, "top_p": 0.8, "temperature": 0.7},
                       {"do_sample": True, "top_k": 30, "top_p": 0.8, "temperature": 0.7}),
}


@pytest.mark.parametrize("name", FORMS)
def test_another_device_writes_the_same(name, captioners, run_tool):
    """One whose memory the host cannot touch: tests/plugins/common/apart. Beams, samples, and both kinds at once."""
    folder = captioners(name).folder
    params = [{"max_new_tokens": 12, "beams": 1}, {"max_new_tokens": 12, "beams": 3},
              {"max_new_tokens": 12, "temperature": 0.9, "top_k": 20, "top_p": 0.9, "repetition_penalty": 1.3, "seed": 3}]
    batches = [[(at, one) for at in numbers_of(name)[:2] for one in params]]
    here = run_tool(folder, batches, "aten")
    there = run_tool(folder, batches, device="apart")
    assert [one["tokens"] for one in there[0]] == [one["tokens"] for one in here[0]]


@pytest.mark.parametrize("case", SETTINGS)
@pytest.mark.parametrize("name", ["blip", "vit-gpt2"])
def test_settings_equal_transformers(name, case, captioners, photos, run_tool):
    captioner = captioners(name)
    prompt, ours, settings = SETTINGS[case]
    settings = {"do_sample": False, **settings}
    params = {"max_new_tokens": 24, "prompt": prompt, "beams": settings.get("num_beams", 1), **ours}
    # A text must be able to end before the last token: the rules of beam search are about nothing else.
    expected = []
    for at in (0, 1):
        torch.manual_seed(params.get("seed", 0))
        expected += theirs(captioner, photos, [at], prompt, max_new_tokens=24, **settings)
    alone = run_tool(captioner.folder, [[(0, params)], [(1, params)], [(0, params), (1, params)]])
    assert [one["tokens"] for batch in alone for one in batch] == [tokens for tokens, _ in expected + expected]
    assert [one["text"] for batch in alone for one in batch] == [text for _, text in expected + expected]


@pytest.fixture(scope="session")
def ending(captioners, tmp_path_factory):
    """A captioner whose texts end at all lengths: the end's score is raised, until it is one of the likely tokens."""
    captioner = captioners("blip")
    folder = tmp_path_factory.mktemp("ending")
    shutil.copytree(captioner.folder, folder, dirs_exist_ok=True)
    tensors = load_file(folder / "model.safetensors")
    tensors["text_decoder.cls.predictions.bias"][102] += 6.0
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    model = checkpoints.BlipForConditionalGeneration.from_pretrained(folder).eval()
    return checkpoints.Captioner(folder, model, captioner.tokenizer, captioner.processor, True)


@pytest.mark.parametrize("length_penalty", [1.0, 0.0, -1.0, 2.5])
@pytest.mark.parametrize("early_stopping", [False, True, "never"])
def test_beams_that_end(early_stopping, length_penalty, ending, photos, run_tool):
    """Texts of different lengths compete: length penalty and the three ways to stop decide."""
    settings = {"early_stopping": early_stopping, "length_penalty": length_penalty}
    numbers = range(3)
    expected = []
    for beams in (2, 4):
        expected += theirs(ending, photos, numbers, max_new_tokens=20, do_sample=False, num_beams=beams, **settings)
    lengths = {len(tokens) for tokens, _ in expected}
    answers = run_tool(ending.folder, [[(at, {"max_new_tokens": 20, "beams": beams, **settings}) for at in numbers]
                                       for beams in (2, 4)])
    assert [one["tokens"] for batch in answers for one in batch] == [tokens for tokens, _ in expected]
    assert length_penalty > 1 or min(lengths) < 20, "none ended: the rules were not tried"


def test_confidence_is_the_mean_probability(ending, photos, run_tool):
    pixels = ending.pixels(photos[0][1])
    (answer,), (beamed,) = run_tool(ending.folder, [[(0, {"max_new_tokens": 12, "repetition_penalty": 1.5})],
                                                    [(0, {"max_new_tokens": 12, "beams": 3})]])
    for one in (answer, beamed):
        ids = torch.tensor([[30522, *one["tokens"]]])
        with torch.inference_mode():
            seen = ending.model.vision_model(pixels).last_hidden_state
            scores = ending.model.text_decoder(ids[:, :-1], encoder_hidden_states=seen).logits.log_softmax(-1)
        logs = scores[0].gather(1, ids[0, 1:, None])
        assert one["log_probability"] == pytest.approx(float(logs.sum()), abs=1e-3)
        assert one["confidence"] == pytest.approx(math.exp(float(logs.mean())), rel=1e-4)


@pytest.mark.parametrize("name,key,change", [
    ("blip", "text_config.layer_norm_eps", 1e-2),
    ("blip", "text_config.hidden_act", "relu"),
    ("blip", "text_config.num_attention_heads", 2),
    ("blip", "text_config.bos_token_id", 30523),
    ("blip", "vision_config.layer_norm_eps", 1e-1),
    ("blip", "vision_config.hidden_act", "quick_gelu"),
    ("vit-gpt2", "decoder.layer_norm_epsilon", 1e-1),
    ("vit-gpt2", "decoder.activation_function", "relu"),
    ("vit-gpt2", "decoder.n_head", 2),
    ("vit-gpt2", "encoder.hidden_act", "relu"),
    ("vit-gpt2", "decoder_start_token_id", 11),
])
def test_one_changed_constant_is_noticed(name, key, change, captioners, captions_of, run_tool, tmp_path):
    """The comparison would not see a difference that changes no token: this one changes the text, for each constant."""
    captioner = captioners(name)
    config = json.loads((captioner.folder / "config.json").read_text())
    at = config
    for step in key.split(".")[:-1]:
        at = at[step]
    assert key.split(".")[-1] in at
    at[key.split(".")[-1]] = change
    for path in captioner.folder.iterdir():
        (tmp_path / path.name).symlink_to(path)
    (tmp_path / "config.json").unlink()
    (tmp_path / "config.json").write_text(json.dumps(config))
    wrong, = run_tool(tmp_path, [[(at, {"max_new_tokens": 64, "beams": 1}) for at in range(3)]])
    assert [one["tokens"] for one in wrong] != [tokens for tokens, _ in captions_of(name)[0]]


def test_the_end_rule_is_noticed(ending, photos, run_tool, tmp_path):
    for path in ending.folder.iterdir():
        (tmp_path / path.name).symlink_to(path)
    config = json.loads((ending.folder / "config.json").read_text())
    config["text_config"]["sep_token_id"] = 103
    (tmp_path / "config.json").unlink()
    (tmp_path / "config.json").write_text(json.dumps(config))
    batch = [[(at, {"max_new_tokens": 20, "beams": 4}) for at in range(len(photos))]]
    assert run_tool(ending.folder, batch) != run_tool(tmp_path, batch)


def test_stop_words_and_cancelling(captioners, photos, run_tool):
    captioner = captioners("blip")
    (whole,), = run_tool(captioner.folder, [[(0, {"max_new_tokens": 20})]])
    words = whole["text"].split()
    stop = next(word for word in words[3:] if word not in " ".join(words[:3]))
    before = whole["text"][:whole["text"].index(stop)].strip()
    params = {"max_new_tokens": 20, "stop": [stop]}
    answers = run_tool(captioner.folder, [[(0, params), (1, {"max_new_tokens": 20})], [(0, {**params, "beams": 3})],
                                          [(0, {"max_new_tokens": 20}, {"cancel_after": 4}), (1, {"max_new_tokens": 20})]])
    assert answers[0][0]["text"] == before
    assert len(answers[0][0]["tokens"]) < 20 and len(answers[0][1]["tokens"]) == 20
    assert stop not in answers[1][0]["text"]
    cancelled, other = answers[2]
    assert cancelled["cancelled"] and len(cancelled["tokens"]) == 4
    assert not other["cancelled"] and other["tokens"] == answers[0][1]["tokens"]


def test_a_text_ends_with_the_networks_places(captioners, run_tool):
    captioner = captioners("blip")  # of 160
    (answer,), (refused) = run_tool(captioner.folder, [[(0, {"max_new_tokens": 200})],
                                                       [(0, {"max_new_tokens": 5, "prompt": "word " * 160})]])
    assert len(answer["tokens"]) == 159
    assert "of the model's 160 none is left" in refused["error"]


@pytest.mark.parametrize("name,file,change,words", [
    ("blip", "model.safetensors", lambda t: t.pop("text_decoder.bert.encoder.layer.1.crossattention.self.key.weight"),
     "'text_decoder.bert.encoder.layer.1.crossattention.self.key.weight' is missing"),
    ("blip", "model.safetensors", lambda t: t.update({"text_decoder.bert.pooler.dense.bias": torch.zeros(3)}),
     "'text_decoder.bert.pooler.dense.bias'"),
    ("vit-gpt2", "model.safetensors", lambda t: t.update({"encoder.embeddings.cls_token": torch.zeros(1, 1, 7)}),
     "'encoder.embeddings.cls_token' has shape [1, 1, 7], expected [1, 1, 64]"),
    ("blip", "config.json", lambda c: c.update(model_type="blip-2"), "model_type"),
    ("blip", "config.json", lambda c: c["text_config"].update(rope_theta=1e4), "text_config.rope_theta"),
    ("blip", "config.json", lambda c: c["text_config"].update(hidden_act="mish"), "text_config.hidden_act"),
    ("vit-gpt2", "config.json", lambda c: c["decoder"].update(model_type="bert"), "decoder.model_type"),
    ("vit-gpt2", "config.json", lambda c: c["encoder"].update(model_type="swin"), "encoder.model_type"),
    ("vit-gpt2", "config.json", lambda c: c["decoder"].update(scale_attn_by_inverse_layer_idx=True),
     "decoder.scale_attn_by_inverse_layer_idx"),
    ("blip", "generation_config.json", lambda c: c.update(min_length=5), "min_length"),
    ("blip", "generation_config.json", lambda c: c.update(watermarking_config={"bias": 2}), "watermarking_config"),
])
def test_what_does_not_fit_is_refused(name, file, change, words, captioners, run_tool, tmp_path):
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    for path in captioners(name).folder.iterdir():
        (folder / path.name).symlink_to(path)
    source = (folder / file).resolve()
    (folder / file).unlink()
    if file.endswith(".json"):
        content = json.loads(source.read_text())
        change(content)
        (folder / file).write_text(json.dumps(content))
    else:
        tensors = load_file(source)
        change(tensors)
        save_file(tensors, folder / file)
    answer, = run_tool(folder, [[]])
    assert words in answer["error"]


def test_a_pickle_is_refused_with_the_way_out(captioners, run_tool, tmp_path):
    folder = tmp_path / "checkpoint"
    shutil.copytree(captioners("blip").folder, folder)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    answer, = run_tool(folder, [[]])
    assert "pytorch_model.bin" in answer["error"] and "safetensors" in answer["error"]


@pytest.mark.parametrize("name", ["blip", "vit-gpt2"])
def test_files_as_the_hub_has_them(name, captioners, run_tool, tmp_path):
    """Older names, tied tensors twice, buffers that are no weights, the tokenizer's older files."""
    captioner = captioners(name)
    folder = tmp_path / "hub"
    shutil.copytree(captioner.folder, folder)
    tensors = load_file(folder / "model.safetensors")
    if captioner.is_blip:
        head = "text_decoder.cls.predictions."
        tensors[head + "decoder.weight"] = tensors["text_decoder.bert.embeddings.word_embeddings.weight"].clone()
        tensors[head + "decoder.bias"] = tensors[head + "bias"].clone()
        tensors["text_decoder.bert.embeddings.position_ids"] = torch.arange(160)[None]
        (folder / "tokenizer.json").unlink()
        shutil.copy(checkpoints.TOKENIZERS / "bert" / "vocab.txt", folder)
    else:
        tensors["decoder.lm_head.weight"] = tensors["decoder.transformer.wte.weight"].clone()
        for layer in range(2):
            for part in ("attn", "crossattention"):
                tensors[f"decoder.transformer.h.{layer}.{part}.bias"] = torch.ones(1, 1, 160, 160, dtype=torch.bool)
                tensors[f"decoder.transformer.h.{layer}.{part}.masked_bias"] = torch.tensor(-1e4)
        (folder / "tokenizer.json").unlink()
        for file in ("vocab.json", "merges.txt"):
            shutil.copy(checkpoints.TOKENIZERS / "gpt2" / file, folder)
    (folder / "generation_config.json").unlink()
    save_file(tensors, folder / "model.safetensors")
    batch = [[(at, {"max_new_tokens": 12, "beams": 2, "prompt": "a photo"}) for at in range(2)]]
    assert run_tool(folder, batch) == run_tool(captioner.folder, batch)


def test_defaults_of_the_model(captioners, run_tool, tmp_path):
    captioner = captioners("vit-gpt2")
    folder = tmp_path / "checkpoint"
    shutil.copytree(captioner.folder, folder)
    config = json.loads((folder / "generation_config.json").read_text())
    config.update(max_length=9, num_beams=3, no_repeat_ngram_size=2)
    (folder / "generation_config.json").write_text(json.dumps(config))
    (ours,), = run_tool(folder, [[(0, {})]])
    (plain,), = run_tool(captioner.folder, [[(0, {"max_new_tokens": 8, "beams": 3, "no_repeat_ngram_size": 2})]])
    assert ours == plain and len(ours["tokens"]) == 8
