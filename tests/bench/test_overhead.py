# SPDX-License-Identifier: Apache-2.0
"""bench/overhead: ratios of made-up samples, and its quick form: every figure there, without
errors. No value of a time is looked at.
"""

import math

import pytest
from common.samples import METRICS
from conftest import quick_result
from overhead.figures import CELLS, our_figures, ratios_of

ISOLATIONS = ["in_process", "process"]
PEERS = {"bare_queue", "bare_asap", "bare_send", "bare_receipt"}
KEYS = ["c1", "c16", "c64", "c1_1mib", "c16_1mib", "c64_1mib"]
FIGURES = {f"{metric}_{key}" for metric in METRICS for key in KEYS}
MEMORY = {
    f"idle_{process}_{kind}_mib"
    for process in ("daemon", "daemon_with_worker", "worker")
    for kind in ("rss", "pss")
}


def ratio_keys() -> set[str]:
    keys = set()
    others = {"in_process": ["bare", "receipt"], "process": ["bare", "receipt", "in_process"]}
    for isolation, names in others.items():
        for name in names:
            for size in ("", "1mib_"):
                at = f"{isolation}_{size}"
                metrics = ["throughput", "cpu"] + (["time"] if size else [])
                keys |= {f"{at}{m}_vs_{name}_c{n}" for m in metrics for n in (1, 16, 64)}
                added = "added_p50_us" if name == "bare" else f"added_p50_us_vs_{name}"
                keys.add(f"{at}{added}_c1")
    return keys


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


MADE_UP = {
    "in_process": everywhere([sample(rps=100.0, p50=30.0, cpu=12.0, errors=1)]),
    "process": everywhere([sample(rps=50.0, p50=50.0, cpu=18.0)]),
    "fast": everywhere([sample(rps=200.0, p50=20.0, cpu=8.0)]),
    "cheap": everywhere([sample(rps=150.0, p50=25.0, cpu=6.0)]),
    "receipt": everywhere([sample(rps=80.0, p50=40.0, cpu=9.0)]),
}


def test_ratios_are_by_isolation_size_and_concurrency():
    ratios = ratios_of(MADE_UP, ["fast", "cheap"], "receipt")
    assert set(ratios) == ratio_keys()
    expected = {
        "process_throughput_vs_bare_c64": 0.25,
        "process_cpu_vs_bare_c16": 3.0,
        "process_added_p50_us_c1": 30.0,
        "process_1mib_time_vs_bare_c16": 4.0,
        "process_throughput_vs_in_process_c64": 0.5,
        "process_added_p50_us_vs_in_process_c1": 20.0,
        "in_process_cpu_vs_bare_c1": 2.0,
        "in_process_1mib_throughput_vs_receipt_c64": 1.25,
    }
    assert {key: ratios[key] for key in expected} == pytest.approx(expected)


def test_our_figures_are_by_isolation_and_errors_are_both():
    figures = our_figures(MADE_UP)
    assert figures["in_process_rps_c64"] == 100.0
    assert figures["process_cpu_us_c1_1mib"] == 18.0
    assert figures["errors"] == len(CELLS)


@pytest.fixture(scope="module")
def overhead(tmp_path_factory) -> dict:
    return quick_result("overhead", tmp_path_factory.mktemp("bench"))


def test_has_its_keys(overhead):
    ours = {f"{isolation}_{figure}" for isolation in ISOLATIONS for figure in FIGURES}
    assert set(overhead["figures"]) == ours | MEMORY | {"errors", "rounds", "seconds"}
    assert set(overhead["peers"]) == PEERS
    for peer in overhead["peers"].values():
        assert set(peer) == FIGURES | {"errors"}
    assert set(overhead["ratios"]) == ratio_keys()


def test_figures_are_finite_and_not_negative(overhead):
    for group in [overhead["figures"], *overhead["peers"].values()]:
        for key, value in group.items():
            assert math.isfinite(value) and value >= 0, key
    for key, value in overhead["ratios"].items():
        assert math.isfinite(value), key


def test_every_cell_and_memory_was_measured(overhead):
    for isolation in ISOLATIONS:
        for key in KEYS:
            assert overhead["figures"][f"{isolation}_rps_{key}"] > 0
            assert overhead["figures"][f"{isolation}_cpu_us_{key}"] > 0
    for key in MEMORY:
        assert overhead["figures"][key] > 0


def test_without_errors(overhead):
    assert overhead["figures"]["errors"] == 0
    assert [name for name, peer in overhead["peers"].items() if peer["errors"]] == []
