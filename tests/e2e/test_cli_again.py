# SPDX-License-Identifier: Apache-2.0
"""Durable jobs a second time, by the command `darkroom`: cancelled, retried, replayed, dead; and large ones."""

from harness import wait_until
from mock_output import pattern
from shell_jobs import ended, known, submitted

MODELS = {"echo": {"plugin": "echo"}, "mock": {"plugin": "mock"}}
CONFIG = {"jobs": {"enabled": True, "ack_wait": "2s"}}
JETSTREAM = True


def test_jobs_cancel_says_how_each_ended(shell):
    over = submitted(shell, "mock", "-i", "in")
    ended(shell, over)
    slow = submitted(shell, "mock", "-i", "in", "-p", "delay_ms=60000")
    known(shell, slow)
    done = shell("jobs", "cancel", slow, over)
    assert sorted(done.text.splitlines()) == sorted(
        [f"{slow}: cancelled", f"{over}: succeeded; it had ended before it could be cancelled"]
    )
    assert ended(shell, slow)["state"] == "cancelled"
    assert shell("jobs", "watch", slow, code=1).err and shell("jobs", "result", slow, code=1).err
    refused = shell.json("jobs", "cancel", "nonsuch", over, code=3)
    assert {job["job"]: "error" in job for job in refused["jobs"]} == {"nonsuch": True, over: False}
    assert shell("jobs", "cancel", "a.b", code=2).err


def test_jobs_retry_is_a_job_of_its_own(shell):
    job = submitted(shell, "mock", "-i", "in", "-p", "output_bytes=6", "--tag", "a=b", "--id", "once")
    ended(shell, job)
    assert shell("jobs", "retry", job).text == "once-r1\n"
    state = ended(shell, "once-r1")
    assert (state["state"], state["tags"]) == ("succeeded", {"a": "b"})
    assert shell("jobs", "result", "once-r1").out == pattern(6, 0)
    assert shell.json("jobs", "retry", job) == {"job": "once-r2", "retry_of": "once"}
    assert ended(shell, "once-r2")["state"] == "succeeded"
    assert shell("jobs", "retry", "nonsuch", code=3).err
    slow = submitted(shell, "mock", "-i", "in", "-p", "delay_ms=3000")
    wait_until("it to run", lambda: known(shell, slow)["state"] == "running")
    assert shell("jobs", "retry", slow, code=7).err


def test_jobs_replay_compares_the_results(shell, js, loop):
    job = submitted(shell, "mock", "-i", "in", "-p", "output_bytes=6", "-p", "seed=3")
    ended(shell, job)
    result = shell.json("jobs", "replay", job)
    assert result["equal"] is True and result["original"] == result["replayed"]
    assert result["original"]["bytes"] == 6
    replay = shell.json("jobs", "show", result["replay"])
    assert replay["tags"] == {"replay-of": job}
    assert shell("jobs", "replay", job).text.startswith("equal: 6 bytes (sha256:")
    # The same job by a JSON reply, which has the job's id in it.
    text = submitted(shell, "echo", "-i", "in", "--accept", "json")
    ended(shell, text)
    assert shell.json("jobs", "replay", text)["equal"] is True
    subject = f"darkroom.results.mock.{job}"
    loop.run_until_complete(js.publish(subject, b"another", headers={"Content-Type": "text/plain"}))
    different = shell("jobs", "replay", job, code=1)
    assert different.text.startswith("different\n") and "7 bytes" in different.text
    failed = submitted(shell, "mock", "-i", "in", "-p", "fail=invalid_argument")
    ended(shell, failed)
    assert "jobs retry" in shell("jobs", "replay", failed, code=8).err


def test_dead_letters_are_seen_retried_and_thrown_away(shell):
    def letters():
        return [letter["id"] for letter in shell.json("dead", "ls")["dead"]]

    shell("dead", "purge", "--all")
    for job in ("dead1", "dead2"):
        submitted(shell, "mock", "-i", "in", "--id", job, "--tag", f"name={job}", "-p",
                  "fail=internal", "-p", "message=it broke")
        assert ended(shell, job)["state"] == "failed"
        wait_until("its dead letter", lambda: job in letters())
    table = shell("dead", "ls").text.splitlines()
    assert table[0].split() == ["JOB", "MODEL", "CLASS", "DIED", "TRIES", "SIZE", "ERROR"]
    assert len(table) == 3 and table[1].startswith("dead1 ") and "it broke" in table[1]
    shown = shell.json("dead", "show", "dead1")
    assert shown["error"]["message"] == "it broke" and shown["bytes"] == 1
    assert shown["headers"]["Darkroom-Tags"] == "name=dead1"
    assert "it broke" in shell("dead", "show", "dead1").text
    assert "darkroom dead show dead1" in shell("jobs", "show", "dead1").text
    assert shell("dead", "show", "nonsuch", code=3).err

    assert shell("jobs", "retry", "dead1").text == "dead1-r1\n"
    assert ended(shell, "dead1-r1")["tags"] == {"name": "dead1"}
    wait_until("the letters", lambda: sorted(letters()) == ["dead1-r1", "dead2"])
    again = shell.json("dead", "retry", "--all")["jobs"]
    assert sorted(job["job"] for job in again) == ["dead1-r2", "dead2-r1"]
    for job in ("dead1-r2", "dead2-r1"):
        ended(shell, job)
    wait_until("the letters", lambda: sorted(letters()) == ["dead1-r2", "dead2-r1"])
    for command in (["retry"], ["purge"], ["purge", "dead2-r1", "--all"], ["purge", "--older-than", "x"]):
        assert shell("dead", *command, code=2).err
    assert shell("dead", "purge", "dead2-r1", "nonsuch", code=3).err
    assert shell.json("dead", "purge", "--older-than", "1d") == {"purged": 0}
    assert shell("dead", "purge", "dead2-r1").text == "1 dead letter thrown away\n"
    assert letters() == ["dead1-r2"]
    assert shell.json("dead", "purge", "--all") == {"purged": 1}
    assert shell("dead", "ls").text == "no dead letters\n"


def test_what_is_too_large_for_a_message_goes_by_the_object_store(shell):
    data = bytes(range(256)) * 4096 * 60  # 60 MiB through a server of 1 MiB
    shell.file("large", data)
    shell("run", "echo", "-i", "large", "-o", "out")
    assert shell.read("out") == data
    job = submitted(shell, "echo", "-i", "large")
    assert ended(shell, job)["state"] == "succeeded"
    shell("jobs", "result", job, "-o", "stored")
    assert shell.read("stored") == data
