# SPDX-License-Identifier: Apache-2.0
"""What the kernel says that a process holds."""

import os
import time
from pathlib import Path

from common.programs import BenchError

_PAGE = os.sysconf("SC_PAGE_SIZE")
_MIB = 1 << 20


def rss_mib(pid: int) -> float:
    """Resident memory, libraries and shared pages included; 0 if the process is gone."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE / _MIB
    except OSError:
        return 0.0


def mappings(pid: int) -> int:
    return len(Path(f"/proc/{pid}/maps").read_text().splitlines())


def threads(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/task"))


def descriptors(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


def memory_mib(pid: int) -> dict[str, float]:
    """`rss`, and `pss`, which counts a page that N processes share as 1/N. Exact, where rss_mib may
    be some 100 KiB off; too slow to be asked often."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError as error:
        raise BenchError(f"cannot see the memory of process {pid}: {error}") from error
    kib = {line.split(":")[0]: int(line.split()[1]) for line in lines[1:]}
    return {"rss": kib["Rss"] / 1024, "pss": kib["Pss"] / 1024}


def idle_memory_mib(pid: int, seconds: float = 10) -> dict[str, float]:
    """The same, once it has stayed for half a second as it is."""
    end = time.monotonic() + seconds
    before = None
    while (now := memory_mib(pid)) != before:
        if time.monotonic() > end:
            raise BenchError(f"the memory of process {pid} does not come to rest")
        before = now
        time.sleep(0.5)
    return now
