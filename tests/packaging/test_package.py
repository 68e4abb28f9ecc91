# SPDX-License-Identifier: Apache-2.0
"""The Debian package: what is in it, and that it runs, is upgraded and goes, in a folder that is given to dpkg as the root.

The host's own packages are not touched.
"""

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/e2e"))

import bare_root  # noqa: E402
from harness import Program, deps, wait_until, weights_path  # noqa: E402
from pictures import decode, encode, quarters  # noqa: E402

BUILD = Path(os.environ["DARKROOM_BUILD"])
CONFIG = "etc/darkroom/darkroom.yaml"


def run(*command, **options) -> str:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=120, **options)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def package(tmp_path_factory) -> Path:
    made = run(ROOT / "scripts/package", "--build", BUILD, "--output", tmp_path_factory.mktemp("package"))
    return Path(made.strip())


class Installed:
    """A root of files with packages' records of its own; scripts of packages are told of it by $DPKG_ROOT."""

    def __init__(self, folder: Path):
        self.root = folder / "root"
        self.records = folder / "records"
        self.root.mkdir()
        for name in ("info", "updates", "triggers", "alternatives", "parts"):
            (self.records / name).mkdir(parents=True)
        (self.records / "status").touch()
        (self.records / "available").touch()

    def dpkg(self, *arguments):
        # Dependencies are the host's, which this root does not know.
        run("dpkg", f"--instdir={self.root}", f"--admindir={self.records}", f"--log={self.records}/log",
            "--force-depends", "--force-script-chrootless", "--no-triggers", *arguments, stdin=subprocess.DEVNULL)


@pytest.fixture(scope="module")
def installed(package, tmp_path_factory) -> Installed:
    if os.geteuid() != 0:
        pytest.skip("dpkg gives files to root, so only root can install")
    place = Installed(tmp_path_factory.mktemp("installed"))
    place.dpkg("--install", package)
    return place


FILES = (
    "usr/bin/darkroomd", "usr/bin/darkroom", "usr/bin/darkroom-worker", "usr/lib/darkroom/libdarkroom-host.so",
    "usr/lib/darkroom/plugins/echo.so", "usr/lib/darkroom/plugins/enhance.so", "usr/libexec/darkroom/nats-server",
    "usr/include/darkroom/plugin.h", "usr/lib/systemd/system/darkroomd.service",
    "usr/lib/systemd/system/darkroomd@.service", "usr/lib/sysusers.d/darkroom.conf", CONFIG,
    "usr/share/doc/darkroom/copyright", "usr/share/doc/darkroom/packages.md", "usr/share/darkroom/compile_unet.py")


def test_what_is_in_it(package):
    files = {line.split()[5][2:] for line in run("dpkg-deb", "--contents", package).splitlines()}
    assert set(FILES) <= files
    assert all(name.startswith(("usr/", "etc/")) for name in files if name)
    assert not [name for name in files if re.search(r"lib(torch|c10|cud)", name)]


def test_what_it_says(package):
    fields = run("dpkg-deb", "--field", package)
    assert "Package: darkroom\n" in fields and "Architecture: amd64\n" in fields
    needed = re.search(r"^Depends: (.*)$", fields, re.MULTILINE)[1]
    for library in ("libc6", "libssl3", "libseccomp2", "libspdlog", "libyaml-cpp"):
        assert library in needed
    # This host has them all, so it could be installed: nothing is asked for under a wrong name.
    run("dpkg", "--dry-run", "--install", package)


def test_units_name_files_of_the_package(installed):
    for unit in (installed.root / "usr/lib/systemd/system").glob("*.service"):
        text = unit.read_text()
        paths = re.findall(r"^ExecStart=(/\S+)", text, re.MULTILINE) + re.findall(r"file:(/\S+)", text)
        assert paths
        for path in paths:
            assert (installed.root / path[1:]).exists(), f"{unit.name}: {path}"


