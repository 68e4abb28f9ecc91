# SPDX-License-Identifier: Apache-2.0
"""Figures and ratios of made-up samples, worked out by hand."""

import pytest
from echo.figures import CELLS, figures_of, ratios_of


def sample(rps=100.0, p50=10.0, cpu=5.0, errors=0) -> dict:
    return {
        "rps": rps,
        "p50_us": p50,
        "p99_us": 20.0,
        "p999_us": 30.0,
        "client_cpu_us": 7.0,
        "cpu_us": {"responder": cpu, "broker": 9.0},
        "errors": errors,
    }


def everywhere(rounds: list[dict]) -> dict:
    return {cell.key: rounds for cell in CELLS}


def test_figures_are_medians_by_metric_and_cell():
    figures = figures_of(everywhere([sample(rps=1.0), sample(rps=50.0), sample(rps=2.0)]))
    assert figures["rps_c1"] == 2.0
    assert figures["rps_c64_256k"] == 2.0
    assert figures["cpu_us_c16"] == 5.0
    assert figures["broker_cpu_us_c16"] == 9.0


def test_errors_of_all_rounds_and_cells_are_added():
    figures = figures_of(everywhere([sample(errors=1), sample(errors=2)]))
    assert figures["errors"] == 3 * len(CELLS)


def test_a_responder_without_a_broker_has_used_none():
    alone = sample()
    del alone["cpu_us"]["broker"]
    assert figures_of(everywhere([alone]))["broker_cpu_us_c1"] == 0.0


def test_ratios_are_taken_within_rounds():
    # The machine was ten times as fast in the second round, for both alike.
    samples = {
        "ours": everywhere([sample(rps=80.0, cpu=10.0), sample(rps=800.0, cpu=1.0)]),
        "bare": everywhere([sample(rps=100.0, cpu=5.0), sample(rps=1000.0, cpu=0.5)]),
    }
    ratios = ratios_of(samples, "ours", ["bare"], "bare")
    assert ratios["throughput_vs_bare_c64"] == pytest.approx(0.8)
    assert ratios["cpu_vs_bare_c64"] == pytest.approx(2.0)


def test_each_ratio_is_against_whoever_does_best_in_it():
    samples = {
        "ours": everywhere([sample(rps=100.0, p50=50.0, cpu=12.0)]),
        "fast": everywhere([sample(rps=200.0, p50=40.0, cpu=8.0)]),
        "cheap": everywhere([sample(rps=150.0, p50=45.0, cpu=6.0)]),
        "quick": everywhere([sample(rps=150.0, p50=20.0, cpu=9.0)]),
        "receipt": everywhere([sample(rps=80.0, cpu=10.0)]),
    }
    assert ratios_of(samples, "ours", ["fast", "cheap", "quick"], "receipt") == pytest.approx(
        {
            "throughput_vs_bare_c64": 0.5,
            "cpu_vs_bare_c64": 2.0,
            "added_p50_us_c1": 30.0,
            "throughput_vs_receipt_c64": 1.25,
            "cpu_vs_receipt_c64": 1.2,
            "throughput_vs_bare_c64_256k": 0.5,
            "cpu_vs_bare_c64_256k": 2.0,
            "added_p50_us_c1_256k": 30.0,
            "throughput_vs_receipt_c64_256k": 1.25,
            "cpu_vs_receipt_c64_256k": 1.2,
        }
    )


def test_the_best_is_so_over_all_rounds_not_in_a_lucky_one():
    samples = {
        "ours": everywhere([sample(rps=100.0)] * 3),
        "steady": everywhere([sample(rps=100.0)] * 3),
        "lucky": everywhere([sample(rps=50.0), sample(rps=50.0), sample(rps=1000.0)]),
    }
    assert ratios_of(samples, "ours", ["steady", "lucky"], "lucky")["throughput_vs_bare_c64"] == 1.0


def test_rounds_must_be_complete():
    samples = {"ours": everywhere([sample()] * 2), "bare": everywhere([sample()])}
    with pytest.raises(ValueError):
        ratios_of(samples, "ours", ["bare"], "bare")
