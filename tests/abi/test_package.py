# SPDX-License-Identifier: Apache-2.0
"""Plugins outside the tree: installs the package plugin-api, and builds a plugin in C
and one in C++ against it."""

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ["DARKROOM_BUILD"])
CMAKE = os.environ.get("CMAKE", "cmake")

PROJECT = """
cmake_minimum_required(VERSION 3.25)
project(outside LANGUAGES {languages})
find_package(DarkroomPlugin 1.0 REQUIRED)
darkroom_add_plugin(outside SOURCES plugin.{suffix} MANIFEST manifest.json)
"""

C_PLUGIN = """
#include <darkroom/plugin.h>

static dr_status Create(const dr_host_t* host, const char* config, dr_instance_t** instance) {
  (void)config;
  *instance = (dr_instance_t*)(uintptr_t)host;
  return DR_OK;
}
static dr_status Load(dr_instance_t* instance, const dr_lane_t* lane) {
  (void)instance;
  (void)lane;
  return DR_OK;
}
static dr_status Infer(dr_instance_t* instance, const dr_batch_t* batch) {
  (void)instance;
  (void)batch;
  return DR_UNIMPLEMENTED;
}
static void Nothing(dr_instance_t* instance) { (void)instance; }
static void Shutdown(void) {}

const dr_plugin_t* darkroom_plugin_entry(const dr_host_t* host) {
  static const dr_plugin_t plugin = {sizeof(plugin), DR_ABI_MAJOR, DR_ABI_MINOR, 0, Create, Load,
                                     Infer, NULL, Nothing, Nothing, Shutdown, NULL};
  (void)host;
  return &plugin;
}
"""

# The first plugin that the documentation shows.
CXX_PLUGIN = re.search(
    r"```cpp\n(.*?)```", (ROOT / "docs" / "plugin-abi.md").read_text(), re.DOTALL
).group(1)


def run(*command: object) -> str:
    result = subprocess.run([str(c) for c in command], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def prefix(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("prefix")
    run(CMAKE, "--install", BUILD, "--component", "plugin-api", "--prefix", folder)
    return folder


def test_the_package_names_no_place_of_this_machine(prefix):
    files = [path for path in prefix.rglob("*") if path.is_file()]
    assert any(path.name == "plugin.h" for path in files)
    for path in files:
        text = path.read_text()
        assert str(ROOT) not in text and str(BUILD) not in text, path


@pytest.mark.parametrize(
    ("languages", "suffix", "source"), [("C", "c", C_PLUGIN), ("CXX", "cc", CXX_PLUGIN)]
)
def test_a_plugin_is_built_against_it(prefix, tmp_path, languages, suffix, source):
    (tmp_path / "CMakeLists.txt").write_text(PROJECT.format(languages=languages, suffix=suffix))
    (tmp_path / f"plugin.{suffix}").write_text(source)
    manifest = (ROOT / "plugins" / "echo" / "manifest.json").read_text()
    (tmp_path / "manifest.json").write_text(manifest)
    build = tmp_path / "build"
    run(CMAKE, "-S", tmp_path, "-B", build, f"-DCMAKE_PREFIX_PATH={prefix}")
    run(CMAKE, "--build", build)

    plugin = build / "plugins" / "outside.so"
    exported = re.findall(
        r"(?:GLOBAL|WEAK|UNIQUE)\s+\w+\s+(?!UND)\S+\s+(\S+)",
        run("readelf", "--dyn-syms", "--wide", plugin),
    )
    assert exported == ["darkroom_plugin_entry"]
    section = tmp_path / "manifest.bin"
    run("objcopy", "-O", "binary", "--only-section=.darkroom", plugin, section)
    assert manifest.encode() in section.read_bytes()
