# SPDX-License-Identifier: Apache-2.0
"""bench/batching: figures of made-up samples, worked out by hand, and its quick form. No value of a
time is looked at.
"""

import math

import pytest
from batching.figures import IDEAL_RPS, METRICS, figures_of, ratios_of
from batching.servers import OURS, python_of
from conftest import quick_result

PEERS = {"mosec", "litserve", "pytriton"}  # Ray takes too long to start for a quick run


def sample(rps=800.0, p99_us=50_000.0, errors=0) -> dict:
    return {
        "rps": rps,
        "p50_us": 40_000.0,
        "p99_us": p99_us,
        "client_cpu_us": 7.0,
        "cpu_us": {"responder": 30.0},
        "errors": errors,
    }


def test_the_ideal_is_full_batches_without_a_pause():
    assert IDEAL_RPS == 1600


def test_figures_are_medians_over_rounds():
    rounds = [sample(800, errors=1), sample(1520, p99_us=60_000), sample(1200, errors=2)]
    figures = figures_of(rounds)
    assert figures["rps"] == 1200
    assert figures["share_of_ideal"] == 0.75
    assert figures["p99_ms"] == 50
    assert figures["broker_cpu_us"] == 0
    assert figures["errors"] == 3


def test_ratios_are_taken_within_rounds():
    # The machine was half as fast in the second round, for both alike.
    samples = {
        OURS: [sample(rps=1600), sample(rps=800), sample(rps=1400)],
        "mosec": [sample(rps=1280), sample(rps=640), sample(rps=700)],
    }
    assert ratios_of(samples, OURS) == pytest.approx(
        {"throughput_vs_ideal": 0.875, "throughput_vs_mosec": 1.25}
    )


@pytest.fixture(scope="module")
def batching(tmp_path_factory) -> dict:
    return quick_result("batching", tmp_path_factory.mktemp("bench"))


def test_has_its_keys(batching):
    figures = {*METRICS, "errors"}
    assert set(batching["figures"]) == figures | {"rounds", "seconds"}
    assert set(batching["peers"]) <= PEERS
    for peer in batching["peers"].values():
        assert set(peer) == figures
    peers = {f"throughput_vs_{name}" for name in batching["peers"]}
    assert set(batching["ratios"]) == {"throughput_vs_ideal"} | peers
    for group in [batching["figures"], batching["ratios"], *batching["peers"].values()]:
        for key, value in group.items():
            assert math.isfinite(value) and value >= 0, key


def test_mosec_is_among_the_peers_where_it_is_installed(batching):
    if python_of("mosec") is None:
        pytest.skip("there is no Python of the peers: scripts/setup")
    assert "mosec" in batching["peers"]


def test_every_reply_had_the_bytes_of_its_request(batching):
    assert batching["figures"]["rps"] > 0
    assert batching["figures"]["errors"] == 0
    peers = batching["peers"].items()
    assert {name: peer["errors"] for name, peer in peers if peer["errors"]} == {}
