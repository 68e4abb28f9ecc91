# SPDX-License-Identifier: Apache-2.0
"""`darkroom models compile`: what it makes and tells, and what it refuses."""

import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest

import tiny_sdxl
from compiled import ROWS, compiled, digest_of
from harness import REPOSITORY
from shell import Shell


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return tiny_sdxl.make(tmp_path_factory.mktemp("sdxl")) / "model"


@pytest.fixture
def shell(tmp_path):
    shell = Shell(tmp_path, "nats://127.0.0.1:1")
    shell.environment |= tiny_sdxl.python_environment()
    return shell


@pytest.fixture
def refused(shell, tmp_path):
    """refused(arguments) -> the error; nothing is left behind."""
    (tmp_path / "out").mkdir()

    def run(model, *arguments, code, output="out/unet.pt2"):
        more = () if "--python" in arguments else ("--python", sys.executable)
        error = shell.json("models", "compile", model, "--output", output, *more, *arguments, code=code)["error"]
        assert os.listdir(tmp_path / "out") == []
        return error

    return run


def test_a_package_is_made_measured_and_told(model):
    package, told = compiled(model)
    assert told["sha256"] == digest_of(package) and told["bytes"] == package.stat().st_size
    assert (told["dtype"], told["rows"], told["pixels"], told["any_size"]) == ("float32", ROWS, [64, 64], False)
    assert 0 < told["difference"] < 1e-4, "it was held against the network"
    assert told["eager_s"] > 0 and told["compiled_s"] > 0
    assert told["bytes"] < 4 << 20, "it has no weights"


def fake_python(folder, version):
    """A Python whose PyTorch says that it is of this version."""
    for name in ("torch", "diffusers"):
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").touch()
    (folder / "torch/version.py").write_text(f"__version__ = '{version}'\n")
    return folder


def test_pythons_that_cannot_compile(refused, shell, model, tmp_path):
    error = refused(model, "--python", "nonsuch-python", code=3)
    assert error["code"] == "not_found" and "nonsuch-python" in error["message"] and "2.11" in error["hint"]
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "bare"], check=True)
    error = refused(model, "--python", tmp_path / "bare/bin/python", code=8)
    assert error["code"] == "failed_precondition" and "has no torch" in error["message"] and "torch==2.11" in error["hint"]
    shell.environment["PYTHONPATH"] = str(fake_python(tmp_path / "old", "2.10.0+cpu"))
    error = refused(model, "--python", tmp_path / "bare/bin/python", code=8)
    assert "has PyTorch 2.10.0+cpu" in error["message"]
    script = tmp_path / "dies"
    script.write_text("#!/bin/sh\necho 'out of luck' >&2\nexit 9\n")
    script.chmod(0o755)
    error = refused(model, "--python", script, code=1)
    assert error["code"] == "internal" and "exited with code 9" in error["message"]


def test_no_compiler_no_gpu_no_room(refused, shell, model, tmp_path):
    shell.environment["CXX"] = "nonsuch-compiler"
    error = refused(model, code=8)
    assert "no C++ compiler nonsuch-compiler" in error["message"] and "g++" in error["hint"]
    del shell.environment["CXX"]
    error = refused(model, code=3, output="nonsuch/unet.pt2")
    assert error["code"] == "not_found" and "nonsuch" in error["message"]
    shell.environment["CUDA_VISIBLE_DEVICES"] = ""
    assert "finds no GPU" in refused(model, "--device", "cuda", code=8)["message"]


def test_a_full_disk(shell, model, tmp_path):
    (tmp_path / "small").mkdir()
    script = ('mount -t tmpfs -o size=1m none small && "$0" models compile "$1" -o small/a.pt2 --python "$2" --json; '
              "echo $? $(ls -A small)")
    done = subprocess.run(["unshare", "-m", "sh", "-c", script, shell.program, model, sys.executable],
                          capture_output=True, text=True, cwd=tmp_path, env=shell.environment, timeout=120)
    if "{" not in done.stdout:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
    answer, code = done.stdout.rsplit("\n", 2)[:2]
    error = json.loads(answer)["error"]
    assert (error["code"], code) == ("resource_exhausted", str(error["exit_code"]))
    assert "1 MiB are free" in error["message"]


def test_a_disk_that_becomes_full_is_told_from_other_faults():
    spec = importlib.util.spec_from_file_location("compile_unet", REPOSITORY / "cli/compile_unet.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    wrapped = RuntimeError("compilation failed")
    wrapped.__cause__ = OSError(28, "No space left on device")
    assert module.is_full(wrapped) and module.is_full(RuntimeError("g++: error: No space left on device"))
    assert not module.is_full(OSError(2, "No such file or directory")) and not module.is_full(RuntimeError("x"))


@pytest.mark.parametrize("arguments,words", [
    (["--size", "62x64"], "multiples of 4"), (["--size", "wide"], "--size wide"), (["--size", "64"], "--size 64")])
def test_sizes(arguments, words, refused, model):
    error = refused(model, *arguments, code=2)
    assert error["code"] == "invalid_argument" and words in error["message"]


def test_what_is_no_model(refused, model, tmp_path):
    (tmp_path / "empty").mkdir()
    error = refused(tmp_path / "empty", code=8)
    assert "model_index.json" in error["message"] and "folder of diffusers" in error["hint"]
    error = refused(tmp_path / "nonsuch", code=3)
    assert error["code"] == "not_found" and "nonsuch" in error["message"]
    other = tmp_path / "other"
    (other / "unet").mkdir(parents=True)
    (other / "model_index.json").write_text('{"_class_name": "FluxPipeline"}')
    (other / "unet/config.json").write_text("{}")
    assert "FluxPipeline" in refused(other, code=8)["message"]
    (other / "model_index.json").write_text((model / "model_index.json").read_text())
    assert "vae/config.json" in refused(other, code=8)["message"]
    shutil.copytree(model / "vae", other / "vae")
    assert "does not load" in refused(other, code=8)["message"]


def test_a_model_of_the_configuration(refused, shell, tmp_path):
    error = refused("nonsuch", code=3)
    assert "'nonsuch' is no folder" in error["message"] and "--config" in error["hint"]
    shell.file("a.yaml", f"models: {{draw: {{plugin: sdxl, weights: {tmp_path}/weights}}}}\n".encode())
    assert "has no model of that name" in refused("nonsuch", "--config", "a.yaml", code=3)["message"]
    assert f"{tmp_path}/weights is no folder" in refused("draw", "--config", "a.yaml", code=3)["message"]
    shell.file("b.yaml", b"nonsuch: 1\n")
    assert "unknown key" in refused("draw", "--config", "b.yaml", code=8)["message"]


def test_ctrl_c_leaves_nothing(shell, model, tmp_path):
    (tmp_path / "out").mkdir()
    process = shell.start("models", "compile", model, "-o", "out/unet.pt2", "--python", sys.executable,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for line in process.stderr:
        if line.startswith("exporting"):
            break
    assert os.listdir(tmp_path / "out") != []
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130 and "interrupted" in err, (out, err)
    end = time.monotonic() + 30
    while os.listdir(tmp_path / "out") and time.monotonic() < end:
        time.sleep(0.05)
    assert os.listdir(tmp_path / "out") == []


def test_help_names_the_version(shell):
    assert re.search(r"PyTorch\s+2\.11\.\d+", shell("models", "compile", "--help").text)
