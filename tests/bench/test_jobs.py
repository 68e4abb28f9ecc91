# SPDX-License-Identifier: Apache-2.0
"""The quick form of bench/jobs: every figure there, every job ended well. No value of a time is
looked at.
"""

import math

import pytest
from conftest import quick_result
from jobs.figures import METRICS, RATIOS, SUFFIXES

FIGURES = {f"{metric}{suffix}" for metric in METRICS for suffix in SUFFIXES.values()}


@pytest.fixture(scope="module")
def jobs(tmp_path_factory) -> dict:
    return quick_result("jobs", tmp_path_factory.mktemp("bench"))


@pytest.fixture(scope="module")
def peers(jobs) -> set[str]:
    """Celery wants packages that may not be had here."""
    assert set(jobs["peers"]) - {"celery"} == {"bare", "bare_with_result"}
    return set(jobs["peers"])


def test_has_its_keys(jobs, peers):
    ours = {"errors", "rounds", "seconds", "disk_sync_ms"}
    assert set(jobs["figures"]) == FIGURES | ours
    for peer in jobs["peers"].values():
        assert set(peer) == FIGURES | {"errors"}
    assert set(jobs["ratios"]) == {
        f"{ratio}{suffix}"
        for ratio, (_, peer) in RATIOS.items()
        for suffix in SUFFIXES.values()
        if peer in peers
    }
    assert {metric for metric, _ in RATIOS.values()} <= set(METRICS)


def test_figures_are_finite_and_everybody_was_measured(jobs):
    for group in [jobs["figures"], *jobs["peers"].values()]:
        for key, value in group.items():
            assert math.isfinite(value) and value >= 0, key
        for suffix in SUFFIXES.values():
            for metric in ("jobs_per_s", "cpu_us", "broker_cpu_us", "p99_ms_half_load"):
                assert group[metric + suffix] > 0, metric
    for key, value in jobs["ratios"].items():
        assert math.isfinite(value) and value > 0, key


def test_every_job_ended_well(jobs):
    assert jobs["figures"]["errors"] == 0
    assert {name: peer["errors"] for name, peer in jobs["peers"].items() if peer["errors"]} == {}


def test_celery_is_measured_where_it_is(peers):
    pytest.importorskip("jobs.scene")
    from jobs.scene import celery_python, redis_program

    if celery_python() is None or redis_program() is None:
        pytest.skip("Celery or Redis is not installed: bench/jobs/setup, scripts/setup")
    assert "celery" in peers
