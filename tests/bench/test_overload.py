# SPDX-License-Identifier: Apache-2.0
"""The quick form of bench/overload: every figure there, and nothing lost, doubled, wrong or run in
vain. No value of a time is looked at.
"""

import math

import pytest
from conftest import quick_result

FIGURES = {
    *("capacity_rps", "offered_rps", "offered_vs_capacity", "goodput_rps", "goodput_vs_capacity"),
    *("results_vs_capacity", "refused", "reject_p50_ms", "reject_p99_ms", "reject_max_ms"),
    *("served_p99_ms", "late_p99_ms", "requests", "expired", "expired_run", "late_results"),
    *("runs_for_nothing", "lost", "doubled", "errors"),
    *("p99_ms_before", "p99_ms_after", "recovery_s"),
    *("rss_mib_before", "rss_mib_most", "rss_mib_after", "rss_growth"),
}


@pytest.fixture(scope="module")
def overload(tmp_path_factory) -> dict:
    return quick_result("overload", tmp_path_factory.mktemp("bench"))


def test_has_its_keys(overload):
    assert set(overload["figures"]) == FIGURES
    assert set(overload["ratios"]) == {"goodput_vs_capacity", "rss_growth"}
    assert overload["peers"] == {}
    for key, value in overload["figures"].items():
        assert math.isfinite(value) and value >= 0, key


def test_there_was_too_much_to_do_and_it_was_refused(overload):
    figures = overload["figures"]
    assert figures["offered_vs_capacity"] > 2
    assert figures["refused"] > figures["requests"] / 2
    assert figures["goodput_rps"] > 0


def test_nothing_is_lost_doubled_or_wrong(overload):
    figures = overload["figures"]
    assert (figures["lost"], figures["doubled"], figures["errors"]) == (0, 0, 0)


def test_no_job_runs_whose_deadline_has_passed(overload):
    assert overload["figures"]["expired_run"] == 0


def test_memory_was_looked_at(overload):
    assert overload["figures"]["rss_mib_before"] > 0
    assert overload["figures"]["rss_growth"] > 0
