# SPDX-License-Identifier: Apache-2.0
"""Durable jobs by the command `darkroom`: submit, jobs, dead."""

import json
import re
import signal
import subprocess

from mock_output import pattern
from shell import RECEIPT_FIELDS, RUN_FIELDS, Shell, on_screen
from shell_jobs import ended, known, submitted

MODELS = {"echo": {"plugin": "echo"}, "mock": {"plugin": "mock"}}
CONFIG = {"jobs": {"enabled": True, "ack_wait": "2s"}}
JETSTREAM = True
ERROR_FIELDS = {"code", "message", "hint", "retryable", "exit_code"}


def test_submit_prints_the_id_and_the_job_runs(shell):
    job = submitted(shell, "mock", "-i", "in", "-p", "output_bytes=7", "--tag", "album=42")
    watched = shell("jobs", "watch", job)
    assert watched.text == f"{job}  mock  succeeded\n"
    state = shell.json("jobs", "show", job)
    assert (state["state"], state["class"], state["tags"]) == ("succeeded", "normal", {"album": "42"})
    text = shell("jobs", "show", job).text
    assert text.startswith(f"{job}: succeeded\n") and "album=42" in text
    assert re.search(r"submitted .*Z \((now|\d+ s ago)\)", text), text
    done = shell("jobs", "result", job, "-o", "out")
    assert shell.read("out") == pattern(7, 0) and done.err.startswith("out: 7 bytes ")
    assert shell("jobs", "result", job).out == pattern(7, 0)
    assert set(shell.json("jobs", "result", job, "-o", "out")) == RUN_FIELDS


def test_submit_and_wait_is_like_run(shell):
    shell.file("note.txt", b"hello")
    done = shell("submit", "echo", "-i", "note.txt", "--wait")
    assert done.text == "hello"
    result = shell.json("submit", "echo", "-i", "note.txt", "--wait", "-o", "out", "--class", "bulk")
    assert set(result) == RUN_FIELDS | {"class", "duplicate", "sequence"}
    assert set(result["receipt"]) == RECEIPT_FIELDS and result["class"] == "bulk"
    assert (result["duplicate"], result["bytes"]) == (False, 5) and shell.read("out") == b"hello"
    wrong = ("submit", "mock", "-i", "in", "--wait", "-p", "message=as asked", "-p")
    for code, exit_code in (("internal", 1), ("not_found", 3), ("failed_precondition", 8)):
        done = shell(*wrong, f"fail={code}", code=exit_code)
        assert done.out == b"" and "as asked" in done.err
    failed = shell.json(*wrong, "fail=internal", "-o", "none", code=1)
    assert failed["error"]["message"] == "as asked" and failed["receipt"]["host"] == "e2e-host"


def test_submit_the_same_id_twice_is_one_job(shell):
    assert submitted(shell, "mock", "-i", "in", "--id", "twice") == "twice"
    again = shell("submit", "mock", "-i", "in", "--id", "twice")
    assert again.text == "twice\n" and "was submitted before" in again.err
    assert shell.json("submit", "mock", "-i", "in", "--id", "twice")["duplicate"] is True
    assert ended(shell, "twice")["state"] == "succeeded"


def test_submit_answers_another_subject_too(shell, client, loop):
    async def hear():
        heard = await client.nats.subscribe("letters.answers")
        await client.nats.flush()
        submitted(shell, "echo", "-i", "in", "--reply-to", "letters.answers", "--id", "answered")
        return await heard.next_msg(30)

    message = loop.run_until_complete(hear())
    assert message.data == b"1" and message.headers["Darkroom-Job"] == "answered"


