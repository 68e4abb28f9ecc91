#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Ten times as many requests as a model can do: how soon no is said, and what is done meanwhile

Started by scripts/bench. A closed loop says what the model can do; then an open loop asks for ten
times that, by requests that wait for 200 ms, while others ask for a quarter of it before, during
and after. README.md beside the benchmarks' folder says what the figures mean and where the limit
lies.
"""

import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

_HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(_HERE.parent))

from common import options, programs, report  # noqa: E402
from common.programs import BenchError  # noqa: E402
from common.site import SETUP, Site  # noqa: E402

try:
    programs.run_where_there_is("nats", SETUP)
except BenchError as error:
    sys.exit(f"overload: {error}")

from overload.scene import Pace, Scene  # noqa: E402

PACES = {
    "quick": Pace(capacity=1, before=1.5, load=3, after=3),
    "default": Pace(capacity=3, before=10, load=60, after=10),
    "long": Pace(capacity=5, before=20, load=240, after=20),
}
RATIOS = ["goodput_vs_capacity", "rss_growth"]


def print_tables(outcome: dict) -> None:
    report.print_heading(outcome)
    rows = [[key, f"{value:,.5g}"] for key, value in outcome["figures"].items()]
    report.print_table("Under the load, and after it", ["", ""], rows)
    report.print_ratios("Against what the model can do, and against before", outcome)


def main() -> int:
    arguments = options.parse(__doc__.splitlines()[0])
    try:
        with tempfile.TemporaryDirectory(prefix="darkroom-bench-") as folder, ExitStack() as stack:
            site = Site(arguments.build, Path(folder), stack)
            figures = Scene(site, stack).run(PACES[arguments.pace])
    except BenchError as error:
        report.say(f"overload: {error}")
        return 1
    ratios = {key: figures[key] for key in RATIOS}
    outcome = report.result("overload", figures, {}, ratios)
    print_tables(outcome)
    if arguments.json:
        report.write_json(arguments.json, outcome)
    return 0


if __name__ == "__main__":
    sys.exit(main())
