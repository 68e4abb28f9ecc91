# SPDX-License-Identifier: Apache-2.0
"""The units as systemd reads them: nothing in them is unknown to it, and what a service may do is little.

systemd-analyze reads files and asks no running systemd.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2] / "systemd"
BUILT = Path(os.environ.get("DARKROOM_UNITS", "."))
UNITS = ("darkroomd.service", "darkroomd@.service")

pytestmark = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze"
)


@pytest.fixture
def folder(tmp_path):
    """The units in a folder of their own, with a program that exists."""
    for name in UNITS:
        text = (BUILT / name).read_text()
        (tmp_path / name).write_text(re.sub(r"(Exec\w+)=\S+/darkroomd", r"\1=/bin/true", text))
    shutil.copy(SOURCE / "darkroom.target", tmp_path)
    return tmp_path


def analyze(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    environment = {**os.environ, "SYSTEMD_UNIT_PATH": f"{folder}:", "SYSTEMD_LOG_LEVEL": "warning"}
    return subprocess.run(
        ["systemd-analyze", *arguments], env=environment, text=True, capture_output=True, check=False
    )


def add(folder: Path, unit: str, name: str, text: str):
    drop_ins = folder / f"{unit}.d"
    drop_ins.mkdir(exist_ok=True)
    (drop_ins / name).write_text(text)


def exposure(folder: Path, unit: str) -> float:
    done = analyze(folder, "security", "--offline=true", "--no-pager", str(folder / unit))
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)
    assert found, done.stdout + done.stderr
    return float(found[1])


@pytest.mark.parametrize("unit", UNITS)
def test_systemd_knows_all_that_is_in_a_unit(folder, unit):
    name = unit.replace("@", "@0")
    done = analyze(folder, "verify", "--man=no", "--recursive-errors=no", name)
    complaints = [line for line in (done.stdout + done.stderr).splitlines() if "darkroom" in line]
    assert not complaints, "\n".join(complaints)


def test_what_systemd_does_not_know_is_told(folder):
    add(folder, UNITS[0], "wrong.conf", "[Service]\nRestrictNamespace=yes\n")
    done = analyze(folder, "verify", "--man=no", "--recursive-errors=no", UNITS[0])
    assert "RestrictNamespace" in done.stderr


@pytest.mark.parametrize("unit", UNITS)
def test_a_daemon_with_gpus_may_do_little(folder, unit):
    assert exposure(folder, unit) <= 1.5


@pytest.mark.parametrize("unit", UNITS)
def test_a_daemon_without_gpus_may_do_less(folder, unit):
    add(folder, unit, "cpu.conf", (SOURCE / "cpu.conf").read_text())
    assert exposure(folder, unit) <= 1.3


@pytest.mark.parametrize("line", ("RestrictNamespaces=no", "CapabilityBoundingSet=CAP_SYS_ADMIN",
                                  "SystemCallFilter=", "User=root"))
def test_a_unit_that_may_do_more_is_noticed(folder, line):
    add(folder, UNITS[0], "weak.conf", f"[Service]\n{line}\n")
    assert exposure(folder, UNITS[0]) > 1.5


def test_the_drop_in_leaves_no_device_of_a_gpu(folder):
    add(folder, UNITS[0], "cpu.conf", (SOURCE / "cpu.conf").read_text())
    done = analyze(folder, "security", "--offline=true", "--no-pager", str(folder / UNITS[0]))
    assert "nvidia" not in done.stdout


def test_the_user_is_the_one_that_is_made():
    user = re.search(r"^u (\S+)", (SOURCE / "darkroom.sysusers").read_text(), re.MULTILINE)[1]
    for unit in UNITS:
        assert f"\nUser={user}\n" in (BUILT / unit).read_text()
    owners = re.findall(r"^d \S+ \d+ (\S+) (\S+)", (SOURCE / "darkroom.tmpfiles").read_text(),
                        re.MULTILINE)
    assert owners and {name for pair in owners for name in pair} <= {"root", user}
