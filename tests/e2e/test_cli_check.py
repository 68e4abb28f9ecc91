# SPDX-License-Identifier: Apache-2.0
"""`darkroom plugins check`: what becomes of plugins, good and bad, when they are tried."""

import json
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from harness import (
    bad_plugin_path,
    children_of,
    is_running,
    plugin_folder,
    plugin_path,
    wait_until,
    weights_path,
)
from shell import Shell

BUILD = Path(os.environ["DARKROOM_BIN"]).parent


def version(number: int) -> Path:
    return BUILD / "tests" / "versions" / str(number) / "versioned.so"


@pytest.fixture
def check(tmp_path):
    shell = Shell(tmp_path, "nats://127.0.0.1:1")  # no server is asked

    def check(file, *arguments, **options):
        return shell("plugins", "check", file, *arguments, **options)

    check.json = lambda *arguments, **options: json.loads(check(*arguments, "--json", **options).out)
    check.start = lambda *arguments: shell.start(
        "plugins", "check", *arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    return check


def results(run: dict) -> dict[str, str]:
    return {step["step"]: step["result"] for step in run["steps"]}


WHOLE_LIFE = ["open", "create", "load", "cancelled job", "unload", "close"]


@pytest.mark.parametrize("plugin, batch", [("echo", 64), ("mock", 32)])
def test_a_sound_plugin_lives_through_all_of_it(check, plugin, batch):
    told = check.json(plugin_path(plugin))
    run = told["run"]
    assert (told["verdict"], run["outcome"], run["why"]) == ("ok", "sound", "")
    steps = results(run)
    assert set(steps.values()) == {"ok"}
    jobs = ["data 1000 bytes", "data 1 byte", "data 0 bytes", "no inputs"]
    for step in [*WHOLE_LIFE, *(f"job: {job}" for job in jobs), f"batch of {batch}"]:
        assert step in steps
    assert (run["mapped"], run["device"], run["misbehaved"]) == (False, "cpu", [])
    assert 1 << 20 < run["peak_memory"] < 1 << 30
    done = check(plugin_path(plugin))
    assert done.text.endswith("\nsound: it did all that it was asked to\n")
    static, tried = done.text.split("tried on cpu in a process of its own, which had ")
    assert "its file is unmapped when it goes" in static
    assert re.search(rf"batch of {batch} +ok +[\d.]+ m?s", tried)


def test_no_run_reads_the_file_alone(check):
    assert check.json(bad_plugin_path("aborts_in_ctor"), "--no-run")["run"] is None
    assert "tried" not in check(bad_plugin_path("aborts_in_ctor"), "--no-run").text


def test_a_plugin_without_its_weights_is_not_run_and_not_blamed(check):
    told = check.json(plugin_path("enhance"))
    assert (told["verdict"], told["run"]["outcome"]) == ("resident", "not run")
    assert "weights" in told["run"]["why"]
    assert "\nnot run: the model has no weights" in check(plugin_path("enhance")).text
    told = check.json(version(6))
    assert (told["run"]["outcome"], told["run"]["why"]) == ("not run", "its weights are not there")
    # With weights that do not suit it, it is.
    told = check.json(version(6), "--weights", "w.safetensors", code=8)
    assert (told["verdict"], told["run"]["outcome"]) == ("unsound", "unsound")


def test_weights_are_used(check):
    weights = weights_path("realesr-animevideov3-x4")
    told = check.json(plugin_path("enhance"), "--weights", weights, "--params", '{"scale": 2}')
    run = told["run"]
    assert (told["verdict"], run["outcome"], run["mapped"]) == ("resident", "sound", True)
    words = {step["step"]: step["words"] for step in run["steps"]}
    assert words["job: image 64x48"] == "image 128x96"
    assert words["job: image 1x1"] == "image 2x2"
    assert any(str(weights) in line["text"] for line in run["log"])


def test_options_and_params_reach_the_plugin(check):
    failed = check.json(
        plugin_path("mock"), "--options", '{"load_fail": "internal"}', code=8
    )["run"]
    assert results(failed) == {"open": "ok", "create": "ok", "load": "failed", "close": "ok"}
    assert failed["why"] == "load: told to fail while loading"
    failed = check(plugin_path("mock"), "--params", '{"fail": "internal"}', code=8)
    assert re.search(r"job: data 1 byte +failed .* told to fail\n", failed.text)
    assert "mock.so is not sound: job: data 1000 bytes: told to fail" in failed.err
    refused = check.json(plugin_path("mock"), "--params", '{"fail": "invalid_argument"}')["run"]
    assert (refused["outcome"], results(refused)["job: no inputs"]) == ("sound", "refused")
    assert refused["notes"] == ["it refused all that was made up for it"]
    for wrong in (
        ["--options", "[1]"],
        ["--options", "{"],
        ["--params", '{"delay_ms": -1}'],
        ["--params", '{"nonsuch": 1}'],
        ["--timeout", "5"],
        ["--device", "gpu"],
    ):
        check(plugin_path("mock"), *wrong, code=2)


def test_a_job_is_cancelled_on_its_way(check):
    run = check.json(plugin_path("mock"), "--params", '{"delay_ms": 50}')["run"]
    words = {step["step"]: step["words"] for step in run["steps"]}
    assert (words["cancelled job"], results(run)["job after it"]) == ("it stopped", "ok")
    params = '{"delay_ms": 50, "poll_cancel": false}'
    run = check.json(plugin_path("mock"), "--params", params)["run"]
    words = {step["step"]: step["words"] for step in run["steps"]}
    assert words["cancelled job"] == "it did not stop, and ran to its end"
    assert run["outcome"] == "sound"


# Refused by their files: none of their code is run.
REFUSED = {"no_manifest": "no manifest", "wrong_major": "ABI 99.0", "truncated": "truncated"}


@pytest.mark.parametrize("member", REFUSED)
def test_what_a_daemon_would_not_open_is_not_run(check, member):
    told = check.json(bad_plugin_path(member), code=8)
    assert told["verdict"] == "refused" and "run" not in told
    assert REFUSED[member] in told["error"]["message"]
    done = check(bad_plugin_path(member), code=8)
    assert done.text == "" and REFUSED[member] in done.err


# Found by running them: the step, and its words.
UNSOUND = {
    bad_plugin_path("throws_in_ctor"): ("open", "no such thing"),
    bad_plugin_path("aborts_in_ctor"): ("open", "killed by SIGABRT"),
    bad_plugin_path("entry_returns_null"): ("open", "entry failed"),
    version(4): ("open", "killed by SIGABRT"),
    version(5): ("create", "this version wants more"),
    version(7): ("load", "no 12 GiB left"),
}


@pytest.mark.parametrize("file", UNSOUND, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_what_does_not_come_up_is_found(check, file):
    told = check.json(file, code=8)
    step, words = UNSOUND[file]
    assert told["verdict"] == "unsound"
    assert results(told["run"])[step] == "failed"
    assert told["run"]["why"].startswith(f"{step}: ") and words in told["run"]["why"]
    done = check(file, code=8)
    assert done.text.endswith("\nunsound\n") and words in done.err


def test_what_hangs_is_ended(check):
    begun = time.monotonic()
    done = check(bad_plugin_path("hangs_in_ctor"), "--timeout", "1s", code=8)
    assert 1 <= time.monotonic() - begun < 10
    assert "open: it did not open within 1.0 s" in done.err


def test_ctrl_c_ends_a_check_and_its_process(check):
    checking = check.start(bad_plugin_path("hangs_in_ctor"))
    (pid,) = wait_until("the process", lambda: children_of(checking.pid))
    checking.send_signal(signal.SIGINT)
    _, said = checking.communicate(timeout=10)
    assert checking.returncode == 130 and "interrupted" in said
    wait_until("its end", lambda: not is_running(pid), 10)


def test_a_thread_that_is_left_behind_is_found(check):
    """A daemon lives with it, since that plugin's process ends with it; in its own it would not."""
    told = check.json(bad_plugin_path("leaks_thread"), code=8)
    # It may wake up for the first time when its code is gone.
    words = ("leaks_thread left 1 thread behind", "leaks_thread left a thread behind, which crashed")
    (misbehaved,) = told["run"]["misbehaved"]
    assert misbehaved in words
    assert results(told["run"])["job: data 1000 bytes"] == "ok"


# Bad in a way that made-up jobs do not bring out, or not bad for a process of their own.
GOOD = [
    *("crashes", "exports_too_much", "finishes_twice", "hangs", "leaks_fd", "slow_load", "throws"),
    *("tls_pins", "unique_symbol", "writes_stdout"),
]


@pytest.mark.parametrize("member", GOOD)
def test_what_is_good_for_made_up_jobs_is_sound(check, member):
    told = check.json(bad_plugin_path(member))
    assert told["run"]["outcome"] == "sound"
    # Nobody binds to what exports_too_much shows, so that its file can go after all.
    assert told["run"]["mapped"] == (member in ("unique_symbol", "tls_pins"))
    is_resident = member in ("exports_too_much", "unique_symbol")
    assert told["verdict"] == ("resident" if is_resident else "ok")


def test_a_daemon_does_the_same_with_the_same_file(check, site, tmp_path):
    """Whatever check says, save of threads left behind, a daemon that serves the file bears out."""
    members = [*REFUSED, *GOOD, "throws_in_ctor", "aborts_in_ctor", "entry_returns_null"]
    files = {member: bad_plugin_path(member) for member in members}
    files |= {f"version-{number}": version(number) for number in (1, 4, 5, 7)}
    files |= {plugin: plugin_path(plugin) for plugin in ("echo", "mock")}
    server = site.server().start()
    site.daemon(
        {
            "nats": {"url": server.url},
            "plugins": {"folder": str(plugin_folder())},
            "models": {name: {"plugin": str(file)} for name, file in files.items()},
        }
    ).start()
    shell = Shell(tmp_path, server.url)
    shell.file("in.bin", b"good")
    for name, file in files.items():
        asked = subprocess.run(
            [shell.program, "run", name, "-i", "in.bin", "-o", "out.bin", "--timeout", "60s"],
            cwd=shell.folder,
            env=shell.environment,
            capture_output=True,
            text=True,
        )
        sound = asked.returncode == 0
        told = check(file, code=0 if sound else 8)
        if not sound:
            words = asked.stderr.splitlines()[0].split(": ")[-1]
            assert words in told.err, name


# Plugins that are made here: one as authors begin, and one that is bad at a wish.

FAULTY = r"""
#include <darkroom/plugin.hpp>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <thread>

namespace {

bool dies_closing = false;
bool hangs_closing = false;

struct AtEnd {
  ~AtEnd() {
    if (dies_closing) std::abort();
    if (hangs_closing) std::this_thread::sleep_for(std::chrono::hours(1));
  }
} at_end;

class Faulty {
 public:
  Faulty(darkroom::Host host, std::string_view config) : host_(host), config_(config) {
    dies_closing = Is("dies closing");
    hangs_closing = Is("hangs closing");
  }
  void Load(const dr_lane_t& lane) {
    if (Is("hangs loading")) std::this_thread::sleep_for(std::chrono::hours(1));
    void* data = nullptr;
    if (Is("keeps memory")) host_.get()->alloc(host_.get(), lane.device, 100, &data);
    if (Is("prints")) {
      std::fputs("hello from the plugin\n", stderr);
      host_.Log(DR_LOG_WARNING, "and by its log");
    }
  }
  void Infer(darkroom::Job& job) {
    const auto text = job.InputBytes("text");
    if (Is("dies at nothing") && text.empty()) std::abort();
    const dr_tensor_t* x = job.FindInput("x");
    const dr_tensor_t* mask = job.FindInput("mask");
    std::string shapes;
    for (const dr_tensor_t* one : {mask, x}) {
      for (int32_t i = 0; one != nullptr && i < one->ndim; ++i) {
        shapes += std::to_string(one->shape[i]) + " ";
      }
    }
    std::memcpy(job.OutputBytes("text", shapes.size()).data(), shapes.data(), shapes.size());
  }
  void Unload() {}

 private:
  bool Is(std::string_view fault) const { return config_.find(fault) != std::string::npos; }

  darkroom::Host host_;
  std::string config_;
};

}  // namespace

DARKROOM_PLUGIN(Faulty)
"""
FAULTY_MANIFEST = {
    "id": "faulty",
    "version": "0.1.0",
    "summary": "Is bad as it is told",
    "params": {"type": "object", "additionalProperties": False, "properties": {}},
    "inputs": [
        {"name": "text", "kind": "text"},
        {"name": "mask", "kind": "mask", "optional": True},
        {"name": "x", "kind": "tensor", "dtype": "float16", "shape": [2, -1], "optional": True},
    ],
    "outputs": [{"name": "text", "kind": "text"}],
    "batch": {"max": 5, "key": []},
    "resources": {"device": ["cpu"], "memory": 0, "torch": None},
    "unload": "clean",
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The folder with the two plugins, built against the SDK as others are."""
    folder = tmp_path_factory.mktemp("made")
    darkroom = BUILD / "bin" / "darkroom"

    def do(*command):
        done = subprocess.run([*map(str, command)], cwd=folder, capture_output=True, text=True)
        assert done.returncode == 0, (command, done.stdout, done.stderr)

    do("cmake", "--install", BUILD, "--component", "plugin-api", "--prefix", folder / "sdk")
    do(darkroom, "plugins", "new", "sepia")
    (folder / "sepia" / "faulty.cc").write_text(FAULTY)
    (folder / "sepia" / "faulty.json").write_text(json.dumps(FAULTY_MANIFEST))
    with open(folder / "sepia" / "CMakeLists.txt", "a") as file:
        file.write("darkroom_add_plugin(faulty SOURCES faulty.cc MANIFEST faulty.json)\n")
    do("cmake", "-S", "sepia", "-B", "build", f"-DCMAKE_PREFIX_PATH={folder / 'sdk'}",
       "-DCMAKE_BUILD_TYPE=Debug")  # fmt: skip
    do("cmake", "--build", "build", "-j2")
    return folder / "build" / "plugins"


def test_the_template_is_sound(check, made):
    told = check.json(made / "sepia.so")
    words = {step["step"]: step["words"] for step in told["run"]["steps"]}
    assert (told["verdict"], told["run"]["outcome"]) == ("ok", "sound")
    assert words["job: image 64x48"] == "image 64x48" and words["job: image 1x1"] == "image 1x1"
    assert [line["text"] for line in told["run"]["log"]] == ["sepia: nothing to load"]


def test_each_kind_of_input_is_made(check, made):
    run = check.json(made / "faulty.so")["run"]
    assert run["outcome"] == "sound" and run["mapped"] is False
    jobs = [step for step in run["steps"] if step["step"].startswith("job: ")]
    assert [(step["step"], step["words"]) for step in jobs] == [
        ("job: text 36 bytes, mask 64x48, x float16 [2, 3]", f"text {len('48 64 1 2 3 ')} bytes"),
        ("job: text 1 byte, mask 1x1, x float16 [2, 1]", f"text {len('1 1 1 2 1 ')} bytes"),
        ("job: text 0 bytes, mask 64x48, x float16 [2, 3]", f"text {len('48 64 1 2 3 ')} bytes"),
        ("job: text 36 bytes", "text 0 bytes"),
    ]


@pytest.mark.parametrize(
    "fault, step, words",
    [
        ("dies at nothing", "job: text 0 bytes, mask 64x48, x float16 [2, 3]", "killed by SIGABRT"),
        ("dies closing", "close", "ended while it was shut down"),
        ("hangs closing", "close", "did not shut down within 1.0 s"),
        ("hangs loading", "load", "did not load within 1.0 s"),
        ("keeps memory", "", "left 0 leases and 1 blocks of memory behind"),
    ],
)
def test_each_step_may_fail(check, made, fault, step, words):
    told = check.json(
        made / "faulty.so", "--options", json.dumps({"fault": fault}), "--timeout", "1s", code=8
    )
    run = told["run"]
    assert words in run["why"]
    failed = [name for name, result in results(run).items() if result == "failed"]
    assert failed == [step] * bool(step)
    # Nothing is asked of a process that is gone.
    assert not step or run["steps"][-1]["step"] == step
    assert bool(run["misbehaved"]) == (not step)


def test_what_it_says_is_told(check, made):
    done = check(made / "faulty.so", "--options", '{"fault": "prints"}')
    assert "log: warning  faulty: and by its log\n" in done.text
    assert re.search(r"log: info +faulty: printed: hello from the plugin\n", done.text)


def test_without_a_worker_beside_it_nothing_is_tried(tmp_path):
    darkroom = tmp_path / "darkroom"
    shutil.copy(BUILD / "bin" / "darkroom", darkroom)
    alone = subprocess.run(
        [darkroom, "plugins", "check", plugin_path("echo")], capture_output=True, text=True
    )
    assert alone.returncode == 8 and "--no-run" in alone.stderr
    # Installed, it may lie in libexec.
    (tmp_path / "bin").mkdir()
    (tmp_path / "libexec" / "darkroom").mkdir(parents=True)
    (tmp_path / "libexec" / "lib").symlink_to(BUILD / "lib")
    (tmp_path / "lib").symlink_to(BUILD / "lib")
    shutil.move(darkroom, tmp_path / "bin" / "darkroom")
    shutil.copy(BUILD / "bin" / "darkroom-worker", tmp_path / "libexec" / "darkroom")
    there = subprocess.run(
        [tmp_path / "bin" / "darkroom", "plugins", "check", plugin_path("echo")],
        capture_output=True,
        text=True,
    )
    assert there.returncode == 0, there
