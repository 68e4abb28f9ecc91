# SPDX-License-Identifier: Apache-2.0
"""A tiny model of random weights with what diffusers draws, and its denoising network compiled by `darkroom models compile`.

To compile takes a minute, so a package is kept beside the dependencies for as long as what makes it stays as it is.
"""

import hashlib
import json
import os
import platform
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from harness import REPOSITORY, deps
from shell import Shell
from tiny_sdxl import python_environment

ROWS = 4


def _key(model: Path, arguments: list) -> str:
    parts = [path.read_bytes() for path in sorted((REPOSITORY / "cli").glob("*compile*"))]
    parts += [(model / part / "config.json").read_bytes() for part in ("unet", "vae")]
    flags = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("flags")][:1]
    parts += [str((arguments, flags, platform.release())).encode(), (deps() / "torch").readlink().name.encode()]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


def compiled(model: Path, *arguments) -> tuple[Path, dict]:
    """The package, and what the command told of it."""
    kept = deps() / "compiled-tests" / _key(model, list(arguments))
    if not kept.is_dir():
        kept.parent.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept.parent) as folder:
            made = Path(folder) / "made"
            made.mkdir()
            shell = Shell(made.parent, "nats://127.0.0.1:1")
            shell.environment |= python_environment()
            process = shell.start("models", "compile", model, "--output", "made/unet.pt2", "--rows", ROWS, "--python",
                                  sys.executable, "--json", *arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            out, err = process.communicate(timeout=900)
            assert process.returncode == 0, (out, err)
            assert os.listdir(made) == ["unet.pt2"], "nothing is left beside it"
            (made / "result.json").write_text(out)
            try:
                os.rename(made, kept)
            except OSError:
                assert kept.is_dir(), "another test run was as quick"
    return kept / "unet.pt2", json.loads((kept / "result.json").read_text())


def digest_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def retold(package: Path, target: Path, change) -> dict:
    """A copy of the package whose metadata is what `change` makes of it, as the option `compiled` has it."""
    with zipfile.ZipFile(package) as source, zipfile.ZipFile(target, "w") as copy:
        for item in source.infolist():
            data = source.read(item)
            if item.filename.endswith("wrapper_metadata.json"):
                data = json.dumps(change(json.loads(data))).encode()
            copy.writestr(item, data)
    return {"file": str(target), "sha256": digest_of(target)}


def note(**fields):
    """Changes fields of what the command says of the network."""
    def change(metadata):
        told = json.loads(metadata["darkroom.sdxl_unet"])
        told.update({name: value(told[name]) if callable(value) else value for name, value in fields.items()})
        return {**metadata, "darkroom.sdxl_unet": json.dumps(told)}

    return change
