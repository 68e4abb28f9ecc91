# SPDX-License-Identifier: Apache-2.0
"""The quick form of bench/reload: every figure there, and nothing lost, doubled or wrong. No value
of a time is looked at.
"""

import math
from pathlib import Path

import pytest
from conftest import quick_result
from reload.figures import HELD, PERCENTS

CASES = ["echo", "echo_in_process", "enhance"]
NONE_ALLOWED = ["lost", "doubled", "errors", "failed_upgrades"]
METRICS = {
    *NONE_ALLOWED,
    *("requests", "upgrades", "upgrade_p50_ms", "upgrade_max_ms", "resident", "crashes"),
    *("late_p99_ms", "max_during_ms", "max_without_ms"),
    *(f"{key}_at_{percent}" for key in HELD for percent in PERCENTS),
    *(f"{unit}_per_upgrade{late}" for unit, _ in HELD.values() for late in ("", "_late")),
}
for _key in ("p50_during", "p50_without", "p99_during", "p99_without"):
    METRICS |= {f"{_key}_ms", f"{_key}_us_per_upgrade"}
    METRICS |= {f"{_key}_ms_at_{percent}" for percent in PERCENTS[1:]}


@pytest.fixture(scope="module")
def reload(tmp_path_factory) -> dict:
    return quick_result("reload", tmp_path_factory.mktemp("bench"))


@pytest.fixture(scope="module")
def cases(reload) -> list[str]:
    """Those that could be run: enhance wants weights."""
    found = [case for case in CASES if f"lost_{case}" in reload["figures"]]
    assert set(found) >= {"echo", "echo_in_process"}
    return found


def test_has_its_keys(reload, cases):
    expected = set(NONE_ALLOWED) | {f"{metric}_{case}" for metric in METRICS for case in cases}
    assert set(reload["figures"]) == expected
    assert set(reload["ratios"]) == {
        f"{key}_during_vs_without_{case}" for key in ("p50", "p99") for case in cases
    }
    assert reload["peers"] == {}
    for key, value in {**reload["figures"], **reload["ratios"]}.items():
        assert math.isfinite(value), key


def test_nothing_is_lost_doubled_or_wrong(reload):
    assert {key: reload["figures"][key] for key in NONE_ALLOWED} == dict.fromkeys(NONE_ALLOWED, 0)


def test_every_upgrade_happened_and_none_crashed(reload, cases):
    for case in cases:
        assert reload["figures"][f"requests_{case}"] > 0
        assert reload["figures"][f"upgrades_{case}"] == 10
        assert reload["figures"][f"crashes_{case}"] == 0
        assert reload["figures"][f"p50_without_ms_{case}"] > 0


def test_the_versions_of_a_plugin_differ_in_what_is_behind_it(tmp_path):
    pytest.importorskip("nats")
    from reload.scene import make_versions

    plugin = tmp_path / "echo.so"
    plugin.write_bytes(b"\x7fELF and so on")
    one, two = make_versions(plugin, tmp_path)
    assert one.read_bytes() != two.read_bytes()
    for version in (one, two):
        assert version.read_bytes().startswith(plugin.read_bytes())
        assert version.name == plugin.name and isinstance(version, Path)
        assert version.stat().st_mode & 0o022 == 0
