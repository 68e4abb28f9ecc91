# SPDX-License-Identifier: Apache-2.0
"""Models from a hub: what is loaded and what is not, going on after faults, digests, tokens, and what is written."""

import json
import os
import random
import signal
import time

import pytest
import yaml

from harness import wait_until
from hub_server import COMMIT, SECRET, HubServer
from shell import Shell, on_screen

RANDOM = random.Random(7)
WEIGHTS = RANDOM.randbytes(300_000)
CLIP = {
    "config.json": b'{"model_type": "clip"}',
    "model.safetensors": WEIGHTS,
    "pytorch_model.bin": b"\x80\x02" + bytes(5000),
    "tf_model.h5": bytes(3000),
    "flax_model.msgpack": bytes(3000),
    "onnx/model.onnx": bytes(3000),
    "onnx/config.json": b"{}",
    "vocab.json": b'{"a": 0}',
    "merges.txt": b"#version: 0.2\n",
    "tokenizer/a file.json": b"{}",
    "README.md": b"# CLIP",
    ".gitattributes": b"",
    "LICENSE": b"MIT",
}
NEEDED = {"config.json", "model.safetensors", "vocab.json", "merges.txt", "tokenizer/a file.json", "LICENSE"}
SDXL = {
    "model_index.json": b'{"_class_name": "StableDiffusionXLPipeline"}',
    "unet/config.json": b"{}",
    "unet/diffusion_pytorch_model.safetensors": RANDOM.randbytes(4000),
    "unet/diffusion_pytorch_model.fp16.safetensors": RANDOM.randbytes(2000),
    "vae/diffusion_pytorch_model.safetensors": RANDOM.randbytes(2000),
    "sdxl_1.0.safetensors": RANDOM.randbytes(5000),
}
SHARDED = {
    "config.json": b'{"model_type": "blip"}',
    "model.safetensors.index.json": b'{"weight_map": {}}',
    "model-00001-of-00002.safetensors": RANDOM.randbytes(2000),
    "model-00002-of-00002.safetensors": RANDOM.randbytes(2000),
}


@pytest.fixture
def hub():
    server = HubServer({
        "openai/clip-vit": CLIP, "stabilityai/SDXL-1.0": SDXL, "org/sharded": SHARDED,
        "org/pickles": {"config.json": b"{}", "pytorch_model.bin": bytes(2000)},
        "org/nothing": {"README.md": b"soon"},
        "org/evil": {"config.json": b"{}", "../../evil.safetensors": bytes(10)},
        "org/private": {"config.json": b'{"model_type": "clip"}', "model.safetensors": bytes(2000)},
    }, private={"org/private"})
    yield server
    server.close()


@pytest.fixture
def shell(tmp_path, hub):
    shell = Shell(tmp_path, "nats://127.0.0.1:1")
    shell.environment = {k: v for k, v in shell.environment.items() if not k.startswith("HF_")}
    shell.environment |= {"HF_ENDPOINT": hub.url}
    return shell


@pytest.fixture
def pull(shell, tmp_path):
    def run(*arguments, **options):
        return shell("models", "pull", *arguments, "--to", "models", "--config", "etc/darkroom.yaml", "--tries", 3,
                     **options)
    return run


def files_of(folder) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} - {".darkroom.json"}


def test_what_a_plugin_needs_and_no_more(pull, hub, tmp_path):
    done = pull("openai/clip-vit")
    folder = tmp_path / "models/clip-vit"
    assert files_of(folder) == NEEDED
    for name in NEEDED:
        assert (folder / name).read_bytes() == CLIP[name]
    assert set(hub.asked) == NEEDED
    assert os.listdir(tmp_path / "models") == ["clip-vit"], "nothing is left beside it"
    # There is no configuration to write beside, so its lines are shown.
    lines = yaml.safe_load(done.text.split("configuration:\n\n")[1])
    assert lines == {"models": {"clip-vit": {"plugin": "clip", "weights": str(folder)}}}