def test_submit_refuses_before_anything_is_kept(shell, js, loop):
    def kept():
        return loop.run_until_complete(js.stream_info("DARKROOM_JOBS")).state.last_seq

    before = kept()
    done = shell("submit", "mok", "-i", "in", code=3)
    assert "'mok'" in done.err and "did you mean mock?" in done.err and "--force" in done.err
    for arguments in (
        ["--class", "urgent"],
        ["--tag", "album"],
        ["--tag", "a=1,b=2"],
        ["--id", "a.b"],
        ["--reply-to", "a.*"],
        ["--timeout", "3s"],
        ["-o", "out"],
        ["--deadline", "soon"],
    ):
        assert shell("submit", "mock", "-i", "in", *arguments, code=2).err, arguments
    assert kept() == before
    job = submitted(shell, "nobody", "-i", "in", "--force")
    assert kept() == before + 1 and job
    # No host knows the model, so there is no state of the job; but it is not passed over.
    assert shell.json("jobs", "ls", "--model", "nobody") == {"jobs": [], "matches": 0, "untaken": 1}
    assert shell("jobs", "ls", "--state", "queued").text.endswith("1 more in the queue: no host has taken it up yet\n")
    assert shell.json("jobs", "ls", "--model", "mock")["untaken"] == 0
    assert shell.json("jobs", "ls", "--state", "failed")["untaken"] == 0
    loop.run_until_complete(js.purge_stream("DARKROOM_JOBS"))


def test_without_jobs_the_command_says_what_is_missing(shell, site):
    plain = site.server().start()
    for command in (["submit", "mock", "-i", "in"], ["jobs", "ls"], ["dead", "ls"]):
        done = shell(*command, "--url", plain.url, code=8)
        assert "has no JetStream" in done.err, done
    streams = site.server(jetstream=True).start()
    for command in (["submit", "mock", "-i", "in"], ["jobs", "ls"], ["dead", "ls"]):
        done = shell(*command, "--url", streams.url, code=8)
        assert "jobs: {enabled: true}" in done.err and "DARKROOM_JOBS" in done.err
    refused = shell.json("jobs", "ls", "--url", streams.url, code=8)
    assert set(refused["error"]) == ERROR_FIELDS


def test_jobs_ls_filters(shell):
    for number, job_class in enumerate(("interactive", "normal", "bulk")):
        submitted(shell, "mock", "-i", "in", "--id", f"ls{number}", "--class", job_class,
                  "--tag", "test=ls", "--tag", f"number={number}")
    submitted(shell, "mock", "-i", "in", "--id", "ls3", "--tag", "test=ls", "-p", "fail=internal",
              "-p", "message=it would not")
    for number in range(4):
        ended(shell, f"ls{number}")

    def ids(*arguments):
        jobs = shell.json("jobs", "ls", "--tag", "test=ls", *arguments)["jobs"]
        return sorted(job["id"] for job in jobs)

    assert ids() == ["ls0", "ls1", "ls2", "ls3"]
    assert ids("--state", "failed") == ["ls3"]
    assert ids("--class", "bulk") == ["ls2"]
    assert ids("--tag", "number=1") == ["ls1"]
    assert ids("--model", "echo") == []
    assert ids("--since", "1h") == ["ls0", "ls1", "ls2", "ls3"]
    limited = shell.json("jobs", "ls", "--tag", "test=ls", "--limit", 1)
    assert [job["id"] for job in limited["jobs"]] == ["ls3"] and limited["matches"] == 4
    table = shell("jobs", "ls", "--tag", "test=ls").text.splitlines()
    assert table[0].split() == ["JOB", "MODEL", "CLASS", "STATE", "SUBMITTED", "TOOK", "TRIES",
                                "HOST", "NOTE"]
    assert table[1].startswith("ls3 ") and table[1].endswith("it would not")
    assert shell("jobs", "ls", "--model", "none").text == "no jobs\n"
    assert shell("jobs", "ls", "--state", "lost", code=2).err
    assert shell("jobs", "ls", "--since", "yesterday", code=2).err


