# SPDX-License-Identifier: Apache-2.0
"""Figures and ratios of bench/jobs of made-up samples, worked out by hand."""

import pytest
from jobs.figures import figures_of, ratios_of


def sample(rate=100.0, p99=8.0, cpu=20.0, broker=30.0, errors=0) -> dict:
    load = {
        "p50_ms": p99 / 2,
        "p99_ms": p99,
        "late_p99_ms": 0.5,
        "cpu_us": {"worker": cpu, "broker": broker},
        "client_cpu_us": 5.0,
        "errors": errors,
    }
    return {"full": {**load, "jobs_per_s": rate}, "half": {**load, "jobs_per_s": rate / 2}}


SAMPLES = {
    "always": {
        "darkroom": [sample(100, p99=9), sample(60, p99=30), sample(90, p99=10, errors=1)],
        "bare": [sample(200), sample(80), sample(300)],
        "bare_with_result": [sample(100, cpu=10), sample(100, cpu=10), sample(100, cpu=5)],
        "celery": [sample(10), sample(10), sample(10)],
    },
    "default": {
        "darkroom": [sample(1000)] * 3,
        "bare": [sample(2000)] * 3,
        "bare_with_result": [sample(1250, broker=15)] * 3,
        "celery": [sample(100, errors=2)] * 3,
    },
}


def test_figures_are_medians_over_rounds():
    figures = figures_of(SAMPLES, "darkroom")
    assert figures["jobs_per_s"] == 90
    assert figures["p99_ms_half_load"] == 10
    assert figures["p50_ms_full_load"] == 5
    assert figures["jobs_per_s_default"] == 1000
    assert figures["jobs_per_s_half_load_default"] == 500
    assert figures["errors"] == 2  # of both loads
    assert figures_of(SAMPLES, "celery")["errors"] == 12


def test_a_ratio_is_taken_within_each_round():
    ratios = ratios_of(SAMPLES, "darkroom")
    expected = {
        "throughput_vs_ceiling": 0.5,  # of 0.5, 0.75 and 0.3
        "throughput_vs_result": 0.9,
        "throughput_vs_queue_peer": 9.0,
        "cpu_vs_result": 2.0,
        "throughput_vs_ceiling_default": 0.5,
        "throughput_vs_result_default": 0.8,
        "throughput_vs_queue_peer_default": 10.0,
        "broker_cpu_vs_result_default": 2.0,
    }
    assert {key: ratios[key] for key in expected} == pytest.approx(expected)


def test_a_peer_that_was_not_measured_has_no_ratios():
    samples = {
        setting: {name: rounds for name, rounds in queues.items() if name != "celery"}
        for setting, queues in SAMPLES.items()
    }
    ratios = ratios_of(samples, "darkroom")
    assert "throughput_vs_ceiling" in ratios
    assert [key for key in ratios if "queue_peer" in key] == []
