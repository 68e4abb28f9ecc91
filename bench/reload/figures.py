# SPDX-License-Identifier: Apache-2.0
"""From the records of requests and the looks at processes to figures. Pure functions, tested in
tests/bench.
"""

from dataclasses import dataclass
from statistics import median

from common.open_loop import Request, quantile

# What is looked at after each upgrade, and the unit that its growth is told in.
HELD = {
    "rss_mib": ("rss_kib", 1024),  # the daemon and its workers
    "daemon_rss_mib": ("daemon_rss_kib", 1024),
    "mappings": ("mappings", 1),  # these three: the daemon alone
    "threads": ("threads", 1),
    "descriptors": ("descriptors", 1),
}
PERCENTS = (0, 25, 50, 75, 100)
QUANTILES = {"p50": 0.5, "p99": 0.99}


@dataclass(frozen=True)
class Block:
    """A stretch of the run: with upgrades one after the other, or without any."""

    during: bool
    begin: float
    end: float
    upgrades: int  # until its end


def slope(xs: list[float], ys: list[float]) -> float:
    """By least squares; 0 where there is no line."""
    mean_x, mean_y = sum(xs) / len(xs), sum(ys) / len(ys)
    spread = sum((x - mean_x) ** 2 for x in xs)
    if spread == 0:
        return 0.0
    return sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True)) / spread


def held_figures(looks: list[dict]) -> dict:
    """What the processes held: at the start (the first look, before any upgrade), at each quarter,
    and how much it grew with each upgrade, over all and over the second half. What fills up at
    first and then stays, as a heap does, is in the former alone."""
    last = len(looks) - 1
    half = last // 2
    numbers = list(range(len(looks)))
    figures = {}
    for key, (unit, factor) in HELD.items():
        values = [look[key] for look in looks]
        for percent in PERCENTS:
            figures[f"{key}_at_{percent}"] = values[last * percent // 100]
        figures[f"{unit}_per_upgrade"] = slope(numbers, values) * factor
        figures[f"{unit}_per_upgrade_late"] = slope(numbers[half:], values[half:]) * factor
    return figures


def _latencies_ms(requests: list[Request], blocks: list[Block]) -> list[float]:
    return [
        request.latency_us / 1000
        for request in requests
        if request.replies and any(block.begin <= request.sent < block.end for block in blocks)
    ]


def latency_figures(requests: list[Request], blocks: list[Block]) -> dict:
    """Times of a request during upgrades and without, over all blocks and by block; how they change
    with each upgrade; and how late the requests were sent themselves."""
    figures = {}
    for name, during in (("during", True), ("without", False)):
        of_kind = [block for block in blocks if block.during == during]
        latencies = _latencies_ms(requests, of_kind)
        figures[f"max_{name}_ms"] = max(latencies, default=0.0)
        for key, share in QUANTILES.items():
            figures[f"{key}_{name}_ms"] = quantile(latencies, share)
            values = [quantile(_latencies_ms(requests, [block]), share) for block in of_kind]
            for percent, value in zip(PERCENTS[1:], values, strict=True):
                figures[f"{key}_{name}_ms_at_{percent}"] = value
            upgrades = [block.upgrades for block in of_kind]
            figures[f"{key}_{name}_us_per_upgrade"] = slope(upgrades, values) * 1000
    figures["late_p99_ms"] = quantile([request.late_us / 1000 for request in requests], 0.99)
    return figures


def count_figures(requests: list[Request], errors: dict[str, int]) -> dict:
    """`errors` is what openload counted: replies that failed or were wrong, and failures of the
    connection. An error reply is an answer: the request that got one is not lost."""
    return {
        "requests": len(requests),
        "lost": sum(request.replies == 0 for request in requests),
        "doubled": sum(request.replies > 1 for request in requests),
        "errors": sum(errors.values()),
    }


def upgrade_figures(took_ms: list[float], failed: int, plugin: dict) -> dict:
    """`plugin` is what the daemon says of it at the end."""
    return {
        "upgrades": len(took_ms),
        "failed_upgrades": failed,
        "upgrade_p50_ms": median(took_ms) if took_ms else 0.0,
        "upgrade_max_ms": max(took_ms, default=0.0),
        "resident": plugin["resident"],
        "crashes": plugin["crashes"],
    }


def ratios_of(figures: dict) -> dict:
    """Within each quarter of the upgrades, then the median."""
    return {
        f"{key}_during_vs_without": median(
            figures[f"{key}_during_ms_at_{percent}"] / figures[f"{key}_without_ms_at_{percent}"]
            for percent in PERCENTS[1:]
        )
        for key in QUANTILES
    }
