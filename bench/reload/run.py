#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Upgrading a plugin under load: what is lost, what it costs, and what grows

Started by scripts/bench. echo in a worker process, echo in the daemon, and enhance (libtorch) in a
worker process are each asked at a fixed rate and upgraded again and again meanwhile, between two
files that differ in their bytes alone. README.md beside the benchmarks' folder says what the
figures mean and where the limit lies.
"""

import os
import struct
import sys
import tempfile
import zlib
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
    sys.exit(f"reload: {error}")

from reload.figures import HELD, PERCENTS, ratios_of  # noqa: E402
from reload.scene import Case, Pace, Scene  # noqa: E402

PACES = {
    "quick": Pace(upgrades=10, longest_rest=1),
    "default": Pace(upgrades=200, longest_rest=30),
    "long": Pace(upgrades=1000, longest_rest=120),
}
_WEIGHTS = "realesr-animevideov3-x4.safetensors"  # the smallest there are
_EDGE = 16


def picture(edge: int) -> bytes:
    """A small PNG, made by hand: this Python may have no library for it."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        checksum = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)

    rows = b"".join(
        b"\0" + bytes(value for x in range(edge) for value in (x * 8 % 256, y * 8 % 256, 99))
        for y in range(edge)
    )
    head = struct.pack(">IIBBBBB", edge, edge, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def cases(build: Path) -> list[Case]:
    """Rates are a few percent of what each can do on two cores: what is measured is the upgrade."""
    found = [
        Case("echo", "echo", "process", rate=1000),
        Case("echo_in_process", "echo", "in-process", rate=1000),
    ]
    models = Path(os.environ.get("DARKROOM_MODELS") or programs.deps_folder() / "models")
    weights = models / _WEIGHTS
    if not weights.exists():
        report.say(f"enhance is left out: {weights} is missing ({SETUP})")
    elif not (build / "plugins" / "enhance.so").exists():
        report.say("enhance is left out: it is not built")
    else:
        model = {"weights": str(weights)}
        found.append(
            Case("enhance", "enhance", "process", rate=20, model=model, body=picture(_EDGE))
        )
    return found


def run_case(case: Case, build: Path, pace: Pace) -> dict:
    report.say(f"{case.name}: {pace.upgrades} upgrades at {case.rate:g} requests/s")
    with tempfile.TemporaryDirectory(prefix="darkroom-bench-") as folder, ExitStack() as stack:
        site = Site(build, Path(folder), stack)
        return Scene(case, site, stack).run(pace)


def result_of(measured: dict[str, dict]) -> dict:
    """METRIC_CASE; and what must be 0, of all cases together."""
    figures = {
        key: sum(one[key] for one in measured.values())
        for key in ("lost", "doubled", "errors", "failed_upgrades")
    }
    ratios = {}
    for name, one in measured.items():
        figures |= {f"{key}_{name}": value for key, value in one.items()}
        ratios |= {f"{key}_{name}": value for key, value in ratios_of(one).items()}
    return report.result("reload", figures, {}, ratios)


def print_tables(outcome: dict, measured: dict[str, dict]) -> None:
    report.print_heading(outcome)
    columns = ["requests", "lost", "doubled", "errors", "upgrades", "failed_upgrades"]
    columns += ["upgrade_p50_ms", "upgrade_max_ms", "resident", "crashes", "late_p99_ms"]
    rows = [[key] + [f"{one[key]:,.5g}" for one in measured.values()] for key in columns]
    report.print_table("Requests and upgrades", ["", *measured], rows)
    for name, one in measured.items():
        rows = []
        for key, (unit, _) in HELD.items():
            growth = [one[f"{unit}_per_upgrade"], one[f"{unit}_per_upgrade_late"]]
            at = [f"{one[f'{key}_at_{percent}']:.1f}" for percent in PERCENTS]
            words = unit.rpartition("_")[2] if unit.endswith("kib") else ""
            rows.append([key, *at] + [f"{value:+.3f} {words}".rstrip() for value in growth])
        for key in ("p50_during", "p50_without", "p99_during", "p99_without"):
            at = [f"{one[f'{key}_ms_at_{percent}']:.2f}" for percent in PERCENTS[1:]]
            rows.append([f"{key}_ms", "", *at, f"{one[f'{key}_us_per_upgrade']:+.3f} us", ""])
        heads = ["", "start", "quarter", "half", "3 quarters", "end", "an upgrade", "2nd half"]
        report.print_table(name, heads, rows)
    report.print_ratios("During upgrades against without", outcome)


def main() -> int:
    arguments = options.parse(__doc__.splitlines()[0])
    pace = PACES[arguments.pace]
    try:
        measured = {
            case.name: run_case(case, arguments.build, pace) for case in cases(arguments.build)
        }
    except BenchError as error:
        report.say(f"reload: {error}")
        return 1
    outcome = result_of(measured)
    print_tables(outcome, measured)
    if arguments.json:
        report.write_json(arguments.json, outcome)
    return 0


if __name__ == "__main__":
    sys.exit(main())
