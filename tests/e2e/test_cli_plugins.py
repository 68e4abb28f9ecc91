# SPDX-License-Identifier: Apache-2.0
"""`darkroom plugins`: what the daemons have loaded, seen and changed."""

import json
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from harness import bad_plugin_path, children_of, plugin_path, wait_until
from shell import Shell

BUILD = Path(os.environ["DARKROOM_BIN"]).parent


def version(number: int) -> Path:
    return BUILD / "tests" / "versions" / str(number) / "versioned.so"


@pytest.fixture(scope="module")
def nats(module_site):
    return module_site.server().start()


@pytest.fixture
def shell(nats, tmp_path):
    return Shell(tmp_path, nats.url)


@pytest.fixture
def start(site, nats):
    """Starts a daemon, whose prefix keeps it from those of other tests."""

    def start(name: str, models: dict | None = None, **config):
        daemon = site.daemon(
            {
                "nats": {"url": nats.url, "prefix": site.folder.name},
                "models": {"echo": {"plugin": "echo"}} if models is None else models,
                "plugins": {"folder": str(plugin_path("echo").parent), "watch": False},
                **config,
            },
            name,
        )
        return daemon.start()

    return start


@pytest.fixture
def plugins(shell, site):
    """`darkroom plugins`, with the prefix of this test's daemons."""

    def plugins(*arguments, **options):
        return shell("plugins", *arguments, "--prefix", site.folder.name, **options)

    plugins.json = lambda *arguments, **options: json.loads(
        plugins(*arguments, "--json", **options).out
    )
    plugins.start = lambda *arguments: shell.start(
        "plugins", *arguments, "--prefix", site.folder.name, stderr=subprocess.PIPE, text=True
    )
    return plugins


def row(text: str, plugin: str, host: str = "") -> list[str]:
    """The cells of a plugin's line in the table."""
    lines = [re.split(r" {2,}", line.strip()) for line in text.splitlines()]
    (found,) = [cells for cells in lines if cells[: 2 if host else 1] == [*filter(None, (host,)), plugin]]
    return found


def test_plugins_are_listed_with_what_is_wrong(start, plugins):
    start("gpu-7", {"echo": {"plugin": "echo"}, "sad": {"plugin": str(bad_plugin_path("no_manifest"))}})
    done = plugins("ls")
    assert done.text.splitlines()[0].split() == [
        *("PLUGIN", "VERSION", "STATE", "GEN", "MODELS", "UPGRADES", "CRASHES", "ISOLATION"),
    ]
    assert row(done.text, "echo") == ["echo", "1.0.0", "active", "1", "echo", "0", "0", "process"]
    sad = str(bad_plugin_path("no_manifest"))
    assert row(done.text, sad)[:4] == [sad, "-", "failed", "-"]
    assert re.search(rf"^{re.escape(sad)}: .*no manifest", done.text, re.MULTILINE)
    (host,) = plugins.json("ls")["hosts"]
    assert host["host"] == "gpu-7"
    assert {one["id"]: one["state"] for one in host["plugins"]} == {"echo": "active", sad: "failed"}


def test_one_plugin_is_shown_with_everything(start, plugins):
    daemon = start("gpu-7")
    done = plugins("show", "echo")
    (pid,) = children_of(daemon.pid)
    for words in (
        r"^echo 1\.0\.0: Answers with",
        r"state +active",
        r"models +echo",
        r"generation +1",
        rf"source +{re.escape(str(plugin_path('echo')))}",
        r"sha256 +[0-9a-f]{64}",
        r"isolation +process",
        r"crashes +0",
        rf"cpu +open +{pid} +0",
    ):
        assert re.search(words, done.text, re.MULTILINE), (words, done.text)
    (host,) = plugins.json("show", "echo")["hosts"]
    (one,) = host["plugins"]
    assert one["places"][0]["pid"] == pid
    failed = plugins("show", "ecko", code=3)
    assert "did you mean echo?" in failed.err
    assert plugins.json("show", "ecko", code=3)["error"]["code"] == "not_found"


