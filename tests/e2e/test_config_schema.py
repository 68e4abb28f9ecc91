# SPDX-License-Identifier: Apache-2.0
"""config/darkroom.schema.json says what the daemon's parser says: of every key, of many values."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from harness import REPOSITORY
from schema import errors, leaves, load
from shell import Shell

SCHEMA = json.loads((REPOSITORY / "config" / "darkroom.schema.json").read_text())
EXAMPLE = (REPOSITORY / "config" / "darkroom.yaml").read_text()

# As they stand in the file, outside of any quotes.
VALUES = [
    "true", "yes", "0", "1", "5", "7", "-1", "1.5", "30", "65536", "999999999999", "7s", "0ms", "90m",
    "1h30m", "30m1h", "2 d", "1 fortnight", "s", "64MiB", "64mib", "1.5GiB", "2 KB", "80%", "0%",
    "auto", "off", "always", "file", "memory", "json", "warning", "warn", "process", "in-process",
    "all", "configured", "header:X", "'header:'", "subject:2", "subject:0", "account", "none", "cpu",
    "cuda:0", "nats://a:4222", "some words", "'7s'", "'x'", "''", "~", "", "[]", "[a]", "[7]", "[[a]]",
    "['']", "{}", "{a: 1}", "{a: 0}", "{a: {}}", "{a: {memory: 1GiB}}", "{a: {memry: 1}}",
    "'${HOME}'", "[cpu, 'cuda:0']", "[" + "0f" * 32 + "]", "[{device: cpu}]",
    "[{device: cpu, lanes: 2, memory: 80%}]", "[{device: 'sim:0', speed: 2.5, memory: 1GiB}]",
    "[{device: 'sim:0', speed: fast}]", "[{device: tpu}]", "[{lanes: 1}]", "[{device: cpu, lane: 1}]",
]  # fmt: skip

VALUES += [f"3{unit}" for unit in ("B", "KiB", "GiB", "TiB", "KB", "MB", "GB", "d", "h", "m", "PiB", "w")]
VALUES += ["debug", "info", "error", "text"]  # the rest of every choice

# What a schema cannot say: what else it depends on, and ranges of what has a unit.
BEYOND = re.compile(
    r"must be at least 1|must be from 4KiB|must be more than 0ms|exclude each other|is not a subject"
    r"|cannot name a model|what '\$\{HOME\}' stands for|is no SHA-256|leads to the unknown model"
    r"|'\$\{HOME\}' is no|unknown device '/|has no worker|is too large|must begin with|go together|has no memory of its own|devices must be auto or a list"
)


def document(key: str, value: str) -> str:
    """A configuration that is right but, maybe, for this value of this key."""
    model = {"plugin": "echo"}
    route = {"subject": "a.b", "model": "m"}
    lines = []
    if key.startswith("models.<name>."):
        model[key.rsplit(".", 1)[1]] = value
    elif key.startswith("routes[]."):
        route[key.rsplit(".", 1)[1]] = value
    elif "." in key:
        *sections, name = key.split(".")
        lines += [f"{'  ' * depth}{section}:" for depth, section in enumerate(sections)]
        lines.append(f"{'  ' * len(sections)}{name}: {value}")
    else:
        lines.append(f"{key}: {value}")
    lines += ["models:", "  m:", *(f"    {k}: {v}" for k, v in model.items())]
    lines += ["routes:", *(f"  {'-' if n == 0 else ' '} {k}: {v}" for n, (k, v) in enumerate(route.items()))]
    return "\n".join(lines) + "\n"


def what_the_parser_says(folder: Path, documents: list[str]) -> list[list[str]]:
    files = []
    for number, text in enumerate(documents):
        files.append(folder / f"{number}.yaml")
        files[-1].write_text(text)
    shell = Shell(folder, "nats://127.0.0.1:1")
    done = subprocess.run(
        [shell.program, "config", "check", "--json", *map(str, files)],
        capture_output=True, env={**shell.environment, "HOME": "/home/somebody"}, timeout=300,
    )  # fmt: skip
    answer = json.loads(done.stdout)["files"]
    assert len(answer) == len(documents)
    return [[issue["message"] for issue in one["issues"]] for one in answer]


def test_schema_and_parser_agree_on_every_key_and_many_values(tmp_path):
    keys = [key for key in leaves(SCHEMA, SCHEMA)]
    assert len(keys) > 70
    cases = [(key, value) for key in keys for value in VALUES]
    documents = [document(key, value) for key, value in cases]
    said = what_the_parser_says(tmp_path, documents)
    wrong, agreed = [], {True: 0, False: 0}
    for (key, value), text, issues in zip(cases, documents, said):
        if issues and all(BEYOND.search(issue) for issue in issues):
            continue
        broken = errors(load(text), SCHEMA, SCHEMA)
        agreed[not issues] += 1
        if bool(issues) != bool(broken):
            wrong.append(f"{key}: {value}   parser: {issues or 'ok'}   schema: {broken or 'ok'}")
    assert not wrong, f"{len(wrong)} of {len(cases)}:\n" + "\n".join(wrong[:60])
    assert agreed[True] > 1000 and agreed[False] > 2000, agreed


def limits_of(rule: dict) -> list[tuple[int, int]]:
    return [
        (one["minimum"], one["maximum"])
        for one in [rule, *rule.get("anyOf", [])]
        if one.get("type") == "integer"
    ]


def test_whole_numbers_have_the_same_limits(tmp_path):
    cases = [
        (key, number, least <= number <= most)
        for key, rule in leaves(SCHEMA, SCHEMA).items()
        for least, most in limits_of(rule)
        for number in (least - 1, least, most, most + 1)
    ]
    assert len(cases) >= 40
    said = what_the_parser_says(tmp_path, [document(key, str(n)) for key, n, _ in cases])
    wrong = [(key, n, issues) for (key, n, fits), issues in zip(cases, said) if fits == bool(issues)]
    assert not wrong


def test_the_example_is_valid_with_and_without_what_is_commented_out(tmp_path):
    # Keys in comments, with what they would be; `url` excludes `embedded`.
    whole = re.sub(r"^( *)# ([a-z_]+: )", r"\1\2", EXAMPLE, flags=re.MULTILINE)
    whole = whole.replace("  embedded: true\n", "  embedded: false\n")
    for text in (EXAMPLE, whole):
        assert errors(load(text), SCHEMA, SCHEMA) == []
    example, all_at_once = what_the_parser_says(tmp_path, [EXAMPLE, whole])
    assert example == []
    # Not all of it may be there together, and an example's folder is not here.
    beside = re.compile(BEYOND.pattern + r"|\} is not set|this environment variable is not set")
    assert [issue for issue in all_at_once if not beside.search(issue)] == []
    assert len(re.findall(r"^ *[a-z_]+: ", whole, re.MULTILINE)) > len(
        re.findall(r"^ *[a-z_]+: ", EXAMPLE, re.MULTILINE)
    ) + 10


@pytest.mark.parametrize("section", ["", "nats", "jobs", "plugins", "models.m", "routes[]"])
def test_unknown_keys_are_refused_by_both(tmp_path, section):
    value = {"models": {"m": {"plugin": "echo"}}, "routes": [{"subject": "a", "model": "m"}]}
    place = {
        "": value,
        "models.m": value["models"]["m"],
        "routes[]": value["routes"][0],
    }.get(section)
    if place is None:
        place = value[section] = {}
    assert errors(value, SCHEMA, SCHEMA) == []
    place["nonsuch"] = 1
    assert errors(value, SCHEMA, SCHEMA) != []
    (issues,) = what_the_parser_says(tmp_path, [json.dumps(value)])
    assert any("unknown key" in issue for issue in issues)


def test_the_schema_has_the_keys_of_the_page():
    page = (REPOSITORY / "docs" / "configuration.md").read_text()
    documented = set(re.findall(r"^\| `([^`]+)` \|", page, re.MULTILINE))
    assert set(leaves(SCHEMA, SCHEMA)) == documented


def test_what_is_shown_is_valid(tmp_path):
    (tmp_path / "a.yaml").write_text(EXAMPLE)
    shown = Shell(tmp_path, "nats://127.0.0.1:1")("config", "show", "a.yaml").text
    assert errors(load(shown), SCHEMA, SCHEMA) == []
