#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Dynamic batching: how near to the ideal rate, beside Mosec, LitServe, Triton and Ray Serve

Started by scripts/bench. The same model in each, which takes 20 ms for a batch of up to 32, asked
by 64 clients in a closed loop. All servers run at once and idle while another is measured, round by
round. README.md beside the benchmarks' folder says what the figures mean and where the limit lies.
"""

import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

_HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(_HERE.parent))

from batching.figures import CELL, IDEAL_RPS, METRICS, figures_of, ratios_of  # noqa: E402
from batching.servers import OURS, Servers  # noqa: E402
from common import options, report  # noqa: E402
from common.closed_loop import Pace, print_errors  # noqa: E402
from common.programs import BenchError  # noqa: E402
from common.site import Site  # noqa: E402

PACES = {
    "quick": Pace(rounds=1, warmup=0.3, seconds=0.5),
    "default": Pace(rounds=5, warmup=0.5, seconds=3),
    "long": Pace(rounds=11, warmup=0.5, seconds=5),
}


def print_tables(outcome: dict) -> None:
    report.print_heading(outcome)
    everyone = {OURS: outcome["figures"], **outcome["peers"]}
    rows = [
        [name] + [f"{figures[metric]:,.4g}" for metric in METRICS]
        for name, figures in everyone.items()
    ]
    title = f"{CELL.concurrency} in flight; the ideal is {IDEAL_RPS:,.0f} requests/s"
    report.print_table(title, ["", *METRICS], rows)
    report.print_ratios("Ours against the ideal, and against theirs", outcome)
    print_errors(everyone)


def main() -> int:
    arguments = options.parse(__doc__.splitlines()[0])
    pace = PACES[arguments.pace]

    try:
        with tempfile.TemporaryDirectory(prefix="darkroom-bench-") as folder, ExitStack() as stack:
            servers = Servers(Site(arguments.build, Path(folder), stack))
            servers.start_all(arguments.pace == "quick")
            cells = servers.loop.run_rounds([CELL], pace)
    except BenchError as error:
        report.say(f"batching: {error}")
        return 1

    samples = {name: of_cells[CELL.key] for name, of_cells in cells.items()}
    figures = figures_of(samples[OURS]) | {"rounds": pace.rounds, "seconds": pace.seconds}
    peers = {name: figures_of(rounds) for name, rounds in samples.items() if name != OURS}
    outcome = report.result("batching", figures, peers, ratios_of(samples, OURS))
    print_tables(outcome)
    if arguments.json:
        report.write_json(arguments.json, outcome)
    return 0


if __name__ == "__main__":
    sys.exit(main())
