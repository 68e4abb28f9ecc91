# SPDX-License-Identifier: Apache-2.0
"""The rules of the tree that no compiler checks: includes follow the flow of the data, and headers say what they are."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DAEMON = ROOT / "daemon"

# Data moves down this list. A folder may include itself, those before it, and COMMON.
FLOW = ["message", "queue", "scheduler", "device", "plugin", "worker", "reply", "durable", "control"]
COMMON = ["core", "config"]
# What the host library may see of the daemon. The daemon in turn sees of it only its interface.
HOST_MAY = ["core", "host"]
HOST_API = "host/host_api.h"

INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)


# What is copied from here becomes its author's own, under the author's licence.
TEMPLATE = ROOT / "plugin-api" / "template"


def sources(folder: Path) -> list[Path]:
    files = (p for p in folder.rglob("*") if p.suffix in {".h", ".cc"})
    return sorted(p for p in files if TEMPLATE not in p.parents)


def allowed(folder: str, include: str) -> bool:
    target = include.split("/")[0]
    if folder == "core":
        return target == "core"
    if folder == "config":
        return target in COMMON
    if folder == "host":
        return target in HOST_MAY
    if include == HOST_API:
        # The interface to what runs on a lane: known from where batches are handed over on.
        return FLOW.index(folder) >= FLOW.index("plugin")
    return target in COMMON or target in FLOW[: FLOW.index(folder) + 1]


def violations(folder: str, text: str) -> list[str]:
    return [i for i in INCLUDE.findall(text) if "/" in i and not allowed(folder, i)]


def test_includes_follow_the_flow_of_the_data():
    wrong = []
    for folder in [*COMMON, "host", *FLOW]:
        files = sources(DAEMON / folder)
        assert files, f"daemon/{folder} is empty: the list of folders here is out of date"
        for path in files:
            for include in violations(folder, path.read_text()):
                wrong.append(f"{path.relative_to(ROOT)} includes {include}")
    assert not wrong, "\n".join(wrong)


def test_every_folder_of_the_daemon_has_its_place():
    folders = {p.name for p in DAEMON.iterdir() if p.is_dir()}
    assert folders == {*COMMON, "host", *FLOW}


def test_the_rule_refuses_what_points_back():
    assert violations("queue", '#include "reply/replier.h"\n') == ["reply/replier.h"]
    assert violations("message", '#include "queue/job.h"\n') == ["queue/job.h"]
    assert violations("core", '#include "config/config.h"\n') == ["config/config.h"]
    assert violations("host", '#include "worker/lane.h"\n') == ["worker/lane.h"]
    assert violations("message", '#include "host/host_api.h"\n') == ["host/host_api.h"]
    assert violations("reply", '#include "host/instance.h"\n') == ["host/instance.h"]
    assert violations("worker", '#include "queue/job.h"\n#include "core/gate.h"\n') == []


def test_plugins_know_the_abi_and_nothing_of_the_daemon():
    wrong = []
    for path in sources(ROOT / "plugins"):
        for include in INCLUDE.findall(path.read_text()):
            if include.split("/")[0] in {*COMMON, "host", *FLOW}:
                wrong.append(f"{path.relative_to(ROOT)} includes {include}")
    assert not wrong, "\n".join(wrong)


def test_every_source_names_its_licence_and_every_header_says_what_it_is():
    wrong = []
    for part in ["daemon", "cli", "plugins", "plugin-api", "bench", "tests"]:
        for path in sources(ROOT / part):
            lines = path.read_text().splitlines()
            head = "\n".join(lines[:3])
            if "SPDX-License-Identifier: Apache-2.0" not in head:
                wrong.append(f"{path.relative_to(ROOT)}: no SPDX line at its head")
            if path.suffix == ".h" and not any(l.startswith(("//", "/*", " *")) for l in lines[1:5]):
                wrong.append(f"{path.relative_to(ROOT)}: does not say what it is")
    assert not wrong, "\n".join(wrong)


def test_files_stay_small():
    long = []
    for part in ["daemon", "cli", "plugins", "plugin-api", "bench", "tests"]:
        for path in sources(ROOT / part):
            count = len(path.read_text().splitlines())
            if count > 500:
                long.append(f"{path.relative_to(ROOT)}: {count} lines")
    assert not long, "split these: " + ", ".join(long)
