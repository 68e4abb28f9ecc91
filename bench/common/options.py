# SPDX-License-Identifier: Apache-2.0
"""The arguments that scripts/bench hands to every benchmark."""

import argparse
from pathlib import Path


def parse(title: str) -> argparse.Namespace:
    """`build`, `json` (or None), and `pace`: quick, default or long."""
    parser = argparse.ArgumentParser(description=title)
    parser.add_argument("--build", type=Path, required=True, help="CMake build folder")
    parser.add_argument("--json", type=Path, help="write the result to this file")
    length = parser.add_mutually_exclusive_group()
    for name in ("quick", "long"):
        length.add_argument(f"--{name}", dest="pace", action="store_const", const=name)
    parser.set_defaults(pace="default")
    arguments = parser.parse_args()
    arguments.build = arguments.build.resolve()
    return arguments
