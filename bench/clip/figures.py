# SPDX-License-Identifier: Apache-2.0
"""From samples to figures and ratios. Pure functions, tested in tests/bench.

A ratio between two is taken within each round, where both saw the same machine, and then its median.
"""

from statistics import median

BATCHES = [1, 8, 32]
CONCURRENCIES = [1, 8, 32]
OURS = "darkroom"


def engine_figures(times: dict[int, list[float]]) -> dict:
    """`times`: batch -> seconds a round."""
    return {f"tower_images_s_b{batch}": median(batch / seconds for seconds in rounds)
            for batch, rounds in times.items()}


def server_figures(samples: dict[int, list]) -> dict:
    """`samples`: concurrency -> a load.Sample a round."""
    figures = {"errors": sum(sample.errors for rounds in samples.values() for sample in rounds)}
    for concurrency, rounds in samples.items():
        figures[f"images_s_c{concurrency}"] = median(sample.rate for sample in rounds)
        figures[f"p50_ms_c{concurrency}"] = median(1000 * sample.median for sample in rounds)
        figures[f"p99_ms_c{concurrency}"] = median(1000 * sample.quantile(0.99) for sample in rounds)
    return figures


def _speed(ours: list[float], theirs: list[float]) -> float:
    """How many times faster we are, by seconds of each round."""
    return median(b / a for a, b in zip(ours, theirs, strict=True))


def engine_ratios(towers: dict[str, dict[int, list[float]]]) -> dict:
    """`towers`: engine -> batch -> seconds a round. "Fastest" is who is so by the median, batch by batch; an engine whose
    name ends in _int8 computes something else, and is beside our own of that kind alone."""
    ratios = {}
    plain = [name for name in towers if name != OURS and not name.endswith("_int8")]
    for key, names in [("fastest", plain), ("transformers", ["transformers"])]:
        for batch, ours in towers[OURS].items():
            there = [name for name in names if name in towers]
            if there:
                best = min(there, key=lambda name: median(towers[name][batch]))
                ratios[f"vs_{key}_b{batch}"] = _speed(ours, towers[best][batch])
        of_batches = [ratios[f"vs_{key}_b{batch}"] for batch in towers[OURS] if f"vs_{key}_b{batch}" in ratios]
        if of_batches:
            ratios[f"vs_{key}"] = min(of_batches)
    return ratios


def server_ratios(servers: dict[str, dict[int, list]], tower: list[float]) -> dict:
    """`servers`: server -> concurrency -> samples; `tower`: our seconds for one picture."""
    ratios = {}
    others = [name for name in servers if name != OURS]
    for concurrency, ours in servers[OURS].items():
        if others:
            best = max(others, key=lambda name: median(s.rate for s in servers[name][concurrency]))
            pairs = zip(ours, servers[best][concurrency], strict=True)
            ratios[f"vs_best_server_c{concurrency}"] = median(a.rate / b.rate for a, b in pairs)
    own = median(tower)
    ratios["p50_c1_vs_tower"] = median(sample.median for sample in servers[OURS][1]) / own
    ratios["p99_c1_vs_tower"] = median(sample.quantile(0.99) for sample in servers[OURS][1]) / own
    return ratios
