# SPDX-License-Identifier: Apache-2.0
"""The parts of gpu-check that can be wrong without anybody noticing on a host without a GPU."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
sys.path.insert(0, str(SCRIPTS / "lib"))

import gpu_check_device as device  # noqa: E402
import gpu_check_pictures as pictures  # noqa: E402


def noise(height: int, width: int, channels: int) -> np.ndarray:
    smooth = np.add.outer(np.arange(height) * 3, np.arange(width) * 2)[:, :, None]
    rough = np.random.default_rng(7).integers(0, 9, (height, width, channels))
    return ((smooth + rough + np.arange(channels) * 40) % 256).astype(np.uint8)


@pytest.mark.parametrize("mode,channels", [("RGB", 3), ("RGBA", 4), ("LA", 2), ("L", 1)])
def test_reads_the_png_of_others(tmp_path, mode, channels):
    wanted = noise(29, 31, channels)
    Image.fromarray(wanted.squeeze(), mode).save(tmp_path / "a.png", optimize=True)
    read = pictures.read_png(tmp_path / "a.png")
    assert (read.width, read.height, read.channels) == (31, 29, channels)
    assert read.samples == wanted.tobytes()


@pytest.mark.parametrize("kind", range(5))
def test_undoes_every_filter_of_png(tmp_path, kind):
    """Filters of rows are undone as the format's definition says, whichever an encoder chooses."""
    import struct
    import zlib

    wanted = noise(6, 5, 3).astype(int)
    before = np.zeros_like(wanted)
    before[:, 1:] = wanted[:, :-1]
    above = np.zeros_like(wanted)
    above[1:] = wanted[:-1]
    corner = np.zeros_like(wanted)
    corner[1:, 1:] = wanted[:-1, :-1]
    guess = before + above - corner
    distances = [abs(guess - before), abs(guess - above), abs(guess - corner)]
    paeth = np.choose(np.argmin(distances, axis=0), [before, above, corner])
    predicted = [np.zeros_like(wanted), before, above, (before + above) // 2, paeth][kind]
    rows = ((wanted - predicted) % 256).astype(np.uint8)
    packed = zlib.compress(b"".join(bytes([kind]) + row.tobytes() for row in rows))

    def chunk(name, body):
        return (
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        )

    (tmp_path / "a.png").write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", 5, 6, 8, 2, 0, 0, 0))
        + chunk(b"IDAT", packed)
        + chunk(b"IEND", b"")
    )
    # That the file says what this test thinks it says.
    assert (np.asarray(Image.open(tmp_path / "a.png")) == wanted).all()
    assert pictures.read_png(tmp_path / "a.png").samples == wanted.astype(np.uint8).tobytes()


def test_others_read_what_it_writes(tmp_path):
    wanted = noise(20, 30, 3)
    picture = pictures.Picture(30, 20, 3, wanted.tobytes())
    pictures.write_png(tmp_path / "a.png", picture.crop(3, 4, 11, 9).repeated(25, 12))
    read = np.asarray(Image.open(tmp_path / "a.png"))
    assert (read == np.tile(wanted[4:13, 3:14], (2, 3, 1))[:12, :25]).all()


def test_differences_are_those_of_numpy():
    one, other = noise(20, 30, 3), np.roll(noise(20, 30, 3), 1, axis=0)
    found = pictures.compare(
        pictures.Picture(30, 20, 3, one.tobytes()), pictures.Picture(30, 20, 3, other.tobytes())
    )
    steps = abs(one.astype(float) - other)
    assert found.max == steps.max() and found.mean == pytest.approx(steps.mean())
    assert found.psnr_db == pytest.approx(10 * np.log10(255**2 / (steps**2).mean()))
    same = pictures.Picture(30, 20, 3, one.tobytes())
    assert pictures.compare(same, same) == pictures.Difference(0, 0.0, None)
    with pytest.raises(ValueError, match="cannot be compared"):
        pictures.compare(same, same.crop(0, 0, 5, 5))


@pytest.fixture
def smi(tmp_path, monkeypatch):
    """Puts a program nvidia-smi on PATH that answers a query by the field's name."""

    def make(answers: dict):
        cases = "".join(f"  *gpu={field}*) echo '{text}' ;;\n" for field, text in answers.items())
        program = tmp_path / "nvidia-smi"
        program.write_text(f'#!/bin/sh\necho "$@" >>{tmp_path}/calls\ncase $1 in\n{cases}')
        program.write_text(program.read_text() + "  *) exit 2 ;;\nesac\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        return tmp_path / "calls"

    return make


def test_reads_what_nvidia_smi_tells(smi):
    smi(
        {
            "name": "NVIDIA H100 80GB HBM3",
            "driver_version": "580.1",
            "memory.total": "81559",
            "memory.used": "512",
            "compute_cap": "9.0",
        }
    )
    gpu = device.Gpu.find()
    assert gpu.describe() == {
        "name": "NVIDIA H100 80GB HBM3",
        "driver": "580.1",
        "memory_mib": 81559,
        "compute_capability": "9.0",
    }
    assert gpu.used_mib() == 512 and gpu.used_mib_after_exit(512) == 512


def test_what_nvidia_smi_does_not_tell_is_none(smi):
    smi({"name": "GPU", "memory.total": "[N/A]", "memory.used": "[Not Supported]"})
    gpu = device.Gpu.find()
    described = gpu.describe()
    assert described["memory_mib"] is None and described["driver"] is None
    assert gpu.used_mib() is None and gpu.used_mib_after_exit(None) is None


def test_asks_for_the_gpu_that_programs_see(smi, monkeypatch):
    calls = smi({"name": "GPU"})
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-5a6b,GPU-7c8d")
    gpu = device.Gpu.find()
    assert gpu is not None and calls.read_text().split()[-2:] == ["-i", "GPU-5a6b"]
    assert device.environment(gpu)["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert device.Gpu.find() is None


def test_finds_libtorch_from_any_of_its_folders(tmp_path):
    (tmp_path / "torch" / "lib").mkdir(parents=True)
    (tmp_path / "torch" / "lib" / "libtorch_cpu.so").touch()
    (tmp_path / "torch" / "version.py").write_text(
        "__version__ = '2.11.0+cu130'\ncuda: Optional[str] = '13.0'\n"
    )
    for named in (tmp_path, tmp_path / "torch", tmp_path / "torch" / "lib"):
        assert device.find_torch(str(named)) == tmp_path / "torch"
    assert device.torch_versions(tmp_path / "torch") == {
        "torch": "2.11.0+cu130",
        "torch_cuda": "13.0",
    }
    with pytest.raises(ValueError, match="libtorch_cpu.so is missing"):
        device.find_torch(str(tmp_path.parent))
