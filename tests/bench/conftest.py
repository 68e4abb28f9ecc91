# SPDX-License-Identifier: Apache-2.0
"""Makes bench/ importable, finds the build that DARKROOM_BUILD names, and runs what is tested."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "bench"))

from common import programs  # noqa: E402
from common.programs import Program  # noqa: E402


@pytest.fixture
def build() -> Path:
    """The CMake build folder; ctest sets it."""
    return Path(os.environ["DARKROOM_BUILD"])


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    port = programs.free_port()
    binary = programs.nats_server_path()
    folder = tmp_path_factory.mktemp("nats")
    with Program("nats-server", [binary, "-a", "127.0.0.1", "-p", port], folder) as program:
        program.url = f"nats://127.0.0.1:{port}"
        programs.await_port(port)
        yield program


def scripts_bench(*arguments) -> subprocess.CompletedProcess:
    command = [REPOSITORY / "scripts" / "bench", *arguments]
    return subprocess.run([str(part) for part in command], capture_output=True, text=True)


def quick_result(name: str, folder: Path) -> dict:
    """What the quick form of a benchmark gives."""
    file = folder / f"{name}.json"
    done = scripts_bench(name, "--quick", "--json", file, "--build", os.environ["DARKROOM_BUILD"])
    assert done.returncode == 0, done.stderr
    result = json.loads(file.read_text())
    assert set(result) == {"name", "command", "commit", "machine", "figures", "peers", "ratios"}
    assert result["name"] == name
    assert result["command"] == f"scripts/bench {name} --quick"
    assert result["commit"]
    assert set(result["machine"]) == {"cpu", "cores", "kernel", "memory_mib"}
    for key in result["ratios"]:
        # The tables are for people, and ratios are what they look for. A table may have a column
        # for each number of requests in flight.
        assert (key.rpartition("_c")[0] or key) in done.stdout, key
    return result
