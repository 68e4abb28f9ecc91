# SPDX-License-Identifier: Apache-2.0
"""Stable Diffusion XL with few and random weights, and what diffusers draws with it, made by tests/plugins/sdxl/reference.py."""

import json
import os
import subprocess
import sys

from harness import REPOSITORY, deps

PROMPT = "a red cube on a table"


def python_environment():
    return {**os.environ, "DARKROOM_DEPS": str(deps()), "LD_LIBRARY_PATH": str(deps() / "cuda-stubs"), "HF_HUB_OFFLINE": "1"}


def make(folder, requests=None):
    """folder/model, folder/loras and others, as reference.py says, and folder/NAME.npy of each request."""
    done = subprocess.run([sys.executable, REPOSITORY / "tests/plugins/sdxl/reference.py", folder], input=json.dumps(requests or {}),
                          env=python_environment(), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-4000:]
    return folder


def as_reference(params):
    """The same request as arguments of reference.py's draw()."""
    request = {"seed": 0, **params}
    request["prompt"] = (PROMPT, request.pop("prompt_2", PROMPT))
    if "negative_prompt" in request:
        first = request.pop("negative_prompt")
        request["negative"] = (first, request.pop("negative_prompt_2", first))
    if "loras" in request:
        request["loras"] = [(lora["name"], lora.get("weight", 1)) for lora in request["loras"]]
    for ours, theirs in (("crops", "crop"), ("num_images", "pictures")):
        if ours in request:
            request[theirs] = request.pop(ours)
    return request
