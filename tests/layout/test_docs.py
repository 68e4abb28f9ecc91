# SPDX-License-Identifier: Apache-2.0
"""The documents keep their word: what they name exists, and they list the configuration's keys."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *(page for folder in ("docs", "plugins", "plugin-api", "bench", "config", "tests")
          for page in (ROOT / folder).rglob("*.md")),
    ]
)

# What is in backquotes is a path where it begins with a folder of the tree, or with one of the
# daemon's, whose own name may be left out.
BASES = [ROOT, ROOT / "daemon"]
FOLDERS = {p.name for base in BASES for p in base.iterdir() if p.is_dir()} - {"build"}
CODE = re.compile(r"`([^`\n]+)`")
PATH = re.compile(r"[\w.\-]+(?:/[\w.\-]+)*/?")
LINK = re.compile(r"(?<!!)\[[^\]\n]+\]\(([^)\s]+)\)")
# Names that stand for others, or that the reader makes.
STAND_INS = re.compile(r"\b(NAME|FOLDER)|^plugins/negative/")


# What shows a promise: a test's file, a script's target.
SHOWN_BY = re.compile(r"`((?:e2e|systemd|packaging|bundle|layout)_\w+|\w+_test|scripts/fuzz \w+|scripts/torture)`")


def prose(page: Path) -> str:
    """Without fenced blocks, whose backquotes and brackets are code."""
    return re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)


def named_paths(text: str) -> list[str]:
    found = []
    for code in CODE.findall(text):
        for word in code.split():
            word = word.rstrip(",:;")
            if "/" in word and PATH.fullmatch(word) and word.split("/")[0] in FOLDERS:
                found.append(word)
    return found


def missing_paths(text: str) -> list[str]:
    return [
        path
        for path in named_paths(text)
        if not STAND_INS.search(path) and not any((base / path).exists() for base in BASES)
    ]


def anchors(page: Path) -> set[str]:
    """The names that a heading of the page can be linked by, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).strip().replace(" ", "-") for h in headings}


def broken_links(page: Path, text: str) -> list[str]:
    broken = []
    for target in LINK.findall(text):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        to = (page.parent / file).resolve() if file else page
        if not to.exists() or (anchor and anchor not in anchors(to)):
            broken.append(target)
    return broken


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_names_exists(page):
    assert missing_paths(prose(page)) == []
    assert broken_links(page, prose(page)) == []


def test_the_checks_see_what_is_wrong():
    page = ROOT / "docs" / "protocol.md"
    assert missing_paths("`scripts/nonsuch --help` and `daemon/nonsuch.cc`") == [
        "scripts/nonsuch",
        "daemon/nonsuch.cc",
    ]
    assert broken_links(page, "[a](nonsuch.md) [b](protocol.md#nonsuch) [c](#errors)") == [
        "nonsuch.md",
        "protocol.md#nonsuch",
    ]


def test_the_pages_that_every_reader_needs_are_there_and_linked():
    linked = set(LINK.findall(prose(ROOT / "README.md")))
    for page in (ROOT / "docs").glob("*.md"):
        assert f"docs/{page.name}" in linked, f"README.md does not lead to docs/{page.name}"


def documented_keys() -> set[str]:
    """From the table of docs/configuration.md, as `models.<name>.plugin` and `routes[].subject`."""
    page = (ROOT / "docs" / "configuration.md").read_text()
    return set(re.findall(r"^\| `([^`]+)` \|", page, re.MULTILINE))


def example_keys() -> set[str]:
    """The keys of config/darkroom.yaml, comments' included, written as the table writes them.

    No YAML reader would tell of those in comments, so this looks at lines and their indentation.
    """
    keys: set[str] = set()
    # (column, name) of the maps that the line is in.
    inside: list[tuple[int, str]] = []
    for line in (ROOT / "config" / "darkroom.yaml").read_text().splitlines():
        found = re.match(r"^( *)(?:# )?( *)(- )?([a-z_\-]+):(?: |$)(.*)", line)
        if not found or line.startswith("# yaml-language-server: "):  # the editor's line
            continue
        indentation, more, item, name, rest = found.groups()
        column = len(indentation) + len(more) + (2 if item else 0)
        while inside and inside[-1][0] >= column:
            inside.pop()
        path = [part for _, part in inside] + [name]
        inside.append((column, name))
        if path[0] == "models" and len(path) > 1:
            path[1] = "<name>"
        if path[0] == "routes" and len(path) > 1:
            path[0] = "routes[]"
        keys.add(".".join(path))
    return keys


def read_keys() -> set[str]:
    """The keys that daemon/config/ asks its readers for, without the maps they are in."""
    files = sorted((ROOT / "daemon" / "config").glob("*.cc"))
    source = "\n".join(file.read_text() for file in files)
    kinds = "String|Path|Duration|Choice|Bool|Integer|Number|Size|Object|Child"
    return set(re.findall(rf'\breader(?:\.|->)(?:{kinds})\("(\w+)"', source))


def leaf(key: str) -> str:
    return key.rsplit(".", 1)[-1]


# Keys of the list `devices`, which the table shows in an example; maps that only hold others.
IN_DEVICES = {"device", "lanes", "speed"}
MAPS = {"log", "nats", "nats.tls", "jobs", "limits", "plugins", "scheduling", "health", "http", "tracing", "models", "models.<name>", "routes"}


def test_the_example_configuration_and_the_page_have_the_same_keys():
    assert example_keys() - MAPS == documented_keys()


def test_the_page_has_the_keys_that_the_daemon_reads():
    assert {leaf(key) for key in documented_keys()} == read_keys() - MAPS - IN_DEVICES


def shows(name: str) -> bool:
    """Whether there is a test of that name, as ctest and scripts/fuzz know them."""
    if name.startswith("scripts/fuzz "):
        return (ROOT / f"tests/fuzz/fuzz_{name.split()[1]}.cc").exists()
    if name == "scripts/torture":
        return (ROOT / name).exists()
    folder, _, file = name.partition("_")
    if folder in ("e2e", "systemd", "packaging", "bundle", "layout"):
        return (ROOT / f"tests/{folder}/test_{file.removeprefix('test_')}.py").exists()
    # A program is named after its file, some with their folder's name before it.
    words = name.removesuffix("_test").split("_")
    return any(any((ROOT / "tests").rglob("_".join(words[i:]) + "_test.cc")) for i in range(len(words)))


def promises(page: str, first: str) -> list[str]:
    """The rows of the table whose first column has that name."""
    text = (ROOT / page).read_text()
    return text.split(f"| {first} |", 1)[1].split("\n\n", 1)[0].splitlines()[2:]


@pytest.mark.parametrize("page, first", [("docs/security.md", "danger"), ("docs/operations.md", "promise")])
def test_every_promise_has_its_test(page, first):
    rows = promises(page, first)
    assert len(rows) > 5
    for row in rows:
        names = SHOWN_BY.findall(row.rsplit(" | ", 1)[1])
        assert names, row
        assert not [name for name in names if not shows(name)], row


def test_a_promise_without_a_test_is_seen():
    assert not any(shows(name) for name in ("e2e_nonsuch", "systemd_nonsuch", "nonsuch_test", "scripts/fuzz nonsuch"))
