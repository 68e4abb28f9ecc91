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
    suffix: str  # "" for the small size, "_256k" for the large

    @property
    def key(self) -> str:
        return f"c{self.concurrency}{self.suffix}"


CELLS = [
    Cell(concurrency, size, suffix)
    for size, suffix in ((1024, ""), (256 * 1024, "_256k"))
    for concurrency in (1, 16, 64)
]

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


def _best(samples: Samples, names: list[str], key: str, metric: str, choose) -> str:
    """Which of `names` is best in this figure over all rounds. Not the best of each round: that
    would be the luckiest of several throws, which nothing can equal."""
    read = METRICS[metric]
    return choose(names, key=lambda name: median(read(sample) for sample in samples[name][key]))


def _paired(samples: Samples, ours: str, other: str, key: str, metric: str, combine) -> float:
    read = METRICS[metric]
    pairs = zip(samples[ours][key], samples[other][key], strict=True)
    return median(combine(read(mine), read(theirs)) for mine, theirs in pairs)


def ratios_of(samples: Samples, ours: str, bare: list[str], receipt: str) -> dict:
    """The gated ratios, each against that bare responder that does best in the figure; and what is
    left of them beside the bare responder whose replies carry a receipt, as ours do."""

    def divide(mine: float, theirs: float) -> float:
        return mine / theirs

    def subtract(mine: float, theirs: float) -> float:
        return mine - theirs

    ratios = {}
    for suffix in ("", "_256k"):
        wide, single = f"c64{suffix}", f"c1{suffix}"
        fastest = _best(samples, bare, wide, "rps", max)
        cheapest = _best(samples, bare, wide, "cpu_us", min)
        quickest = _best(samples, bare, single, "p50_us", min)
        ratios[f"throughput_vs_bare_{wide}"] = _paired(
            samples, ours, fastest, wide, "rps", divide
        )
        ratios[f"cpu_vs_bare_{wide}"] = _paired(samples, ours, cheapest, wide, "cpu_us", divide)
        ratios[f"added_p50_us_{single}"] = _paired(
            samples, ours, quickest, single, "p50_us", subtract
        )
        ratios[f"throughput_vs_receipt_{wide}"] = _paired(
            samples, ours, receipt, wide, "rps", divide
        )
        ratios[f"cpu_vs_receipt_{wide}"] = _paired(samples, ours, receipt, wide, "cpu_us", divide)
    return ratios
