# SPDX-License-Identifier: Apache-2.0
"""What gpu-check knows of the host: its GPU, by nvidia-smi, its libtorch and itself."""

from __future__ import annotations

import ctypes
import glob
import importlib.util
import os
import platform
import re
import shutil
import subprocess
import time
from pathlib import Path

# Where drivers put their files in containers that do not tell the loader or the shell.
_DRIVER_BIN = ["/usr/bin", "/usr/local/nvidia/bin", "/opt/nvidia/bin"]
_DRIVER_LIB = ["/usr/local/nvidia/lib64", "/usr/local/nvidia/lib", "/usr/lib64", "/usr/lib/wsl/lib"]
_SMI_SECONDS = 60  # the first call after a start may wake the driver
# How long the driver may take to give back the memory of a process that has ended.
_RELEASE_SECONDS = 5


def _number(text: str) -> int | None:
    """nvidia-smi's number, or None for '[N/A]', '[Not Supported]' and the like."""
    try:
        return int(float(text))
    except ValueError:
        return None


class Gpu:
    """The GPU that is cuda:0 in a program started from here, as nvidia-smi sees it."""

    def __init__(self, smi: str | None, selector: str):
        self._smi = smi
        self._selector = selector

    @classmethod
    def find(cls) -> Gpu | None:
        # Programs number GPUs as nvidia-smi does only if they are told to: see environment().
        visible = os.environ.get("CUDA_VISIBLE_DEVICES")
        selector = "0" if visible is None else visible.split(",")[0].strip()
        if selector in ("", "-1", "none", "NoDevFiles"):
            return None
        smi = shutil.which("nvidia-smi") or shutil.which("nvidia-smi", path=":".join(_DRIVER_BIN))
        gpu = cls(smi, selector)
        if gpu._query("name") is not None:
            return gpu
        # A GPU whose nvidia-smi is missing or broken can still be computed on.
        return cls(None, selector) if glob.glob("/dev/nvidia[0-9]*") else None

    def _query(self, field: str) -> str | None:
        if self._smi is None:
            return None
        command = [self._smi, f"--query-gpu={field}", "--format=csv,noheader,nounits"]
        try:
            done = subprocess.run(
                [*command, "-i", self._selector],
                capture_output=True,
                text=True,
                timeout=_SMI_SECONDS,
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        lines = done.stdout.strip().splitlines()
        return lines[0].strip() if done.returncode == 0 and lines else None

    def describe(self) -> dict:
        """Each field is None where nvidia-smi does not tell."""
        return {
            "name": self._query("name"),
            "driver": self._query("driver_version"),
            "memory_mib": _number(self._query("memory.total") or ""),
            "compute_capability": self._query("compute_cap"),
        }

    def used_mib(self) -> int | None:
        """Memory in use by all programs together: those of others count, too."""
        return _number(self._query("memory.used") or "")

    def used_mib_after_exit(self, before: int | None) -> int | None:
        """The same, once it is back at `before`, or after a while."""
        end = time.monotonic() + _RELEASE_SECONDS
        while True:
            used = self.used_mib()
            if used is None or before is None or used <= before or time.monotonic() > end:
                return used
            time.sleep(0.2)


def environment(gpu: Gpu | None) -> dict:
    """The environment for programs that compute on the GPU."""
    changed = dict(os.environ)
    if gpu is None:
        return changed
    changed["CUDA_DEVICE_ORDER"] = "PCI_BUS_ID"
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        folders = [f for f in _DRIVER_LIB if os.path.exists(f"{f}/libcuda.so.1")]
        known = changed.get("LD_LIBRARY_PATH")
        changed["LD_LIBRARY_PATH"] = ":".join([known] * bool(known) + folders)
    return changed


def find_torch(named: str | None) -> Path:
    """The folder of the Python package torch, whose lib holds libtorch. ValueError says why not."""
    if named is None:
        try:
            found = importlib.util.find_spec("torch")  # of a package by its bare name: runs nothing
        except (ImportError, ValueError):
            found = None
        if found is None or not found.submodule_search_locations:
            raise ValueError("this host's python3 has no package torch; name libtorch: --torch DIR")
        named = found.submodule_search_locations[0]
    folder = Path(named).resolve()
    for candidate in (folder, folder / "torch", folder.parent):
        if (candidate / "lib" / "libtorch_cpu.so").is_file():
            return candidate
    raise ValueError(f"there is no libtorch in {named}: lib/libtorch_cpu.so is missing")


def torch_versions(folder: Path) -> dict:
    """Read from the package's text; None where it has none, as a bare libtorch."""
    try:
        text = (folder / "version.py").read_text()
    except OSError:
        text = ""
    version = re.search(r"^__version__ = '([^']+)'", text, re.MULTILINE)
    cuda = re.search(r"^cuda\b[^=\n]*= '([^']+)'", text, re.MULTILINE)
    return {"torch": version and version[1], "torch_cuda": cuda and cuda[1]}


def machine() -> dict:
    cpu = platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            cpu = line.split(":", 1)[1].strip()
            break
    return {
        "cpu": cpu,
        "cores": len(os.sched_getaffinity(0)),
        "kernel": platform.release(),
        "memory_mib": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 20,
        "libc": " ".join(platform.libc_ver()),
        "python": platform.python_version(),
    }
