#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the daemon adds to a NATS request: echo beside bare NATS.c, nats-py and Mosec

Started by scripts/bench. All responders run at once and idle while another is measured; each cell
(1, 16 or 64 requests in flight, of 1 KiB or 256 KiB) is measured for one after the other, round by
round. README.md beside the benchmarks' folder says what the figures mean and where the limit lies.
"""

import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

_HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(_HERE.parent))

from common import options, programs, report  # noqa: E402
from common.closed_loop import ClosedLoop, Pace, print_cells, print_errors  # noqa: E402
from common.programs import BenchError  # noqa: E402
from common.site import SETUP, Site  # noqa: E402
from echo.figures import CELLS, figures_of, ratios_of  # noqa: E402

OURS = "darkroom"
BARE = ["bare_queue", "bare_asap", "bare_send"]
RECEIPT = "bare_receipt"
PACES = {
    "quick": Pace(rounds=1, warmup=0.2, seconds=0.4),
    "default": Pace(rounds=5, warmup=0.25, seconds=0.8),
    "long": Pace(rounds=15, warmup=0.3, seconds=1.0),
}


def start_all(site: Site) -> ClosedLoop:
    loop = ClosedLoop(site)
    models = {"echo": {"plugin": "echo", "preload": True}}
    # What a worker process adds is bench/overhead's.
    loop.add(OURS, site.start_darkroom(OURS, "in-process", models), f"{OURS}.run.echo")
    for name in [*BARE, RECEIPT]:
        loop.add(name, *site.start_bare(name.removeprefix("bare_")))

    python = programs.need(programs.python_path(), SETUP)
    command = [python, _HERE / "peers" / "nats_py_worker.py", site.url, "bench.nats_py"]
    loop.add("nats_py", site.start("nats_py", command), "bench.nats_py")

    port = programs.free_port()
    command = [python, _HERE / "peers" / "mosec_server.py", "--address", "127.0.0.1"]
    command += ["--port", port, "--log-level", "warning", "--path", site.folder / "mosec"]
    url = f"http://127.0.0.1:{port}/inference"
    loop.add("mosec", site.start("mosec", command), "", url)
    return loop


def print_tables(outcome: dict) -> None:
    report.print_heading(outcome)
    everyone = {OURS: outcome["figures"], **outcome["peers"]}
    print_cells(CELLS, everyone)
    report.print_ratios("Against the best bare responder", outcome)
    print_errors(everyone)


def main() -> int:
    arguments = options.parse(__doc__.splitlines()[0])
    pace = PACES[arguments.pace]

    try:
        with tempfile.TemporaryDirectory(prefix="darkroom-bench-") as folder, ExitStack() as stack:
            loop = start_all(Site(arguments.build, Path(folder), stack))
            loop.await_all(CELLS[0])
            samples = loop.run_rounds(CELLS, pace)
    except BenchError as error:
        report.say(f"echo: {error}")
        return 1

    figures = figures_of(samples[OURS]) | {"rounds": pace.rounds, "seconds": pace.seconds}
    peers = {name: figures_of(cells) for name, cells in samples.items() if name != OURS}
    outcome = report.result("echo", figures, peers, ratios_of(samples, OURS, BARE, RECEIPT))
    print_tables(outcome)
    if arguments.json:
        report.write_json(arguments.json, outcome)
    return 0


if __name__ == "__main__":
    sys.exit(main())
