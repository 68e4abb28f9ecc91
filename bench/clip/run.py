#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""JPEG to CLIP embedding: the network beside other engines, the daemon beside another server

Started by scripts/bench. ViT-B/32 at its real size with random weights, the same for all. First the image tower alone
in each engine, in turns; then JPEGs to the daemon over NATS and to Mosec over HTTP, 1, 8 and 32 in flight. README.md
beside the benchmarks' folder says what the figures mean and where the limit lies.
"""

import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

_HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(_HERE.parent))

from common import options, programs, report  # noqa: E402
from common.programs import BenchError  # noqa: E402
from common.site import SETUP, Site  # noqa: E402

try:
    programs.run_where_there_is("skimage", SETUP)
except BenchError as error:
    sys.exit(f"clip: {error}")

from clip import engines, load  # noqa: E402
from clip.figures import (  # noqa: E402
    BATCHES, CONCURRENCIES, OURS, engine_figures, engine_ratios, server_figures, server_ratios)

# Rounds, and seconds of warm-up and of a window.
PACES = {"quick": (1, 0.5, 4), "default": (3, 0.5, 4), "long": (9, 1, 12)}
_START_SECONDS = 180


def checkpoint(build: Path) -> Path:
    """600 MB, made once for a build."""
    folder = build / "bench" / "clip-b32"
    if not (folder / "merges.txt").exists():
        report.say("writing a checkpoint of ViT-B/32")
        python = programs.need(programs.python_path(), "run scripts/setup")
        done = subprocess.run([python, "-B", _HERE / "checkpoint.py", folder, "b32"], capture_output=True, text=True,
                              env={"PATH": "/usr/bin:/bin", "HOME": str(build), **engines.python_environment()})
        if done.returncode != 0:
            raise BenchError(f"no checkpoint could be written: {done.stderr[-500:]}")
    return folder


def start_ours(site: Site, folder: Path) -> tuple[object, str, float]:
    """The daemon, its subject, and the seconds from its start to its first embedding."""
    models = {"clip": {"plugin": "clip", "weights": str(folder)}}
    body = load.photographs()[0]
    before = time.perf_counter()
    program = site.start_darkroom(OURS, "process", models)
    load.first_reply(site.url, f"{OURS}.run.clip", body, _START_SECONDS)
    return program, f"{OURS}.run.clip", time.perf_counter() - before


def start_mosec(site: Site, folder: Path) -> str:
    port = programs.free_port()
    command = [programs.python_path(), "-B", _HERE / "peers" / "mosec_server.py", "--address", "127.0.0.1", "--port", port,
               "--log-level", "warning", "--timeout", 120000, "--path", site.folder / "mosec"]
    environment = {**engines.python_environment(), "BENCH_FOLDER": str(folder), "BENCH_MAX_BATCH": "32"}
    site.start("mosec", command, environment)
    url = f"http://127.0.0.1:{port}/inference"
    load.first_reply(url, "", load.photographs()[0], _START_SECONDS)
    return url


def measure_servers(servers: dict[str, tuple[str, str]], pace: tuple) -> dict:
    """server -> concurrency -> a sample a round."""
    rounds, warmup, seconds = pace
    bodies = load.photographs()
    checkers = {name: load.Checker() for name in servers}
    samples = {name: {c: [] for c in CONCURRENCIES} for name in servers}
    for number in range(rounds):
        report.say(f"servers: round {number + 1} of {rounds}")
        names = list(servers)
        turn = number % len(names)
        for concurrency in CONCURRENCIES:
            for name in names[turn:] + names[:turn]:
                url, subject = servers[name]
                sample = load.measure(url, subject, bodies, concurrency, warmup, seconds, checkers[name])
                if sample.errors:
                    raise BenchError(f"{name} at {concurrency}: {sample.first_error}")
                samples[name][concurrency].append(sample)
    return samples


def run(build: Path, pace: tuple) -> dict:
    with tempfile.TemporaryDirectory(prefix="darkroom-bench-") as temporary, ExitStack() as stack:
        folder, work = checkpoint(build), Path(temporary)
        running = engines.start(build, folder, work)
        towers = engines.measure(running, pace[0])
        ready = {engine.name: engine.ready for engine in running}
        peaks = {engine.name: engine.peak_mib for engine in running}
        for engine in running:
            engine.close()

        site = Site(build, work, stack)
        program, subject, first = start_ours(site, folder)
        servers = {OURS: (site.url, subject)}
        try:
            servers["mosec"] = (start_mosec(site, folder), "")
        except (BenchError, TimeoutError) as error:
            report.say(f"mosec is left out: {error}")
        samples = measure_servers(servers, pace)
        program.check()

    figures = {**engine_figures(towers[OURS]), **server_figures(samples[OURS]), "first_embedding_s": first,
               "tower_ready_s": ready[OURS], "tower_peak_rss_mib": peaks[OURS], "rounds": pace[0], "seconds": pace[2]}
    peers = {name: {**engine_figures(towers[name]), "tower_ready_s": ready[name], "tower_peak_rss_mib": peaks[name]}
             for name in towers if name != OURS}
    peers |= {name: server_figures(samples[name]) for name in samples if name != OURS}
    ratios = {**engine_ratios(towers), **server_ratios(samples, towers[OURS][1])}
    if "transformers" in ready:
        ratios["first_embedding_vs_transformers"] = first / ready["transformers"]
    return report.result("clip", figures, peers, ratios)


def print_tables(outcome: dict) -> None:
    report.print_heading(outcome)
    everyone = {OURS: outcome["figures"], **outcome["peers"]}
    columns = [*(f"tower_images_s_b{batch}" for batch in BATCHES), "tower_ready_s", "tower_peak_rss_mib"]
    rows = [[name, *(f"{figures[key]:.4g}" for key in columns)]
            for name, figures in everyone.items() if columns[0] in figures]
    report.print_table("The image tower alone", ["", *columns], rows)
    columns = [f"{metric}_c{c}" for metric in ("images_s", "p50_ms", "p99_ms") for c in CONCURRENCIES]
    rows = [[name, *(f"{figures[key]:.4g}" for key in columns)]
            for name, figures in everyone.items() if columns[0] in figures]
    report.print_table("JPEG to embedding, by requests in flight", ["", *columns], rows)
    report.print_ratios("Ours against theirs", outcome)


def main() -> int:
    arguments = options.parse(__doc__.splitlines()[0])
    try:
        outcome = run(arguments.build, PACES[arguments.pace])
    except (BenchError, TimeoutError) as error:
        report.say(f"clip: {error}")
        return 1
    print_tables(outcome)
    if arguments.json:
        report.write_json(arguments.json, outcome)
    return 0


if __name__ == "__main__":
    sys.exit(main())
