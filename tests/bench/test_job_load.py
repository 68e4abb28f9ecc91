# SPDX-License-Identifier: Apache-2.0
"""The load of durable jobs must count a job only if it was accepted and has ended well, and see
every kind of wrong end; and the bare workers must do what they say.
"""

import asyncio
import json
import subprocess

import nats
import pytest
from common import programs
from common.programs import Program
from fake_queue import FakeQueue

FAKE = ("--subject", "test.jobs", "--replies", "test.results.")


def run_load(build, url: str, *options, wait=5, patience=0.3) -> subprocess.CompletedProcess:
    command = [build / "bench" / "job_load", "--url", url, "--warmup", 0.05, "--seconds", 0.3]
    command += ["--wait", wait, "--patience", patience, *options]
    return subprocess.run([str(part) for part in command], capture_output=True, text=True)


def line_of(done: subprocess.CompletedProcess) -> dict:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("how", [("--concurrency", 8), ("--rate", 200)])
def test_every_job_is_another_and_ends(server, build, how):
    with FakeQueue(server.url) as queue:
        line = line_of(run_load(build, server.url, *FAKE, *how))
    assert line["errors"] == 0
    assert 0 < line["jobs"] <= len(queue.ids) == len(set(queue.ids))
    assert 0 < line["p50_ms"] <= line["p99_ms"] <= line["max_ms"]
    assert all(len(job) <= 64 for job in queue.ids)


@pytest.mark.parametrize(
    "answer, words",
    [
        (lambda body: body[:-1], "another length"),
        (lambda body: body[:-1] + bytes([body[-1] ^ 1]), "other bytes"),
        (lambda body: b"\xff" * 8 + body[8:], "other bytes"),
        (lambda body: [body, body], "a second reply"),
        (lambda body: None, "no reply"),
    ],
)
def test_sees_wrong_replies(server, build, answer, words):
    with FakeQueue(server.url, answer=answer):
        line = line_of(run_load(build, server.url, *FAKE, "--rate", 200))
    assert line["errors"] > 0
    assert words in line["first_error"]


@pytest.mark.parametrize(
    "accept, words",
    [
        (lambda number: {"error": {"code": 503, "description": "no room"}}, "no room"),
        (lambda number: {"stream": "FAKE", "seq": number, "duplicate": True}, "duplicate"),
        (lambda number: None, "no reply"),
    ],
)
def test_a_job_that_is_not_accepted_does_not_count(server, build, accept, words):
    with FakeQueue(server.url, accept=accept, every=2) as queue:
        line = line_of(run_load(build, server.url, *FAKE, "--rate", 200))
    # The probe is the first of all.
    assert line["jobs"] <= len(queue.ids) // 2
    assert line["errors"] > 0
    assert words in line["first_error"]


def test_says_that_nobody_keeps_jobs(server, build):
    done = run_load(build, server.url, *FAKE, "--rate", 10, wait=0.1)
    assert done.returncode != 0
    assert "test.jobs" in done.stderr and "nobody listens" in done.stderr


@pytest.fixture
def jetstream(tmp_path):
    port = programs.free_port()
    command = [programs.nats_server_path(), "-a", "127.0.0.1", "-p", port]
    with Program("nats-server", [*command, "-js", "-sd", tmp_path / "js"], tmp_path) as program:
        program.url = f"nats://127.0.0.1:{port}"
        programs.await_port(port)
        yield program


def messages_of(url: str) -> dict[str, int]:
    """How many messages each stream has."""

    async def ask() -> dict[str, int]:
        connection = await nats.connect(url)
        streams = await connection.jetstream().streams_info()
        await connection.close()
        return {stream.config.name: stream.state.messages for stream in streams}

    return asyncio.run(ask())


@pytest.mark.parametrize(
    "mode, end",
    [("consume", ("--acks-of", "bare")), ("result", ("--replies", "bench.bare.results."))],
)
def test_a_bare_worker_takes_every_job_from_the_queue(jetstream, build, tmp_path, mode, end):
    command = [build / "bench" / "bare_worker", "--url", jetstream.url, "--name", "bare"]
    with Program("bare_worker", [*command, "--mode", mode], tmp_path) as worker:
        load = ["--subject", "bench.bare.jobs", *end, "--cpu-of", f"worker={worker.pid}"]
        lines = [
            line_of(run_load(build, jetstream.url, *load, *how, patience=10))
            for how in (("--concurrency", 16), ("--rate", 100))
        ]
        kept = messages_of(jetstream.url)
        if mode == "result":
            # A reply is heard before its job is acknowledged; that is soon.
            while kept["bare"]:
                kept = messages_of(jetstream.url)
    for line in lines:
        assert line["errors"] == 0, line["first_error"]
        assert line["jobs"] > 0 and line["cpu_us"]["worker"] > 0
    assert kept["bare"] == 0
    if mode == "result":
        assert kept["bare_results"] >= sum(line["jobs"] for line in lines)