def test_a_fragment_beside_the_configuration(pull, tmp_path):
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/darkroom.yaml").write_text("models: {}\n")
    out = json.loads(pull("stabilityai/SDXL-1.0", "--as", "draw", "--json").out)
    assert out["config"] == "etc/conf.d/draw.yaml"
    assert (out["commit"], out["plugin"]) == (COMMIT, "sdxl")
    fragment = tmp_path / "etc/conf.d/draw.yaml"
    assert COMMIT in fragment.read_text()
    assert yaml.safe_load(fragment.read_text()) == {
        "models": {"draw": {"plugin": "sdxl", "weights": str(tmp_path / "models/draw")}}}
    # Of each folder the weights in their usual precision, and not the whole once more in one file.
    assert files_of(tmp_path / "models/draw") == {
        "model_index.json", "unet/config.json", "unet/diffusion_pytorch_model.safetensors",
        "vae/diffusion_pytorch_model.safetensors"}


def test_a_variant_where_there_is_one(pull, tmp_path):
    pull("stabilityai/SDXL-1.0", "--variant", "fp16")
    names = files_of(tmp_path / "models/sdxl-1-0")
    assert "unet/diffusion_pytorch_model.fp16.safetensors" in names
    assert "unet/diffusion_pytorch_model.safetensors" not in names
    assert "vae/diffusion_pytorch_model.safetensors" in names


def test_weights_in_parts(pull, tmp_path):
    pull("org/sharded")
    assert files_of(tmp_path / "models/sharded") == set(SHARDED)


def test_a_list_and_nothing_more(pull, hub, tmp_path):
    out = json.loads(pull("openai/clip-vit", "--dry-run", "--json").out)
    assert {file["path"] for file in out["files"]} == NEEDED
    assert not hub.asked and not (tmp_path / "models").exists()


def test_again_it_is_there(pull, hub, tmp_path):
    pull("openai/clip-vit")
    asked = dict(hub.asked)
    pull("openai/clip-vit")
    assert dict(hub.asked) == asked
    (tmp_path / "models/clip-vit/model.safetensors").write_bytes(b"other")
    pull("openai/clip-vit")
    assert (tmp_path / "models/clip-vit/model.safetensors").read_bytes() == WEIGHTS


def test_cut_connections_are_gone_on_with(pull, hub, tmp_path):
    hub.faults["model.safetensors"] = [("cut", 100_000), ("cut", 50_000), 503, ("cut", 1)]
    pull("openai/clip-vit")
    assert (tmp_path / "models/clip-vit/model.safetensors").read_bytes() == WEIGHTS
    assert hub.ranges["model.safetensors"] == [
        None, "bytes=100000-", "bytes=150000-", "bytes=150000-", "bytes=150001-"]


def test_a_server_that_does_no_parts(pull, hub, tmp_path):
    hub.does_ranges = False
    hub.faults["model.safetensors"] = [("cut", 100_000)]
    pull("openai/clip-vit")
    assert (tmp_path / "models/clip-vit/model.safetensors").read_bytes() == WEIGHTS


def test_one_who_asks_for_patience_gets_it(pull, hub):
    hub.retry_after = "1"
    hub.faults["revision/main"] = [429]
    hub.faults["vocab.json"] = [429]
    start = time.monotonic()
    pull("openai/clip-vit")
    assert time.monotonic() - start >= 2, "half a second, and another, without its word"


def test_bytes_that_changed_on_the_way(pull, hub, tmp_path):
    hub.faults["model.safetensors"] = [("flip",)]
    pull("openai/clip-vit")
    assert (tmp_path / "models/clip-vit/model.safetensors").read_bytes() == WEIGHTS
    hub.faults["vocab.json"] = [("flip",), ("flip",)]
    done = pull("openai/clip-vit", "--as", "other", code=1)
    assert "vocab.json came damaged" in done.err and "git id" in done.err
    assert not (tmp_path / "models/other").exists()


def test_what_does_not_pass_is_told(pull, hub, tmp_path):
    hub.faults["model.safetensors"] = [500] * 9
    done = pull("openai/clip-vit", code=5)
    assert "model.safetensors of openai/clip-vit: HTTP 500" in done.err and "run this again" in done.err
    hub.faults.clear()
    asked = hub.asked["vocab.json"]
    pull("openai/clip-vit")
    assert hub.asked["vocab.json"] == asked or asked == 0, "what was whole is not loaded again"