def test_a_plugin_that_crashes_is_shown_to_rest(start, plugins):
    daemon = start("gpu-7")

    def is_resting():
        for pid in children_of(daemon.pid):
            os.kill(pid, signal.SIGKILL)
        return re.search(r"again in [\d.]+ m?s", plugins("show", "echo").text)

    wait_until("the plugin to be given a rest", is_resting, 30)
    shown = plugins("show", "echo").text
    assert "backing off" in shown and "SIGKILL" in shown
    assert row(plugins("ls").text, "echo")[2] == "backing off"


def test_load_upgrade_rollback_reload_unload(start, plugins, shell):
    start("gpu-7")
    took = r"\d+(\.\d)? m?s"
    done = plugins("load", version(1))
    assert re.fullmatch(rf"gpu-7: versioned 1\.0\.0 loaded, generation 2 \({took}\)\n", done.text)
    assert (done.err, row(plugins("ls").text, "versioned")[1:4]) == ("", ["1.0.0", "active", "2"])
    done = plugins("upgrade", "versioned", version(2))
    assert re.fullmatch(
        rf"gpu-7: versioned 1\.0\.0 -> 2\.0\.0, generation 3 \(overlap, {took}\)\n", done.text
    )
    done = plugins("reload", "versioned")
    assert done.text == "gpu-7: versioned 2.0.0 unchanged, generation 3: it has this very file\n"
    wait_until("the old one to be gone", lambda: "previous" in plugins("show", "versioned").text)
    done = plugins("rollback", "versioned")
    assert re.fullmatch(
        rf"gpu-7: versioned 2\.0\.0 -> 1\.0\.0, rolled back, generation 4 \(overlap, {took}\)\n",
        done.text,
    )
    done = plugins("unload", "versioned")
    assert re.fullmatch(rf"gpu-7: versioned 1\.0\.0 unloaded, generation 4 \({took}\)\n", done.text)
    # By a path from here, and by a name that is a file's here.
    shutil.copy(version(3), shell.folder / "three.so")
    os.chmod(shell.folder / "three.so", 0o644)
    for path in ("./three.so", "three.so"):
        plugins("load", path)
        assert str(shell.folder / "three.so") in plugins("show", "versioned").text
    # An id is looked for in the daemon's plugin folder.
    assert plugins("load", "echo").text == (
        "gpu-7: echo 1.0.0 unchanged, generation 1: it has this very file\n"
    )


def test_json_is_what_the_daemons_answered(start, plugins):
    start("gpu-7")
    (answer,) = plugins.json("load", version(1))["hosts"]
    assert (answer["host"], answer["action"], answer["version"]) == ("gpu-7", "loaded", "1.0.0")
    assert answer["models"] == ["versioned"] and answer["notes"] == []


@pytest.mark.parametrize(
    "arguments, code, name, words",
    [
        (["load", "nonsuch"], 3, "not_found", "there is no plugin"),
        (["load", "/nonexistent/x.so"], 3, "not_found", "/nonexistent/x.so"),
        (["upgrade", "ecko"], 3, "not_found", "did you mean"),
        (["upgrade", "echo", version(1)], 1, "invalid_argument", "is the plugin"),
        (["rollback", "echo"], 8, "failed_precondition", "no generation before"),
        (["load", version(4)], 8, "failed_precondition", "SIGABRT"),
        (["load", bad_plugin_path("wrong_major")], 8, "failed_precondition", "ABI 99"),
    ],
)
def test_a_refusal_is_told_and_is_the_exit_code(start, plugins, arguments, code, name, words):
    start("gpu-7")
    done = plugins(*arguments, code=code)
    assert done.text == ""
    assert done.err.startswith("darkroom: ") and words in done.err
    told = plugins.json(*arguments, code=code)
    assert (told["error"]["code"], told["error"]["exit_code"]) == (name, code)
    (host,) = told["hosts"]
    assert (host["host"], host["error"]["code"]) == ("gpu-7", name)


