# SPDX-License-Identifier: Apache-2.0
"""Makes bench/ importable, and finds the build that DARKROOM_BUILD names."""

import os
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "bench"))


@pytest.fixture
def build() -> Path:
    """The CMake build folder; ctest sets it."""
    return Path(os.environ["DARKROOM_BUILD"])
