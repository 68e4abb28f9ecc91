# SPDX-License-Identifier: Apache-2.0
"""Makes the modules of the end-to-end tests importable: the torture starts the same programs."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
