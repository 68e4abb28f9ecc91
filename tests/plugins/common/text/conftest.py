# SPDX-License-Identifier: Apache-2.0
"""The fixture that all tests of tokenizers share."""

import json
import subprocess

import pytest
from comparing import TOOL


@pytest.fixture
def run_tool(tmp_path):
    def run(folder, lines, *options):
        (tmp_path / "in").write_text("".join(json.dumps(line) + "\n" for line in lines))
        done = subprocess.run([TOOL, folder, tmp_path / "in", tmp_path / "out", *map(str, options)], capture_output=True,
                              text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in (tmp_path / "out").read_text().split("\n")[:-1]]

    return run
