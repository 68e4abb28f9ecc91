# SPDX-License-Identifier: Apache-2.0
"""From the samples of many short runs to figures and ratios. Pure functions, tested in tests/bench.

A sample is what loadgen prints for one responder and one cell (concurrency and size) in one round.
Rates on a small shared machine swing by a factor of two or three from round to round, so a ratio
is first taken within each round, where both sides saw the same machine, and then its median.
"""

from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Cell:
    """How a responder is asked: requests in flight, and bytes of each."""

    concurrency: int
    size: int
    suffix: str  # "" for the small size; such as "_256k" for a large one

    @property
    def key(self) -> str:
        return f"c{self.concurrency}{self.suffix}"


# Name of a figure, and where it is in a sample.
METRICS = {
    "rps": lambda sample: sample["rps"],
    "p50_us": lambda sample: sample["p50_us"],
    "p99_us": lambda sample: sample["p99_us"],
    "p999_us": lambda sample: sample["p999_us"],
    "cpu_us": lambda sample: sample["cpu_us"]["responder"],
    "broker_cpu_us": lambda sample: sample["cpu_us"].get("broker", 0.0),
    "client_cpu_us": lambda sample: sample["client_cpu_us"],
}

# Samples by responder, cell key and round.
Samples = dict[str, dict[str, list[dict]]]


def figures_of(cells: dict[str, list[dict]]) -> dict:
    """One responder's medians as METRIC_CELL, such as rps_c64_256k, and all its errors."""
    figures = {
        f"{metric}_{key}": median(read(sample) for sample in samples)
        for key, samples in cells.items()
        for metric, read in METRICS.items()
    }
    figures["errors"] = sum(sample["errors"] for samples in cells.values() for sample in samples)
    return figures


def best(samples: Samples, names: list[str], key: str, metric: str, choose) -> str:
    """Which of `names` is best in this figure over all rounds. Not the best of each round: that
    would be the luckiest of several throws, which nothing can equal."""
    read = METRICS[metric]
    return choose(names, key=lambda name: median(read(sample) for sample in samples[name][key]))


def paired(samples: Samples, ours: str, other: str, key: str, metric: str, combine) -> float:
    """`combine` of our figure and the other's, within each round; of these the median."""
    read = METRICS[metric]
    pairs = zip(samples[ours][key], samples[other][key], strict=True)
    return median(combine(read(mine), read(theirs)) for mine, theirs in pairs)


def divide(mine: float, theirs: float) -> float:
    return mine / theirs


def subtract(mine: float, theirs: float) -> float:
    return mine - theirs