def configuration_for(root: Path, models: str) -> str:
    """The installed configuration, but with a port of the test's own, no pages, and the weights in that folder."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    text = (root / CONFIG).read_text()
    for old, new in {"  port: 4222 ": f"  port: {port} ", "listen: 127.0.0.1:9470": "listen: off",
                     "/var/lib/darkroom/models/": models}.items():
        assert old in text, old
        text = text.replace(old, new)
    return text


def test_it_needs_nothing_that_it_does_not_depend_on(package, tmp_path):
    if why := bare_root.why_not():
        pytest.skip(why)
    bare = bare_root.BareRoot(tmp_path / "root", run("dpkg-deb", "--field", package, "Depends"))
    run("dpkg-deb", "--extract", package, bare.root)
    text = configuration_for(bare.root, models="/var/lib/darkroom/models/")
    (bare.root / CONFIG).write_text(text)
    binds = {deps() / "torch": "/opt/darkroom/libtorch", deps() / "models": "/var/lib/darkroom/models"}
    url = re.search(r"^  port: (\d+)", text, re.MULTILINE)[1]
    (bare.root / "tmp/in.png").write_bytes(encode(quarters()))
    try:
        # Before darkroom-setup was run.
        done = bare.start("darkroom", "doctor", "--local", "--json", stdout=subprocess.PIPE)
        found = json.loads(done.communicate(timeout=60)[0])["checks"]
        assert {"libtorch", "weights"} <= {one["name"] for one in found if "darkroom-setup" in one.get("hint", "")}
        daemon = bare.start("darkroomd", binds=binds, stderr=subprocess.PIPE)
        told = ""
        while "ready:" not in told:
            line = daemon.stderr.readline()
            assert line, f"darkroomd ended: {told}"
            told += line
        assert re.search("^ok  *libtorch ", bare.run("darkroom", "doctor", "--local", binds=binds), re.MULTILINE)
        bare.run("darkroom", "--url", f"nats://127.0.0.1:{url}", "run", "photo-enhance-fast", "-i", "/tmp/in.png", "-o",
                 "/tmp/out.png")
        assert decode((bare.root / "tmp/out.png").read_bytes()).size == (192, 128)
    finally:
        bare.close()


def test_darkroom_setup_says_what_is_in_the_way(installed, tmp_path):
    setup = installed.root / "usr/sbin/darkroom-setup"
    assert "--models FOLDER" in run(setup, "--help")
    folders = ["--torch", tmp_path / "torch", "--models", tmp_path / "models"]
    nowhere = {**os.environ, "PIP_INDEX_URL": "http://127.0.0.1:1/", "PIP_RETRIES": "0", "PIP_NO_INDEX": "0", "PIP_FIND_LINKS": ""}
    for arguments, words in (
        (["--torch"], "--torch needs a folder"),
        (["--all"], "unknown argument --all"),
        (["--cpu", "--torch", "/proc/none"], "/proc/none cannot be written to"),
        (["--cpu", *folders], "is its package index reachable? then run this again"),
    ):
        done = subprocess.run([setup, *arguments], capture_output=True, text=True, env=nowhere, timeout=120)
        assert done.returncode == 1 and words in done.stderr, done.stderr


class Daemon(Program):
    """The installed darkroomd with the installed configuration, but for ports and folders that are the test's."""

    def __init__(self, folder: Path, installed: Installed):
        super().__init__("darkroomd", folder)
        text = configuration_for(installed.root, str(weights_path("realesr-animevideov3-x4").parent) + "/")
        self.url = "nats://127.0.0.1:" + re.search(r"^  port: (\d+)", text, re.MULTILINE)[1]
        (folder / "darkroom.yaml").write_text(text.replace("# torch_dir: /opt/darkroom", f"torch_dir: {deps() / 'torch/torch'} #"))
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(folder / "notify"))
        self.socket.setblocking(False)
        self.spawn([installed.root / "usr/bin/darkroomd", "--config", folder / "darkroom.yaml"],
                   {"NOTIFY_SOCKET": str(folder / "notify"), "STATE_DIRECTORY": str(folder / "state")})
        wait_until("darkroomd to be ready", self.ready)

    def ready(self) -> bool:
        assert self.running(), self.log
        try:
            return b"READY=1" in self.socket.recv(65536)
        except BlockingIOError:
            return False


def test_it_serves_as_it_was_installed(installed, tmp_path):
    daemon = Daemon(tmp_path, installed)
    command = [installed.root / "usr/bin/darkroom", "--url", daemon.url]
    try:
        (tmp_path / "in").write_bytes(b"some bytes")
        run(*command, "run", "echo", "-i", tmp_path / "in", "-o", tmp_path / "out")
        assert (tmp_path / "out").read_bytes() == b"some bytes"
        (tmp_path / "in.png").write_bytes(encode(quarters()))
        run(*command, "run", "photo-enhance-fast", "-i", tmp_path / "in.png", "-o", tmp_path / "out.png")
        assert decode((tmp_path / "out.png").read_bytes()).size == (192, 128)
        server = int(re.search(r"embedded nats-server: pid (\d+)", daemon.log)[1])
        assert os.readlink(f"/proc/{server}/exe") == str(installed.root / "usr/libexec/darkroom/nats-server")
    finally:
        daemon.close()
        daemon.socket.close()


def test_upgrade_removal_and_purge(installed, package):
    config = installed.root / CONFIG
    state = installed.root / "var/lib/darkroom/nats/jetstream"
    state.mkdir(parents=True)
    config.write_text(config.read_text() + "# mine\n")
    installed.dpkg("--install", package)
    assert config.read_text().endswith("# mine\n")
    assert state.exists()
    installed.dpkg("--remove", "darkroom")
    assert not (installed.root / "usr/bin/darkroomd").exists()
    assert config.exists() and state.exists()
    installed.dpkg("--purge", "darkroom")
    assert not config.exists() and not state.exists()