def test_what_others_may_write_is_refused(start, plugins, shell):
    start("gpu-7")
    shutil.copy(version(1), shell.folder / "versioned.so")
    os.chmod(shell.folder / "versioned.so", 0o666)
    assert "chmod go-w" in plugins("load", "./versioned.so", code=4).err


def test_notes_are_told(start, plugins, shell, site):
    start("gpu-7", {"versioned": {"plugin": str(version(1)), "preload": True}})
    prefix = ("--prefix", site.folder.name)
    wait_until("the model", lambda: "ready" in shell("models", "versioned", *prefix).text)
    done = plugins("upgrade", "versioned", version(7))
    first, note = done.text.splitlines()
    assert "(swap, " in first and "no 12 GiB left" in note and note.startswith("  ")


def test_all_daemons_act_or_the_one_that_is_named(start, plugins):
    for name in ("gpu-7", "gpu-8"):
        start(name)
    done = plugins("load", version(1))
    assert re.fullmatch(r"gpu-7: versioned 1.* loaded.*\ngpu-8: versioned 1.* loaded.*\n", done.text)
    done = plugins("upgrade", "versioned", version(2), "--host", "gpu-8")
    assert re.fullmatch(r"gpu-8: versioned 1\.0\.0 -> 2\.0\.0, .*\n", done.text)
    listed = plugins("ls").text
    assert listed.startswith("HOST ")
    assert row(listed, "versioned", "gpu-7")[2] == "1.0.0"
    assert row(listed, "versioned", "gpu-8")[2] == "2.0.0"
    assert len(plugins.json("show", "versioned")["hosts"]) == 2
    assert re.findall(r"host +(gpu-\d)", plugins("show", "versioned").text) == ["gpu-7", "gpu-8"]

    # One of them cannot: the other has all the same, and the exit code tells.
    plugins("unload", "versioned", "--host", "gpu-7")
    done = plugins("unload", "versioned", code=8)
    assert re.fullmatch(r"gpu-8: versioned 2\.0\.0 unloaded, .*\n", done.text)
    assert done.err.startswith("darkroom: gpu-7: ") and "not loaded" in done.err
    plugins("load", version(1), "--host", "gpu-8")
    told = plugins.json("rollback", "versioned", code=8)
    assert [host["host"] for host in told["hosts"]] == ["gpu-7", "gpu-8"]

    failed = plugins("unload", "versioned", "--host", "gpu-9", code=3)
    assert "gpu-7, gpu-8" in failed.err and "did you mean" in failed.err


def test_who_does_not_answer_in_time_is_named(start, plugins):
    start("gpu-7")
    begun = time.monotonic()
    done = plugins("load", bad_plugin_path("hangs_in_ctor"), "--timeout", "1s", code=6)
    assert time.monotonic() - begun < 10
    assert "no answer from gpu-7 within 1.0 s" in done.err
    for wrong in ("5", "0s", "soon"):
        assert "--timeout" in plugins("load", "echo", "--timeout", wrong, code=2).err


def test_ctrl_c_stops_the_wait(start, plugins):
    daemon = start("gpu-7")
    loading = plugins.start("load", bad_plugin_path("hangs_in_ctor"))
    wait_until("it to be at work", lambda: len(children_of(daemon.pid)) == 2)
    loading.send_signal(signal.SIGINT)
    _, said = loading.communicate(timeout=10)
    assert loading.returncode == 130
    assert "gpu-7 may still be at it" in said


def test_without_a_daemon_there_is_nobody_to_ask(plugins):
    for arguments in (["ls"], ["show", "echo"], ["load", "echo"], ["unload", "echo"]):
        plugins(*arguments, code=5)
