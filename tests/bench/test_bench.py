# SPDX-License-Identifier: Apache-2.0
"""scripts/bench, and the quick form of echo: every figure there, finite, without errors.

No value of a time is looked at: that is what the benchmarks are for, on a machine that does nothing
else.
"""

import math

import pytest
from conftest import quick_result, scripts_bench

CELLS = ["c1", "c16", "c64", "c1_256k", "c16_256k", "c64_256k"]
METRICS = ["rps", "p50_us", "p99_us", "p999_us", "cpu_us", "broker_cpu_us", "client_cpu_us"]
FIGURES = {f"{metric}_{cell}" for metric in METRICS for cell in CELLS} | {"errors"}
PEERS = {"bare_queue", "bare_asap", "bare_send", "bare_receipt", "nats_py", "mosec"}
RATIOS = {
    "throughput_vs_bare_c64",
    "cpu_vs_bare_c64",
    "added_p50_us_c1",
    "throughput_vs_receipt_c64",
    "cpu_vs_receipt_c64",
    "throughput_vs_bare_c64_256k",
    "cpu_vs_bare_c64_256k",
    "added_p50_us_c1_256k",
    "throughput_vs_receipt_c64_256k",
    "cpu_vs_receipt_c64_256k",
}


@pytest.fixture(scope="module")
def echo(tmp_path_factory) -> dict:
    return quick_result("echo", tmp_path_factory.mktemp("bench"))


def test_lists_the_benchmarks():
    done = scripts_bench()
    assert done.returncode == 0
    assert "echo" in done.stdout


def test_refuses_a_benchmark_that_is_not_there():
    done = scripts_bench("no_such_benchmark")
    assert done.returncode != 0
    assert "no_such_benchmark" in done.stderr


def test_echo_has_its_keys(echo):
    assert set(echo["figures"]) == FIGURES | {"rounds", "seconds"}
    assert set(echo["peers"]) == PEERS
    for peer in echo["peers"].values():
        assert set(peer) == FIGURES
    assert set(echo["ratios"]) == RATIOS


def test_echo_figures_are_finite_and_not_negative(echo):
    for group in [echo["figures"], *echo["peers"].values()]:
        for key, value in group.items():
            assert math.isfinite(value) and value >= 0, key
    for key, value in echo["ratios"].items():
        assert math.isfinite(value), key


def test_echo_measured_every_cell(echo):
    for group in [echo["figures"], *echo["peers"].values()]:
        for cell in CELLS:
            assert group[f"rps_{cell}"] > 0
            assert group[f"cpu_us_{cell}"] > 0


def test_echo_without_errors(echo):
    assert echo["figures"]["errors"] == 0
    assert {name: peer["errors"] for name, peer in echo["peers"].items() if peer["errors"]} == {}
