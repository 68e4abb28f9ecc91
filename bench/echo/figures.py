# SPDX-License-Identifier: Apache-2.0
"""echo's cells, and the ratios that it is judged by."""

from common.samples import Cell, Samples, best, divide, figures_of, paired, subtract

__all__ = ["CELLS", "figures_of", "ratios_of"]

CELLS = [
    Cell(concurrency, size, suffix)
    for size, suffix in ((1024, ""), (256 * 1024, "_256k"))
    for concurrency in (1, 16, 64)
]


def ratios_of(samples: Samples, ours: str, bare: list[str], receipt: str) -> dict:
    """The gated ratios, each against that bare responder that does best in the figure; and what is
    left of them beside the bare responder whose replies carry a receipt, as ours do."""
    ratios = {}
    for suffix in ("", "_256k"):
        wide, single = f"c64{suffix}", f"c1{suffix}"
        fastest = best(samples, bare, wide, "rps", max)
        cheapest = best(samples, bare, wide, "cpu_us", min)
        quickest = best(samples, bare, single, "p50_us", min)
        ratios[f"throughput_vs_bare_{wide}"] = paired(
            samples, ours, fastest, wide, "rps", divide
        )
        ratios[f"cpu_vs_bare_{wide}"] = paired(samples, ours, cheapest, wide, "cpu_us", divide)
        ratios[f"added_p50_us_{single}"] = paired(
            samples, ours, quickest, single, "p50_us", subtract
        )
        ratios[f"throughput_vs_receipt_{wide}"] = paired(
            samples, ours, receipt, wide, "rps", divide
        )
        ratios[f"cpu_vs_receipt_{wide}"] = paired(samples, ours, receipt, wide, "cpu_us", divide)
    return ratios
