# SPDX-License-Identifier: Apache-2.0
"""`darkroom batch`: the jobs of a file, so many at a time, and again from where it was left."""

import json
import os
import signal
import subprocess

from harness import wait_until
from mock_output import pattern
from shell import Shell, on_screen

MODELS = {"echo": {"plugin": "echo"}, "mock": {"plugin": "mock"}}
CONFIG = {"jobs": {"enabled": True, "ack_wait": "2s"}}
JETSTREAM = True
FIELDS = {
    "file",
    "jobs",
    "succeeded",
    "failed",
    "cancelled",
    "expired",
    "unfinished",
    "pending",
    "before",
    "seconds",
    "jobs_per_s",
    "failures",
}


def write(shell, *lines: dict, name: str = "jobs.jsonl") -> str:
    return shell.file(name, "".join(json.dumps(line) + "\n" for line in lines).encode())


def mock(**params) -> dict:
    return {"model": "mock", "input": "in", "params": params}


def test_a_batch_writes_all_results_and_counts_them(shell):
    shell.file("note.txt", b"hello")
    lines = [mock(output_bytes=9, seed=seed) for seed in range(20)]
    lines += [
        {"input": "note.txt", "model": "echo", "id": "named", "tags": {"test": "batch"}},
        {"input": "note.txt", "output": "sub/own"},
    ]
    done = shell("batch", write(shell, *lines), "-o", "out", "--concurrency", 3, "--model", "echo")
    heading, row = done.text.splitlines()
    assert heading.split()[:2] == ["JOBS", "SUCCEEDED"] and row.split()[:3] == ["22", "22", "0"]
    written = {path.name: path.read_bytes() for path in (shell.folder / "out").iterdir() if path.is_file()}
    assert written.pop("named.bin") == b"hello"
    assert shell.read("out/sub/own") == b"hello"
    assert sorted(written.values()) == sorted(pattern(9, seed) for seed in range(20))
    assert shell.json("jobs", "show", "named")["tags"] == {"test": "batch"}
    assert shell.json("jobs", "show", "named")["class"] == "bulk"


def test_again_it_submits_nothing_that_has_ended(shell, js, loop):
    def kept():
        return loop.run_until_complete(js.stream_info("DARKROOM_JOBS")).state.last_seq

    lines = [mock(output_bytes=5, seed=100 + seed) for seed in range(5)]
    lines.append(mock(fail="internal", message="it would not"))
    file = write(shell, *lines)
    first = shell.json("batch", file, "-o", "out", code=1)
    assert set(first) == FIELDS | {"error"}
    assert (first["succeeded"], first["failed"], first["before"]) == (5, 1, 0)
    (failure,) = first["failures"]
    assert (failure["line"], failure["state"]) == (6, "failed")
    assert failure["error"]["message"] == "it would not"
    submitted = kept()
    (lost,) = [path for path in (shell.folder / "out").iterdir() if path.read_bytes() == pattern(5, 102)]
    os.remove(lost)
    again = shell("batch", file, "-o", "out", code=1)
    assert "it would not" in again.text and "--retry-failed" in again.err
    assert kept() == submitted
    assert lost.read_bytes() == pattern(5, 102)  # what is missing is fetched
    retried = shell.json("batch", file, "-o", "out", "--retry-failed", code=1)
    assert kept() == submitted + 1 and retried["before"] == 5
    assert retried["failures"][0]["job"] == failure["job"] + "-r1"


def test_so_many_at_a_time(shell):
    file = write(shell, *[mock(delay_ms=100, seed=200 + seed) for seed in range(12)])
    process = shell.start("batch", file, "--concurrency", 2, "--json", stdout=subprocess.PIPE)
    most = 0
    while process.poll() is None:
        jobs = shell.json("jobs", "ls", "--class", "bulk", "--limit", 1000)["jobs"]
        most = max(most, sum(job["state"] in ("queued", "running") for job in jobs))
    assert json.loads(process.stdout.read())["succeeded"] == 12
    assert most <= 2


def test_interrupted_it_goes_on_from_there(shell):
    lines = [mock(delay_ms=300, output_bytes=3, seed=300 + seed) for seed in range(8)]
    file = write(shell, *lines)
    process = shell.start("batch", file, "-o", "out", "--concurrency", 2, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE)
    wait_until("the first result", lambda: os.path.isdir(shell.folder / "out")
               and os.listdir(shell.folder / "out"))
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130 and b"goes on from here" in err and b"SUCCEEDED" in out
    done = shell.json("batch", file, "-o", "out")
    assert done["succeeded"] == 8 and done["before"] >= 1
    assert len(os.listdir(shell.folder / "out")) == 8


def test_what_is_wrong_in_the_file_is_told_before_anything_is_sent(shell, js, loop):
    def kept():
        return loop.run_until_complete(js.stream_info("DARKROOM_JOBS")).state.last_seq

    before = kept()
    good = mock(seed=400)
    for wrong, code, words in (
        ({"model": "mock", "inptu": "in"}, 2, "inptu"),
        ({"input": "in"}, 2, "names no model"),
        (mock() | {"input": "no-such-file"}, 3, "no-such-file"),
        (mock() | {"model": "mok"}, 3, "did you mean"),
        (mock() | {"deadline": "soon"}, 2, "deadline"),
    ):
        done = shell("batch", write(shell, good, wrong), code=code)
        assert words in done.err or code == 3 and "mok" in done.err, done
        if wrong.get("model") != "mok":
            assert "line 2" in done.err
    twice = write(shell, mock() | {"id": "same"}, good, mock() | {"id": "same"})
    assert "line 1" in shell("batch", twice, code=2).err
    assert shell("batch", "no-such-file", code=3).err
    assert shell("batch", write(shell, good), "--concurrency", 0, code=2).err
    assert kept() == before


def test_a_batch_comes_through_a_pipe_and_shows_a_bar(shell):
    lines = "\n".join(json.dumps(mock(delay_ms=60, seed=500 + seed)) for seed in range(20))
    assert shell.json("batch", "-", stdin=lines.encode())["succeeded"] == 20
    file = write(shell, *[mock(delay_ms=100, seed=600 + seed) for seed in range(20)])
    code, _, shown = on_screen(shell, "batch", file, "--concurrency", 4)
    assert code == 0 and "of 20" in shown and shown.endswith("\r\x1b[K")


async def test_a_batch_outlives_a_server_that_is_started_again(durable, tmp_path):
    _, server, (daemon,) = await durable(models=MODELS)
    shell = Shell(tmp_path, server.url)
    shell.file("in", b"1")
    file = write(shell, *[mock(delay_ms=50, output_bytes=4, seed=seed) for seed in range(60)])
    process = shell.start("batch", file, "-o", "out", "--json", "--concurrency", 5,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait_until("some results", lambda: os.path.isdir(shell.folder / "out")
               and len(os.listdir(shell.folder / "out")) > 5)
    server.kill()
    server.start()
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, (out, err)
    assert json.loads(out)["succeeded"] == 60
    written = [path.read_bytes() for path in (shell.folder / "out").iterdir()]
    assert sorted(written) == sorted(pattern(4, seed) for seed in range(60))
    assert daemon.stop() == 0
