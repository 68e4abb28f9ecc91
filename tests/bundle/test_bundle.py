# SPDX-License-Identifier: Apache-2.0
"""The bundle, made from the build, unpacked elsewhere and run as on a host that is not ours."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/e2e"))

import bare_root  # noqa: E402

BUILD = os.environ["DARKROOM_BUILD"]
TORCH = Path(os.environ["DARKROOM_DEPS"]) / "torch"
MEBIBYTE = 1 << 20
HAS_GPU = bool(list(Path("/dev").glob("nvidia[0-9]*")))
# What comes with libc and the compiler, and so with every host; the loader maps its cache while it looks for a library.
OF_HOST = re.compile(r"/(ld-linux|lib(c|m|dl|rt|pthread|resolv|stdc\+\+|gcc_s))[-.]|^/etc/ld\.so\.cache$")
TIMES = {
    "input_edge",
    "output_megapixels",
    "start_s",
    "first_run_s",
    "runs",
    "network_s_per_megapixel",
    "network_s_per_megapixel_best",
    "with_codecs_s_per_megapixel",
}
MODEL = "realesr-animevideov3-x4"


def bare_environment(**more) -> dict:
    return {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", **more}


def run(arguments: list, code: int = 0, **more) -> subprocess.CompletedProcess:
    done = subprocess.run(
        [str(argument) for argument in arguments],
        capture_output=True,
        text=True,
        env=bare_environment(**more),
        timeout=200,
    )
    assert done.returncode == code, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    path = tmp_path_factory.mktemp("made") / "bundle.tar.gz"
    subprocess.run([ROOT / "scripts/bundle", "--build", BUILD, "--output", path], check=True)
    return path


@pytest.fixture(scope="module")
def bundle(archive, tmp_path_factory):
    folder = tmp_path_factory.mktemp("un packed")  # a space: nothing may care
    subprocess.run(["tar", "-C", folder, "-xf", archive], check=True)
    (bundle,) = folder.iterdir()
    return bundle


def test_it_is_small(archive, bundle):
    assert archive.stat().st_size <= 60 * MEBIBYTE
    assert sum(f.stat().st_size for f in bundle.rglob("*") if f.is_file()) <= 60 * MEBIBYTE


def test_it_brings_what_it_needs_and_no_libtorch(bundle):
    names = {str(f.relative_to(bundle)) for f in bundle.rglob("*") if f.is_file()}
    assert {
        "bin/darkroomd",
        "bin/darkroom-worker",
        "bin/darkroom",
        "bin/nats-server",
        "lib/libdarkroom-host.so",
        "plugins/enhance.so",
        "config/darkroom.yaml",
        f"models/{MODEL}.safetensors",
        "scripts/gpu-check",
        "LICENSE",
        "NOTICE",
    } <= names
    assert not [n for n in names if re.search(r"lib(torch|c10|cud|stdc\+\+|gomp|c\.so)", n)]
    assert run([bundle / "bin/darkroomd", "--version"]).stdout.startswith("darkroomd ")
    assert run([bundle / "bin/darkroom", "--version"]).stdout.strip()


def files_mapped_by(pid: int) -> set[str]:
    """By the process and by those that it started."""
    lines = Path(f"/proc/{pid}/maps").read_text().splitlines()
    files = {line.split(maxsplit=5)[5] for line in lines if ".so" in line}
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in children.read_text().split():
            files |= files_mapped_by(int(child))
    return files


def test_its_programs_take_their_libraries_from_it(bundle):
    """Also the worker that it starts, the host library there, and what that needs."""
    config = bundle / "bare.yaml"
    config.write_text(
        "state_dir: state\nnats: {url: 'nats://127.0.0.1:1'}\nmodels: {e: {plugin: echo}}\n"
    )
    daemon = subprocess.Popen(
        [bundle / "bin/darkroomd", "--config", config],
        stderr=subprocess.PIPE,
        text=True,
        env=bare_environment(),
    )
    try:
        told = ""
        while "plugin echo" not in told:
            line = daemon.stderr.readline()
            assert line, f"darkroomd ended: {told}"
            told += line
        mapped = files_mapped_by(daemon.pid)
    finally:
        daemon.kill()
        daemon.wait()
        daemon.stderr.close()
    assert str(bundle / "lib/libjpeg.so.62") in mapped
    assert any(file.startswith(str(bundle / "state/plugins")) for file in mapped)
    assert not [f for f in mapped if str(bundle) not in f and not OF_HOST.search(f)]


def test_it_runs_where_nothing_is_installed(bundle, tmp_path):
    """Of the host it has what every Debian has, and libtorch."""
    if why := bare_root.why_not():
        pytest.skip(why)
    bare = bare_root.BareRoot(tmp_path / "root", "apt")
    shutil.copytree(bundle, bare.root / "opt/bundle")
    (bare.root / "opt/bundle/bare.yaml").write_text(
        "state_dir: /tmp/state\ntorch_dir: /opt/torch/torch\nhttp: {listen: 'off'}\n"
        "nats: {embedded: true, server: /opt/bundle/bin/nats-server}\n"
        f"models: {{m: {{plugin: enhance, weights: models/{MODEL}.safetensors}}}}\n")
    Image.new("RGB", (8, 6), (90, 120, 30)).save(bare.root / "tmp/in.png")
    try:
        daemon = bare.start("/opt/bundle/bin/darkroomd", "--config", "/opt/bundle/bare.yaml",
                            binds={TORCH: "/opt/torch"}, stderr=subprocess.PIPE)
        told = ""
        while "ready:" not in told:
            line = daemon.stderr.readline()
            assert line, f"darkroomd ended: {told}"
            told += line
        url = re.search(r"ready: .*(nats://[0-9.:]+)", told)[1]
        bare.run("/opt/bundle/bin/darkroom", "--url", url, "run", "m", "-i", "/tmp/in.png", "-o", "/tmp/out.png")
        assert Image.open(bare.root / "tmp/out.png").size == (32, 24)
    finally:
        bare.close()


def test_its_configuration_is_sound(bundle):
    config = bundle / "config/darkroom.yaml"
    checked = run([bundle / "bin/darkroomd", "--check", "--config", config])
    assert "ok, 3 models" in checked.stdout and "has no weights" not in checked.stdout


def test_gpu_check_runs_from_it(bundle, tmp_path):
    report = tmp_path / "report.json"
    command = [bundle / "scripts/gpu-check", "--quick", "--torch", TORCH, "--json", report]
    done = run(command)
    result = json.loads(report.read_text())
    assert set(result) == {
        *("name", "commit", "machine", "versions", "gpu", "devices", "parity", "times", "memory"),
        *("failures", "ok"),
    }
    assert result["ok"] is True and result["failures"] == []
    assert result["versions"]["torch"].startswith("2.11.")
    cases = {f"{MODEL}/cpu/float32", f"{MODEL}/cpu/float32-direct"}
    if HAS_GPU:
        assert result["devices"] == ["cpu", "cuda:0"] and result["gpu"] is not None
        cases |= {f"{MODEL}/cuda:0/{form}" for form in ("float32", "float16", "bfloat16")}
    else:
        assert result["devices"] == ["cpu"] and result["gpu"] is None
        assert "only the CPU half" in done.stdout
    assert set(result["times"]) == set(result["memory"]) == cases
    assert set(result["parity"]) == cases - {f"{MODEL}/cpu/float32"}
    for times in result["times"].values():
        assert set(times) == TIMES and times["network_s_per_megapixel"] > 0
    engines = result["parity"][f"{MODEL}/cpu/float32-direct"]
    assert engines["ok"] is True and engines["max"] <= 1


@pytest.mark.skipif(HAS_GPU, reason="a GPU that can be used is here")
def test_a_gpu_that_cannot_be_used_is_a_failure_and_not_passed_over(bundle, tmp_path):
    driver = tmp_path / "bin"
    driver.mkdir()
    (driver / "nvidia-smi").write_text("#!/bin/sh\necho 7\n")
    (driver / "nvidia-smi").chmod(0o755)
    report = tmp_path / "report.json"
    command = [bundle / "scripts/gpu-check", "--quick", "--torch", TORCH, "--json", report]
    run(command, code=1, PATH=f"{driver}:/usr/bin:/bin")
    result = json.loads(report.read_text())
    assert result["ok"] is False and result["gpu"]["name"] == "7"
    failed = {failure["case"]: failure["what"] for failure in result["failures"]}
    assert set(failed) == {f"{MODEL}/cuda:0/{f}" for f in ("float32", "float16", "bfloat16")}
    assert all("runs on none of the devices" in what for what in failed.values()), failed
    # The CPU half is told all the same.
    assert f"{MODEL}/cpu/float32" in result["times"]


def test_gpu_check_says_why_it_cannot_start(bundle, tmp_path):
    check = bundle / "scripts/gpu-check"
    assert "libtorch_cpu.so is missing" in run([check, "--torch", tmp_path], code=2).stderr
    assert "has no model nothing" in run([check, "--model", "nothing"], code=2).stderr
    if not HAS_GPU:
        command = [check, "--torch", TORCH, "--device", "cuda"]
        assert "no GPU here" in run(command, code=2).stderr
    other = tmp_path / "torch"
    (other / "lib").mkdir(parents=True)
    (other / "lib/libtorch_cpu.so").touch()
    (other / "version.py").write_text("__version__ = '2.9.1'\n")
    assert "is 2.9.1, but" in run([check, "--torch", other], code=2).stderr
