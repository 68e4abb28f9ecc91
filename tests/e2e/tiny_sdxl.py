# SPDX-License-Identifier: Apache-2.0
"""Stable Diffusion XL with few and random weights, made by tests/plugins/sdxl/reference.py: folder/model, folder/loras."""

import os
import subprocess
import sys

from harness import REPOSITORY, deps


def make(folder):
    done = subprocess.run(
        [sys.executable, REPOSITORY / "tests/plugins/sdxl/reference.py", folder],
        input="{}", capture_output=True, text=True, timeout=300,
        env={**os.environ, "DARKROOM_DEPS": str(deps()), "LD_LIBRARY_PATH": str(deps() / "cuda-stubs"),
             "HF_HUB_OFFLINE": "1"})
    assert done.returncode == 0, done.stderr[-4000:]
    return folder
