#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Short interactive requests while thousands of long bulk jobs wait for the same device

Started by scripts/bench. One device with one lane and two models: bulk jobs of 30 steps of 60 ms,
of which 10,000 wait, and requests of 5 ms that come meanwhile. README.md beside the benchmarks'
folder says what the figures mean and where the limit lies.
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
    sys.exit(f"mixed: {error}")

from mixed.scene import Pace, Scene  # noqa: E402

PACES = {
    "quick": Pace(jobs=200, rounds=1, seconds=8),
    "default": Pace(jobs=10_000, rounds=3, seconds=45),
    "long": Pace(jobs=10_000, rounds=5, seconds=120),
}


def print_tables(outcome: dict) -> None:
    report.print_heading(outcome)
    rows = [[key, f"{value:,.4g}"] for key, value in outcome["figures"].items()]
    report.print_table("Interactive requests and bulk jobs", ["", ""], rows)
    report.print_ratios("Against what there is to be had", outcome)


def main() -> int:
    arguments = options.parse(__doc__.splitlines()[0])
    pace = PACES[arguments.pace]
    try:
        with tempfile.TemporaryDirectory(prefix="darkroom-bench-") as folder, ExitStack() as stack:
            settings = f'jetstream {{ store_dir: "{folder}/jetstream" }}\n'
            site = Site(arguments.build, Path(folder), stack, settings)
            figures, ratios = Scene(site, stack).run(pace)
    except BenchError as error:
        report.say(f"mixed: {error}")
        return 1
    figures |= {"rounds": pace.rounds, "seconds": pace.seconds}
    outcome = report.result("mixed", figures, {}, ratios)
    print_tables(outcome)
    if arguments.json:
        report.write_json(arguments.json, outcome)
    return 0


if __name__ == "__main__":
    sys.exit(main())
