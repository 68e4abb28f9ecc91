# SPDX-License-Identifier: Apache-2.0
"""One plugin under load, upgraded again and again: what is done, and what is seen meanwhile."""

import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from common import process, report
from common.control import Control, Refused
from common.open_loop import OpenLoad
from common.site import Site
from reload import figures
from reload.figures import PERCENTS, Block

# Quarters of the upgrades: after each the figures are told.
_QUARTERS = len(PERCENTS) - 1


@dataclass(frozen=True)
class Case:
    """What is upgraded, and how it is asked meanwhile."""

    name: str
    plugin: str
    isolation: str
    rate: float  # requests a second
    model: dict = field(default_factory=dict)  # beside `plugin` and `preload`
    body: bytes = b""  # empty: 1 KiB of each request's own, which is to come back


@dataclass(frozen=True)
class Pace:
    """How long a run takes."""

    upgrades: int
    longest_rest: float  # seconds without upgrades in each quarter, at most


def make_versions(plugin: Path, folder: Path) -> list[Path]:
    """Two files of the plugin that differ in their digest and do the same: what is behind the last
    section of an ELF file is nobody's."""
    versions = []
    for number in (1, 2):
        file = folder / str(number) / plugin.name
        file.parent.mkdir()
        file.write_bytes(plugin.read_bytes() + f"darkroom bench reload {number}".encode())
        file.chmod(0o644)
        versions.append(file)
    return versions


class Scene:
    def __init__(self, case: Case, site: Site, stack: ExitStack):
        self._case = case
        self._versions = make_versions(site.plugin(case.plugin), site.folder)
        model = {"plugin": case.plugin, "preload": True, **case.model}
        prefix = "darkroom"
        self._daemon = site.start_darkroom(prefix, case.isolation, {"bench": model})
        self._load = OpenLoad(site, "openload", f"{prefix}.run.bench", case.rate, case.body)
        self._load.await_ready(self._daemon)
        self._control = stack.enter_context(Control(site.url, prefix))
        self._looks: list[dict] = []
        self._blocks: list[Block] = []
        self._took_ms: list[float] = []
        self._tried = 0

    def _look(self) -> None:
        """At what the daemon and its workers hold. RSS is what the kernel keeps count of: going
        through all pages would hold up what is measured."""
        daemon, *workers = self._daemon.pids()
        of_daemon = process.rss_mib(daemon)
        self._looks.append(
            {
                "rss_mib": of_daemon + sum(process.rss_mib(worker) for worker in workers),
                "daemon_rss_mib": of_daemon,
                "mappings": process.mappings(daemon),
                "threads": process.threads(daemon),
                "descriptors": process.descriptors(daemon),
            }
        )

    def _upgrade(self) -> None:
        """To the other version, and waits until the one before is gone."""
        plugin = self._case.plugin
        file = self._versions[self._tried % len(self._versions)]
        self._tried += 1
        try:
            change = self._control.ask("upgrade", plugin=plugin, file=str(file))
            if change["action"] != "upgraded":
                raise Refused(f"upgrade: the daemon did this instead: {change}")
            self._took_ms.append(change["took_ms"])
        except Refused as error:
            report.say(f"{self._case.name}: {error}")
        self._control.await_gone(plugin)
        self._look()

    def _run_block(self, during: bool, upgrades: int, seconds: float) -> float:
        """Returns how long it took."""
        begin = time.monotonic()
        if during:
            for _ in range(upgrades):
                self._upgrade()
        else:
            self._control.rest(seconds)
        end = time.monotonic()
        self._daemon.check()
        self._load.check()
        self._blocks.append(Block(during, begin, end, self._tried))
        return end - begin

    def run(self, pace: Pace) -> dict:
        """The figures."""
        self._control.rest(0.5)
        self._look()
        for quarter in range(_QUARTERS):
            upgrades = pace.upgrades * (quarter + 1) // _QUARTERS - self._tried
            seconds = self._run_block(True, upgrades, 0)
            # What has queued up meanwhile is to be gone.
            self._control.rest(0.5)
            self._run_block(False, 0, min(seconds, pace.longest_rest))
        plugin = self._control.await_gone(self._case.plugin)
        requests, errors = self._load.finish()
        if errors:
            report.say(f"{self._case.name}: {errors}")
        failed = self._tried - len(self._took_ms)
        return {
            **figures.count_figures(requests, errors),
            **figures.upgrade_figures(self._took_ms, failed, plugin),
            **figures.latency_figures(requests, self._blocks),
            **figures.held_figures(self._looks),
        }
