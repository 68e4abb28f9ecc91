# SPDX-License-Identifier: Apache-2.0
"""What darkroom_add_plugin() says of a manifest while CMake runs: where it is wrong, and how."""

import copy
import json
import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODULE = ROOT / "plugin-api" / "cmake" / "DarkroomManifest.cmake"
GOOD = json.loads((ROOT / "plugins" / "echo" / "manifest.json").read_text())


def check(folder: Path, text: str) -> subprocess.CompletedProcess:
    manifest = folder / "manifest.json"
    manifest.write_text(text)
    script = folder / "check.cmake"
    script.write_text(
        'cmake_minimum_required(VERSION 3.25)\n'
        f'include("{MODULE}")\n'
        f'darkroom_check_manifest("{manifest}" torch)\n'
        'message(STATUS "torch=<${torch}>")\n'
    )
    cmake = os.environ.get("CMAKE", "cmake")
    return subprocess.run([cmake, "-P", script], capture_output=True, text=True, check=False)


def changed(path: list, value: object) -> str:
    """The good manifest with one field set, or taken out where `value` is None."""
    manifest = copy.deepcopy(GOOD)
    parent = manifest
    for key in path[:-1]:
        parent = parent[key]
    if value is None:
        del parent[path[-1]]
    else:
        parent[path[-1]] = value
    return json.dumps(manifest)


def test_good_manifests_pass(tmp_path):
    result = check(tmp_path, json.dumps(GOOD))
    assert result.returncode == 0, result.stderr
    assert "torch=<>" in result.stdout
    result = check(tmp_path, changed(["resources", "torch"], "2.11"))
    assert result.returncode == 0, result.stderr
    assert "torch=<2.11>" in result.stdout


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (["id"], None, "`id` (string) is missing"),
        (["id"], "Echo One", "`id` must be of a-z"),
        (["version"], "one", "`version` must be a version"),
        (["summary"], 7, "`summary` must be of type string, not NUMBER"),
        (["params"], None, "`params` (object) is missing"),
        (["params", "additionalProperties"], True, "`params.additionalProperties` must be false"),
        (["inputs"], {}, "`inputs` must be of type array"),
        (["outputs"], [], "`outputs` is empty"),
        (["outputs", 0, "kind"], "video", "`outputs[0].kind` must be one of"),
        (["outputs", 0, "name"], None, "`outputs.0.name` (string) is missing"),
        (["outputs", 0, "colour"], "red", "unknown field `colour` in `outputs.0`"),
        (["batch", "max"], 0, "`batch.max` must be a whole number above 0"),
        (["resources", "device"], ["tpu"], "`resources.device[0]` must be one of cpu, cuda"),
        (["resources", "device"], [], "`resources.device` is empty"),
        (["resources", "torch"], "two", "`resources.torch` must be null or a version"),
        (["unload"], "never", "`unload` must be one of clean, resident"),
        (["unload"], None, "`unload` (string) is missing"),
        (["sumary"], "x", "unknown field `sumary`"),
    ],
)
def test_wrong_fields_are_named(tmp_path, path, value, words):
    result = check(tmp_path, changed(path, value))
    assert result.returncode != 0
    said = " ".join(result.stderr.split())
    assert words in said
    assert "manifest.json" in said


@pytest.mark.parametrize(("text", "words"), [("{", "not JSON"), ("[]", "must be an object")])
def test_other_text_is_refused(tmp_path, text, words):
    result = check(tmp_path, text)
    assert result.returncode != 0
    assert words in " ".join(result.stderr.split())
