# SPDX-License-Identifier: Apache-2.0
"""The form that every benchmark's result has: one JSON object, and tables for people.

    {"name": "echo", "command": "scripts/bench echo",
     "commit": "v0.1.0-3-g1234567", "machine": {...},
     "figures": {"rps_c1": ...},            ours
     "peers": {"nats_py": {"rps_c1": ...}}, theirs, with the same keys where they have them
     "ratios": {"throughput_vs_bare_c64": ...}}

Keys do not change with the length of a run, so that results can be compared by machine.
"""

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

_REPOSITORY = Path(__file__).resolve().parents[2]


def say(text: str) -> None:
    """What goes on meanwhile, for people who wait."""
    print(text, file=sys.stderr, flush=True)


def command(name: str) -> str:
    """What makes such a result again. Where it was built and is written to is left out."""
    lengths = [argument for argument in sys.argv[1:] if argument in ("--quick", "--long")]
    return " ".join(["scripts/bench", name, *lengths])


def commit() -> str:
    """The commit that is measured, with `-dirty` if the tree has changes."""
    try:
        done = subprocess.run(
            ["git", "-C", str(_REPOSITORY), "describe", "--always", "--dirty", "--tags"],
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()


def machine() -> dict:
    """What the figures were taken on."""
    cpu = platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            cpu = line.split(":", 1)[1].strip()
            break
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "cpu": cpu,
        "cores": len(os.sched_getaffinity(0)),
        "kernel": platform.release(),
        "memory_mib": pages >> 20,
    }


def result(name: str, figures: dict, peers: dict, ratios: dict) -> dict:
    return {
        "name": name,
        "command": command(name),
        "commit": commit(),
        "machine": machine(),
        "figures": figures,
        "peers": peers,
        "ratios": ratios,
    }


def write_json(path: Path, value: dict) -> None:
    """Writes the file in one step: nobody sees half of it."""
    new = path.with_name(path.name + ".new")
    new.write_text(json.dumps(value, indent=2) + "\n")
    new.replace(path)


def print_heading(outcome: dict) -> None:
    host = outcome["machine"]
    print(f"{outcome['name']} at {outcome['commit']}")
    print(
        f"{host['cpu']}, {host['cores']} cores, {host['memory_mib']} MiB, Linux {host['kernel']}\n"
    )


def print_table(title: str, columns: list[str], rows: list[list[str]]) -> None:
    """Columns as wide as they need to be; the first is text, the others are numbers."""
    widths = [max(len(row[i]) for row in [columns] + rows) for i in range(len(columns))]
    print(title)
    for row in [columns] + rows:
        cells = [cell.rjust(width) for cell, width in zip(row, widths)]
        cells[0] = row[0].ljust(widths[0])
        print("  " + "  ".join(cells).rstrip())
    print()


def print_ratios(title: str, outcome: dict) -> None:
    rows = [[key, f"{value:.2f}"] for key, value in outcome["ratios"].items()]
    print_table(title, ["", "ratio"], rows)
