# SPDX-License-Identifier: Apache-2.0
"""From samples to figures and ratios, and what the ideal is. Pure functions, tested in tests/bench.

A sample is what loadgen prints for one server in one round. A ratio between two servers is taken
within each round, where both saw the same machine, and then its median.
"""

from statistics import median

from common.samples import Cell

# The model: what a batch takes, whatever is in it, and how many it has room for.
BATCH_MS = 20
MAX_BATCH = 32
IDEAL_RPS = MAX_BATCH * 1000 / BATCH_MS
CELL = Cell(64, 1024, "")

# Name of a figure, and what it is of a sample.
METRICS = {
    "rps": lambda sample: sample["rps"],
    "share_of_ideal": lambda sample: sample["rps"] / IDEAL_RPS,
    "p50_ms": lambda sample: sample["p50_us"] / 1000,
    "p99_ms": lambda sample: sample["p99_us"] / 1000,
    "cpu_us": lambda sample: sample["cpu_us"]["responder"],
    "broker_cpu_us": lambda sample: sample["cpu_us"].get("broker", 0.0),
    "client_cpu_us": lambda sample: sample["client_cpu_us"],
}

# Samples by server and round.
Samples = dict[str, list[dict]]


def figures_of(rounds: list[dict]) -> dict:
    """One server's medians, and all its errors."""
    figures = {name: median(read(sample) for sample in rounds) for name, read in METRICS.items()}
    figures["errors"] = sum(sample["errors"] for sample in rounds)
    return figures


def ratios_of(samples: Samples, ours: str) -> dict:
    """Our rate over the ideal one, and over that of each peer that was measured."""
    ratios = {"throughput_vs_ideal": figures_of(samples[ours])["share_of_ideal"]}
    for name, rounds in samples.items():
        if name != ours:
            pairs = zip(samples[ours], rounds, strict=True)
            ratios[f"throughput_vs_{name}"] = median(
                mine["rps"] / theirs["rps"] for mine, theirs in pairs
            )
    return ratios
