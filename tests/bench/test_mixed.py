# SPDX-License-Identifier: Apache-2.0
"""The quick form of bench/mixed: every figure there, and nothing failed. No value of a time is
looked at.
"""

import math

import pytest
from conftest import quick_result

FIGURES = {
    *("step_ms", "interactive", "interactive_p50_ms", "interactive_p99_ms", "interactive_max_ms"),
    *("interactive_run_ms", "interactive_share", "late_p99_ms", "bulk_jobs_per_s_alone"),
    *("bulk_jobs_per_s_beside", "bulk_loss", "bulk_waiting", "errors", "rounds", "seconds"),
}


@pytest.fixture(scope="module")
def mixed(tmp_path_factory) -> dict:
    return quick_result("mixed", tmp_path_factory.mktemp("bench"))


def test_has_its_keys(mixed):
    assert set(mixed["figures"]) == FIGURES
    assert set(mixed["ratios"]) == {"interactive_p99_vs_step", "bulk_loss_beyond_share"}
    assert mixed["peers"] == {}
    for key, value in {**mixed["figures"], **mixed["ratios"]}.items():
        assert math.isfinite(value), key


def test_both_kinds_went_on_and_bulk_jobs_waited(mixed):
    figures = mixed["figures"]
    assert figures["interactive"] > 0
    assert figures["bulk_jobs_per_s_alone"] > 0
    assert figures["bulk_jobs_per_s_beside"] > 0
    assert figures["bulk_waiting"] > 100
    assert figures["interactive_run_ms"] >= 5


def test_nothing_failed(mixed):
    assert mixed["figures"]["errors"] == 0