@pytest.mark.parametrize(("repository", "code", "words"), [
    ("org/pickles", 8, "pickles"),
    ("org/nothing", 8, "no weights"),
    ("org/nonsuch", 4, "HF_TOKEN"),
    ("org/evil", 1, "none of a model hub"),
    ("a/b/c", 2, "owner/name"),
    ("../etc", 2, "owner/name"),
])
def test_what_cannot_be_had(pull, repository, code, words, tmp_path):
    done = pull(repository, code=code)
    assert words in done.err
    assert not (tmp_path / "models").exists() or not os.listdir(tmp_path / "models")


def test_other_ways_to_be_wrong(pull, shell):
    assert "Invalid rev id" in pull("openai/clip-vit", "--revision", "nonsuch", code=3).err
    assert "model's name" in pull("openai/clip-vit", "--as", "a b", code=2).err
    shell.environment["HF_ENDPOINT"] = "http://127.0.0.1:1"
    shell.environment["HF_TOKEN"] = SECRET
    assert "127.0.0.1" in pull("openai/clip-vit", code=5).err
    shell.environment["HF_ENDPOINT"] = "http://hub.example"
    assert "for all to read" in pull("openai/clip-vit", code=2).err


def test_pickles_when_they_are_asked_for(pull, tmp_path):
    done = pull("org/pickles", "--pickles")
    assert files_of(tmp_path / "models/pickles") == {"config.json", "pytorch_model.bin"}
    assert "plugin: NAME" in done.text


def test_a_token_opens_what_is_not_public_and_goes_nowhere_else(pull, hub, shell, tmp_path):
    assert "HF_TOKEN" in pull("org/private", code=4).err
    shell.environment["HF_TOKEN"] = SECRET
    done = pull("org/private")
    assert files_of(tmp_path / "models/private") == {"config.json", "model.safetensors"}
    assert not hub.tokens_elsewhere
    assert SECRET not in done.err + done.text


def test_an_interruption_loses_nothing(shell, hub, pull, tmp_path):
    hub.retry_after = "30"
    hub.faults["model.safetensors"] = [("cut", 200_000), 429]
    process = shell.start("models", "pull", "openai/clip-vit", "--to", "models")
    wait_until("the second request", lambda: hub.asked["model.safetensors"] == 2)
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 130
    assert not (tmp_path / "models/clip-vit").exists()
    hub.faults.clear()
    pull("openai/clip-vit")
    assert hub.ranges["model.safetensors"][-1] == "bytes=200000-"
    assert (tmp_path / "models/clip-vit/model.safetensors").read_bytes() == WEIGHTS


def test_from_a_mirror_without_a_network(pull, hub, shell, tmp_path):
    for name, data in CLIP.items():
        path = tmp_path / "mirror/openai/clip-vit" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    shell.environment["HF_ENDPOINT"] = "http://127.0.0.1:1"
    pull("openai/clip-vit", "--mirror", "mirror")
    assert files_of(tmp_path / "models/clip-vit") == NEEDED
    assert "cannot read" in pull("openai/other", "--mirror", "mirror", code=3).err


def test_verify(pull, shell, tmp_path):
    pull("openai/clip-vit")
    folder = tmp_path / "models/clip-vit"
    assert "as they were pulled" in shell("models", "verify", folder).text
    (folder / "vocab.json").write_bytes(b'{"a": 1}')
    (folder / "merges.txt").unlink()
    done = shell("models", "verify", folder, "--json", code=8)
    wrong = json.loads(done.out)["wrong"]
    assert len(wrong) == 2 and {one.split(":")[0] for one in wrong} == {"vocab.json", "merges.txt"}
    assert "models pull" in shell("models", "verify", tmp_path, code=3).err


def test_a_bar_on_a_terminal(shell):
    code, _, screen = on_screen(shell, "models", "pull", "openai/clip-vit", "--to", "models")
    assert code == 0
    assert "openai/clip-vit" in screen and "files" in screen
