# SPDX-License-Identifier: Apache-2.0
"""docs/writing-a-plugin.md, done as it says: its commands, in its order, in an empty home."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from harness import deps, free_port
from pictures import decode, encode, quarters

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ["DARKROOM_BIN"]).parent
BLOCKS = re.findall(r"```sh\n(.*?)```", (ROOT / "docs" / "writing-a-plugin.md").read_text(), re.DOTALL)


class Reader:
    """Somebody with a terminal, who types what the page says."""

    def __init__(self, home: Path):
        self.home = home
        self.folder = ROOT
        # The page says build/dev; this build is what is tested.
        self.environment = os.environ | {"HOME": str(home)}
        self.environment["PATH"] = f"{deps() / 'bin'}:{os.environ['PATH']}"

    def types(self, block: str) -> str:
        """Goes on in the folder and with the variables that the block leaves."""
        block = block.replace("build/dev", str(BUILD)).replace(f"$PWD/{BUILD}", str(BUILD))
        done = subprocess.run(
            ["bash", "-euc", f"{block}\necho; echo ---; pwd; echo $PATH"],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, f"{block}\n{done.stdout}{done.stderr}"
        said, left = done.stdout.rsplit("---\n", 1)
        folder, self.environment["PATH"] = left.splitlines()
        self.folder = Path(folder)
        return said

    def starts(self, block: str) -> subprocess.Popen:
        return subprocess.Popen(
            block.split(), cwd=self.folder, env=self.environment, stderr=subprocess.PIPE, text=True
        )


@pytest.fixture
def reader(tmp_path):
    return Reader(tmp_path)


def test_the_page_from_its_beginning_to_a_served_plugin(reader):
    install, begin, build, serve, use, again = BLOCKS
    reader.types(install)
    reader.types(begin)
    assert reader.folder == reader.home / "sepia"
    # The page's port may be taken on this machine.
    port = free_port()
    config = reader.folder / "darkroom.yaml"
    config.write_text(config.read_text().replace("4222", str(port)))
    reader.environment["NATS_URL"] = f"nats://127.0.0.1:{port}"
    said = reader.types(build)
    assert "its file is unmapped when it goes" in said and "ok, 1 models" in said

    picture = quarters(40, 30)
    (reader.folder / "photo.png").write_bytes(encode(picture))
    daemon = reader.starts(serve)
    try:
        for line in daemon.stderr:
            if " ready:" in line:
                break
        shown = reader.types(use)
        assert re.search(r"strength +number +1 +0", shown), shown
        reader.types("darkroom run sepia -i photo.png -o same.png -p strength=0")
        reader.types("darkroom run sepia -i photo.png -o turned.png")
        refused = subprocess.run(
            ["darkroom", "run", "sepia", "-i", "photo.png", "-o", "no.png", "-p", "strength=2"],
            cwd=reader.folder,
            env=reader.environment,
            capture_output=True,
            text=True,
        )
        assert refused.returncode != 0 and "strength" in refused.stderr
    finally:
        daemon.terminate()
        daemon.stderr.read()
        assert daemon.wait(30) == 0

    def pixels(name: str) -> bytes:
        return decode((reader.folder / name).read_bytes()).convert("RGB").tobytes()

    original = picture.convert("RGB").tobytes()
    assert pixels("same.png") == original
    assert pixels("turned.png") == bytes(255 - value for value in original)
    expected = [round(value + 0.8 * (255 - 2 * value)) for value in original]
    difference = max(abs(a - b) for a, b in zip(pixels("negative.png"), expected, strict=True))
    assert difference <= 1, "but for how halves are rounded"
    reader.types(again)


def test_check_tells_a_plugin_from_what_is_none(reader):
    plugins = Path(os.environ["DARKROOM_PLUGINS"])
    for file, code, words in (
        (plugins / "echo.so", 0, "is unmapped when it goes"),
        (plugins / "enhance.so", 0, "stays mapped"),
        (plugins / "nothing.so", 3, "nothing.so"),
        (deps() / "bin" / "nats-server", 8, "nats-server"),
    ):
        done = subprocess.run(
            [BUILD / "bin" / "darkroom", "plugins", "check", str(file)],
            env=reader.environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == code and words in done.stdout + done.stderr, done


def test_new_refuses_what_it_cannot_write(reader):
    reader.types('export PATH="$PWD/build/dev/bin:$PATH"\ncd "$HOME"')
    (reader.home / "something").touch()
    for arguments, code, words in (
        (["No Name"], 2, "cannot name a plugin"),
        (["mine", "--folder", "."], 8, "holds something already"),
    ):
        done = subprocess.run(
            ["darkroom", "plugins", "new", *arguments],
            cwd=reader.folder,
            env=reader.environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == code and words in done.stderr, done