def test_jobs_ls_goes_on_with_changes(shell):
    process = shell.start("jobs", "ls", "--watch", "--tag", "test=watch", stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"no jobs\n"
    submitted(shell, "mock", "-i", "in", "--id", "seen", "--tag", "test=watch")
    submitted(shell, "mock", "-i", "in", "--id", "unseen")
    while (line := process.stdout.readline()) != b"seen  mock  succeeded\n":
        assert line.startswith(b"seen  mock  "), line
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=60)
    assert process.returncode == 0 and b"unseen" not in rest


def test_jobs_export_is_a_line_for_each(shell):
    for number in range(3):
        ended(shell, submitted(shell, "mock", "-i", "in", "--id", f"line{number}", "--tag", "test=export"))
    lines = shell("jobs", "export", "--since", "30d", "--tag", "test=export", "--json").text
    states = [json.loads(line) for line in lines.splitlines()]
    assert [state["id"] for state in states] == ["line0", "line1", "line2"]
    assert all(state["state"] == "succeeded" for state in states)


def test_jobs_watch_shows_progress_and_gives_up_in_time(shell):
    slow = ["-p", "delay_ms=1500", "-p", "progress_steps=30"]
    job = submitted(shell, "mock", "-i", "in", *slow)
    known(shell, job)
    late = shell("jobs", "watch", job, "--timeout", "100ms", code=6)
    assert "it goes on" in late.err
    code, out, shown = on_screen(shell, "jobs", "watch", job)
    assert code == 0 and out == f"{job}  mock  succeeded\n".encode()
    assert "\x1b[K" in shown
    assert shell("jobs", "watch", "nonsuch", code=3).err
    lines = shell("submit", "mock", "-i", "in", *slow, "--wait", "--progress=plain").err.splitlines()
    assert any(re.match(r"mock  \d+%", line) for line in lines), lines


def test_interrupted_it_says_that_the_job_goes_on(shell):
    process = shell.start("submit", "mock", "-i", "in", "-p", "delay_ms=1500", "--wait", "--id",
                          "left", stderr=subprocess.PIPE)
    known(shell, "left")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130 and b"darkroom jobs watch left" in err
    assert ended(shell, "left")["state"] == "succeeded"


def test_what_is_not_there(shell):
    for command in ("show", "result", "watch"):
        assert "jobs ls" in shell("jobs", command, "nonsuch", code=3).err
        assert shell("jobs", command, "a.b", code=2).err
    job = submitted(shell, "mock", "-i", "in", "-p", "delay_ms=1000")
    known(shell, job)
    assert "no result yet" in shell("jobs", "result", job, code=3).err


def test_ps_all_has_every_daemon(shell, site, server):
    other = site.daemon({"nats": {"url": server.url}, "models": {"echo": {"plugin": "echo"}}}, "other")
    other.start()
    shell("run", "mock", "-i", "in", "-o", "-")
    lines = shell("ps", "--all").text.splitlines()
    assert lines[0].split() == ["HOST", "STATE", "DEVICE", "LANES", "RUNNING", "WAITING", "RESIDENT"]
    rows = {line.split()[0]: line for line in lines[1:]}
    assert set(rows) == {"e2e-host", "other"} and "mock" in rows["e2e-host"]
    hosts = shell.json("ps", "--all")["hosts"]
    assert {host["state"] for host in hosts} == {"ready"}
    assert other.stop() == 0


async def test_a_server_that_was_started_again_is_waited_for(durable, tmp_path):
    _, server, (daemon,) = await durable(models=MODELS)
    shell = Shell(tmp_path, server.url)
    shell.file("in", b"1")
    process = shell.start("submit", "mock", "-i", "in", "-p", "delay_ms=1500", "--wait", "--id",
                          "patient", "-p", "output_bytes=3", stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE)
    known(shell, "patient")
    server.kill()
    server.start()
    out, err = process.communicate(timeout=90)
    assert process.returncode == 0, err
    assert out == pattern(3, 0) and b"connected again" in err
    assert daemon.stop() == 0
