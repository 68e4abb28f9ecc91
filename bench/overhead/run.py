#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a worker process adds: echo in the daemon and in a process of its own, beside bare NATS.c

Started by scripts/bench. Two daemons, one with `isolation: in-process` and one with `process`, and
the bare responders of bench/echo run at once and idle while another is measured, round by round as
in echo. Before that the memory of idle processes is looked at. README.md beside the benchmarks'
folder says what the figures mean and where the limit lies.
"""

import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

_HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(_HERE.parent))

from common import options, process, report  # noqa: E402
from common.closed_loop import ClosedLoop, Pace, print_cells, print_errors  # noqa: E402
from common.programs import BenchError  # noqa: E402
from common.samples import figures_of  # noqa: E402
from common.site import Site  # noqa: E402
from overhead.figures import (  # noqa: E402
    CELLS,
    CONCURRENCIES,
    IN_PROCESS,
    PROCESS,
    our_figures,
    ratios_of,
)

BARE = ["bare_queue", "bare_asap", "bare_send"]
RECEIPT = "bare_receipt"
PACES = {
    "quick": Pace(rounds=1, warmup=0.1, seconds=0.3),
    "default": Pace(rounds=7, warmup=0.25, seconds=0.8),
    "long": Pace(rounds=15, warmup=0.3, seconds=1.0),
}
_ECHO = {"echo": {"plugin": "echo", "preload": True}}


def look_at_memory(site: Site) -> dict:
    """MiB of a daemon that has no model, and of one that has echo and its worker. Nobody else that
    has their libraries runs meanwhile, or PSS would say less."""
    daemon = site.start_darkroom("idle", "process", _ECHO)
    loop = ClosedLoop(site)
    loop.add(daemon.name, daemon, f"{daemon.name}.run.echo")
    loop.await_all(CELLS[0])  # only then is the worker the one that stays
    children = daemon.pids()[1:]
    if len(children) != 1:
        raise BenchError(f"{daemon.name} has {len(children)} workers:\n{daemon.tail()}")
    pids = {"worker": children[0], "daemon_with_worker": daemon.pid}
    memory = {name: process.idle_memory_mib(pid) for name, pid in pids.items()}
    daemon.stop()
    alone = site.start_darkroom("alone", "process", {})
    memory["daemon"] = process.idle_memory_mib(alone.pid)
    alone.stop()
    return {
        f"idle_{name}_{kind}_mib": value
        for name, kinds in memory.items()
        for kind, value in kinds.items()
    }


def start_all(site: Site) -> ClosedLoop:
    loop = ClosedLoop(site)
    for name in (IN_PROCESS, PROCESS):
        daemon = site.start_darkroom(name, name.replace("_", "-"), _ECHO)
        loop.add(name, daemon, f"{name}.run.echo")
    for name in [*BARE, RECEIPT]:
        loop.add(name, *site.start_bare(name.removeprefix("bare_")))
    return loop


def print_ratios(ratios: dict) -> None:
    """A row for each that differs in the concurrency alone."""
    ends = [f"_c{concurrency}" for concurrency in CONCURRENCIES]
    names = dict.fromkeys(key.rpartition("_c")[0] for key in ratios)
    rows = [
        [name] + [f"{ratios[name + end]:.2f}" if name + end in ratios else "" for end in ends]
        for name in sorted(names)
    ]
    report.print_table("Ratios, by requests in flight", ["", *map(str, CONCURRENCIES)], rows)


def print_tables(outcome: dict) -> None:
    report.print_heading(outcome)
    figures = outcome["figures"]
    ours = {
        isolation: {
            key.removeprefix(f"{isolation}_"): value
            for key, value in figures.items()
            if key.startswith(f"{isolation}_")
        }
        for isolation in (IN_PROCESS, PROCESS)
    }
    print_cells(CELLS, ours | outcome["peers"])
    names = ["daemon", "daemon_with_worker", "worker"]
    rows = [
        [name.replace("_", " ")]
        + [f"{figures[f'idle_{name}_{kind}_mib']:.1f}" for kind in ("rss", "pss")]
        for name in names
    ]
    report.print_table("Memory of idle processes, MiB", ["", "RSS", "PSS"], rows)
    print_ratios(outcome["ratios"])
    print_errors({"darkroom": figures, **outcome["peers"]})


def main() -> int:
    arguments = options.parse(__doc__.splitlines()[0])
    pace = PACES[arguments.pace]

    try:
        with tempfile.TemporaryDirectory(prefix="darkroom-bench-") as folder, ExitStack() as stack:
            site = Site(arguments.build, Path(folder), stack)
            memory = look_at_memory(site)
            loop = start_all(site)
            loop.await_all(CELLS[0])
            samples = loop.run_rounds(CELLS, pace)
    except BenchError as error:
        report.say(f"overhead: {error}")
        return 1

    figures = our_figures(samples) | memory | {"rounds": pace.rounds, "seconds": pace.seconds}
    peers = {name: figures_of(samples[name]) for name in [*BARE, RECEIPT]}
    outcome = report.result("overhead", figures, peers, ratios_of(samples, BARE, RECEIPT))
    print_tables(outcome)
    if arguments.json:
        report.write_json(arguments.json, outcome)
    return 0


if __name__ == "__main__":
    sys.exit(main())
