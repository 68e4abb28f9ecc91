#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Durable jobs: how many a second and how soon, beside bare JetStream and Celery

Started by scripts/bench. echo as a durable job, on a nats-server that syncs each write to the disk
and on one that does as it does by default, beside workers that do the least there is on the same
servers, and beside Celery on Redis with the like settings. Each is loaded in full and then at half
of what it reached, round by round. README.md beside the benchmarks' folder says what the figures
mean and where the limit lies.
"""

import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from statistics import median

_HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(_HERE.parent))

from common import options, report  # noqa: E402
from common.programs import BenchError  # noqa: E402
from jobs.figures import SUFFIXES, Samples, figures_of, ratios_of  # noqa: E402
from jobs.queues import Pace  # noqa: E402
from jobs.scene import CELERY, OURS, Scene  # noqa: E402

PACES = {
    "quick": Pace(rounds=1, warmup=0.3, seconds=1.5, half_seconds=1.5),
    "default": Pace(rounds=5, warmup=0.5, seconds=2, half_seconds=4),
    "long": Pace(rounds=11, warmup=0.5, seconds=3, half_seconds=6),
}


def measure(build: Path, folder: Path, pace: Pace) -> tuple[Samples, dict]:
    """Samples of all rounds, and what the disk took meanwhile."""
    with ExitStack() as stack:
        scenes = {}
        for setting in SUFFIXES:
            place = folder / setting
            place.mkdir()
            scenes[setting] = Scene(setting, build, place, stack)
        names = [queue.name for queue in scenes["always"].queues]
        if CELERY not in names:
            report.say("celery is left out: it is not installed (bench/jobs/setup does)")
        samples = {setting: {name: [] for name in names} for setting in scenes}
        for number in range(pace.rounds):
            report.say(f"round {number + 1} of {pace.rounds}")
            for setting, scene in scenes.items():
                for name, sample in scene.run_round(number, pace).items():
                    samples[setting][name].append(sample)
        disk = [took for scene in scenes.values() for took in scene.disk_sync_ms]
    return samples, {"disk_sync_ms": median(disk)}


def print_tables(outcome: dict) -> None:
    report.print_heading(outcome)
    print(f"The disk takes {outcome['figures']['disk_sync_ms']:.2f} ms for a write and its sync.\n")
    everyone = {OURS: outcome["figures"], **outcome["peers"]}
    columns = ["jobs/s", "p50 ms", "p99 ms", "p50 half", "p99 half", "cpu us", "broker", "client"]
    metrics = ["jobs_per_s", "p50_ms_full_load", "p99_ms_full_load", "p50_ms_half_load"]
    metrics += ["p99_ms_half_load", "cpu_us", "broker_cpu_us", "client_cpu_us"]
    for setting, suffix in SUFFIXES.items():
        rows = [
            [name] + [f"{figures[metric + suffix]:,.1f}" for metric in metrics]
            for name, figures in everyone.items()
        ]
        report.print_table(f"sync: {setting}", ["", *columns], rows)
    report.print_ratios("Ours against theirs", outcome)
    for name, figures in everyone.items():
        if figures["errors"]:
            print(f"{name}: {figures['errors']} errors")


def main() -> int:
    arguments = options.parse(__doc__.splitlines()[0])
    pace = PACES[arguments.pace]
    try:
        # Not where temporary files are, which may be memory: the disk is part of what is measured.
        with tempfile.TemporaryDirectory(prefix="bench-jobs-", dir=arguments.build) as folder:
            samples, disk = measure(arguments.build, Path(folder), pace)
    except BenchError as error:
        report.say(f"jobs: {error}")
        return 1

    figures = figures_of(samples, OURS) | disk
    figures |= {"rounds": pace.rounds, "seconds": pace.seconds}
    peers = {name: figures_of(samples, name) for name in samples["always"] if name != OURS}
    outcome = report.result("jobs", figures, peers, ratios_of(samples, OURS))
    print_tables(outcome)
    if arguments.json:
        report.write_json(arguments.json, outcome)
    return 0


if __name__ == "__main__":
    sys.exit(main())
