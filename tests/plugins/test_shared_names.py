# SPDX-License-Identifier: Apache-2.0
"""No two shared libraries of a plugin may define the same thing.

The loader gives both the first one it finds. A library of the system and libc10 had a variable of the same name and
other sizes, and wrote over each other's memory: a hang far away from its cause.
"""

import os
import re
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest

PLUGINS = sorted(Path(os.environ["DARKROOM_PLUGINS"]).glob("*.so"))
TORCH = (Path(os.environ["DARKROOM_DEPS"]) / "torch").resolve()


def libraries(plugin: Path) -> list[Path]:
    """What the loader brings in with it, without what is the compiler's and the C library's own."""
    listed = subprocess.run(["ldd", plugin], capture_output=True, text=True, check=True).stdout
    found = [Path(path).resolve() for path in re.findall(r"=> (/\S+)", listed)]
    of_host = re.compile(r"(ld-linux.*|lib(c|m|dl|rt|pthread|util|stdc\+\+|gcc_s))(\.|-)")
    return [path for path in found if not of_host.match(path.name)]


def definitions(library: Path) -> set[str]:
    """Functions and variables that are not weak: there are to be no second ones of them."""
    listed = subprocess.run(
        ["nm", "--dynamic", "--defined-only", "--without-symbol-versions", library],
        capture_output=True, text=True, check=True).stdout
    return {line.split()[2] for line in listed.splitlines() if line.split()[1] in "TDBRG"}


def test_there_are_plugins():
    assert PLUGINS


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda path: path.stem)
def test_no_name_is_defined_twice(plugin):
    found = libraries(plugin)
    owners = defaultdict(list)
    for library in found:
        for name in definitions(library):
            owners[name].append(library)
    twice = {name: [one.name for one in where] for name, where in owners.items()
             # What PyTorch's own libraries have in common is their affair.
             if len(where) > 1 and not all(TORCH in one.parents for one in where)}
    assert not twice
