# SPDX-License-Identifier: Apache-2.0
"""overhead's cells, and the ratios that it is judged by. Pure functions, tested in tests/bench."""

from common.samples import Cell, Samples, best, divide, figures_of, paired, subtract

IN_PROCESS, PROCESS = "in_process", "process"
CONCURRENCIES = (1, 16, 64)
SIZES = ((1024, ""), (1 << 20, "_1mib"))
CELLS = [
    Cell(concurrency, size, suffix) for size, suffix in SIZES for concurrency in CONCURRENCIES
]


def our_figures(samples: Samples) -> dict:
    """Of both isolations, each figure's key with the isolation before it; errors of both."""
    figures = {}
    for isolation in (IN_PROCESS, PROCESS):
        for key, value in figures_of(samples[isolation]).items():
            figures[f"{isolation}_{key}"] = value
    figures["errors"] = sum(figures.pop(f"{one}_errors") for one in (IN_PROCESS, PROCESS))
    return figures


def _choose_best(samples: Samples, bare: list[str], cell: Cell) -> dict[str, str]:
    """The bare responder to be compared with, by metric."""
    wanted = {"rps": max, "cpu_us": min, "p50_us": min}
    return {
        metric: best(samples, bare, cell.key, metric, choose) for metric, choose in wanted.items()
    }


def _ratios_in(cell: Cell, samples: Samples, ours: str, name: str, chosen: dict[str, str]) -> dict:
    """Ours against whom `chosen` names for each metric, by what the key says before `_c16`."""

    def ratio(metric: str, combine) -> float:
        return paired(samples, ours, chosen[metric], cell.key, metric, combine)

    ratios = {
        f"throughput_vs_{name}": ratio("rps", divide),
        f"cpu_vs_{name}": ratio("cpu_us", divide),
    }
    if cell.suffix:
        # In a closed loop the mean time of a request is the number in flight over the rate. Of a
        # small request it is mostly waiting for the others.
        ratios[f"time_vs_{name}"] = ratio("rps", lambda mine, theirs: theirs / mine)
    if cell.concurrency == 1:
        added = "added_p50_us" if name == "bare" else f"added_p50_us_vs_{name}"
        ratios[added] = ratio("p50_us", subtract)
    return ratios


def ratios_of(samples: Samples, bare: list[str], receipt: str) -> dict:
    """Each isolation against that bare responder that does best in the figure, and against the one
    whose replies carry a receipt, as ours do; and the worker process against none."""
    ratios = {}
    for cell in CELLS:
        the_best = _choose_best(samples, bare, cell)
        others = [
            (IN_PROCESS, "bare", the_best),
            (IN_PROCESS, "receipt", dict.fromkeys(the_best, receipt)),
            (PROCESS, "bare", the_best),
            (PROCESS, "receipt", dict.fromkeys(the_best, receipt)),
            (PROCESS, IN_PROCESS, dict.fromkeys(the_best, IN_PROCESS)),
        ]
        size = f"{cell.suffix.removeprefix('_')}_" if cell.suffix else ""
        for ours, name, chosen in others:
            for what, value in _ratios_in(cell, samples, ours, name, chosen).items():
                ratios[f"{ours}_{size}{what}_c{cell.concurrency}"] = value
    return ratios
