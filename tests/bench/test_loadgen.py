# SPDX-License-Identifier: Apache-2.0
"""The load generator must see every kind of wrong answer, over NATS and over HTTP."""

import json
import os
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from common.programs import Program
from nats_responder import NatsResponder

# What a responder does to a body once it is told to misbehave, and what loadgen must call it.
FAULTS = {
    "truncates": (lambda body: body[:-1], "another length"),
    "flips": (lambda body: body[:-1] + bytes([body[-1] ^ 1]), "other bytes"),
    "repeats_an_older_one": (lambda body: bytes(8) + body[8:], "other bytes"),
}


# One reply of so many is wrong: seldom enough that a load that gives up after a hundred wrong ones reaches its window.
FAULT_EVERY = 50


def run_loadgen(build, *options) -> subprocess.CompletedProcess:
    command = [build / "bench" / "loadgen", "--warmup", "0.05", "--seconds", "1", *options]
    return subprocess.run([str(part) for part in command], capture_output=True, text=True)


def line_of(done: subprocess.CompletedProcess) -> dict:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def responder(server, build, tmp_path):
    """A bare responder, started and ended with the test."""

    def start(mode: str) -> Program:
        binary = build / "bench" / "bare_responder"
        options = ["--url", server.url, "--subject", "test.echo", "--mode", mode]
        started.append(Program(f"bare-{mode}", [binary, *options], tmp_path))
        return started[-1]

    started: list[Program] = []
    yield start
    for program in started:
        program.stop()


@pytest.mark.parametrize("mode", ["queue", "asap", "send"])
def test_measures_each_way_of_a_bare_responder(server, responder, build, mode):
    program = responder(mode)
    line = line_of(
        run_loadgen(
            build,
            *("--url", server.url, "--subject", "test.echo", "--concurrency", 16),
            *("--cpu-of", f"responder={program.pid}", "--cpu-of", f"broker={server.pid}"),
        )
    )
    assert line["errors"] == 0
    assert line["requests"] > 0
    assert line["p50_us"] <= line["p99_us"] <= line["p999_us"] <= line["max_us"]
    assert line["cpu_us"]["responder"] > 0
    assert line["cpu_us"]["broker"] > 0


@pytest.mark.parametrize("fault", FAULTS)
def test_sees_wrong_replies_over_nats(server, build, fault):
    change, words = FAULTS[fault]
    with NatsResponder(server.url, change, misbehave_every=FAULT_EVERY):
        line = line_of(run_loadgen(build, "--url", server.url, "--subject", "test.echo"))
    assert line["errors"] > 0
    assert words in line["first_error"]


def test_counts_what_is_never_answered(server, build):
    # A request begins with its number, whose sixth byte is the slot's: only slot 0 is answered.
    def change(body: bytes) -> bytes | None:
        return body if body[5] == 0 else None

    with NatsResponder(server.url, change):
        line = line_of(
            run_loadgen(build, "--url", server.url, "--subject", "test.echo", "--concurrency", 4)
        )
    assert line["requests"] > 0
    assert line["errors"] == 3
    assert "no reply" in line["first_error"]


def test_stops_asking_one_who_only_fails(server, build):
    with NatsResponder(server.url, lambda body: b""):
        done = run_loadgen(build, "--url", server.url, "--subject", "test.echo")
    assert done.returncode != 0
    assert "another length" in done.stderr


def test_says_that_nobody_listens(server, build):
    done = run_loadgen(build, "--url", server.url, "--subject", "test.nobody", "--wait", "0.1")
    assert done.returncode != 0
    assert "test.nobody" in done.stderr


def test_an_ended_process_is_not_measured(server, build):
    ended = subprocess.Popen(["true"])
    ended.wait()
    done = run_loadgen(
        build, "--url", server.url, "--subject", "test.echo", "--cpu-of", f"it={ended.pid}"
    )
    assert done.returncode != 0
    assert str(ended.pid) in done.stderr


@pytest.fixture
def http_server():
    """An HTTP server whose `change` may be set: body in, status and body out."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and body leave together

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, reply = self.server.change_with_headers(self.headers, body)
            self.send_response(status)
            self.send_header("Content-Length", str(len(reply)))
            self.end_headers()
            self.wfile.write(reply)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        server.change = lambda body: (200, body)
        server.change_with_headers = lambda _, body: server.change(body)
        server.url = f"http://127.0.0.1:{server.server_port}/inference"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_measures_http(http_server, build):
    line = line_of(
        run_loadgen(
            build,
            *("--url", http_server.url, "--concurrency", 4, "--size", 262144),
            *("--cpu-of", f"responder={os.getpid()}"),
        )
    )
    assert line["errors"] == 0
    assert line["requests"] > 0
    assert line["cpu_us"]["responder"] > 0


@pytest.mark.parametrize("fault", FAULTS)
def test_sees_wrong_replies_over_http(http_server, build, fault):
    change, words = FAULTS[fault]
    calls = iter(range(1 << 30))
    http_server.change = lambda body: (200, change(body) if next(calls) % FAULT_EVERY == 9 else body)
    line = line_of(run_loadgen(build, "--url", http_server.url))
    assert line["errors"] > 0
    assert words in line["first_error"]


def test_a_status_is_an_error_over_http(http_server, build):
    calls = iter(range(1 << 30))
    http_server.change = lambda body: (429 if next(calls) % FAULT_EVERY == 9 else 200, body)
    line = line_of(run_loadgen(build, "--url", http_server.url))
    assert line["errors"] > 0
    assert "429" in line["first_error"]


def test_a_protocol_within_http_has_headers_and_a_prefix(http_server, build):
    heads = set()

    def change(headers, body: bytes):
        heads.add((headers["Shape"], headers["Kind"]))
        return 200, b"{some: json}" + body

    http_server.change_with_headers = change
    options = ["--url", http_server.url, "--http-header", "Shape: 1024", "--http-header", "Kind: 7"]
    line = line_of(run_loadgen(build, *options, "--reply-has-prefix"))
    assert line["errors"] == 0
    assert heads == {("1024", "7")}
    # Only what precedes the bytes is let pass.
    calls = iter(range(1 << 30))
    http_server.change_with_headers = lambda _, body: (
        (200, b"{}" + body) if next(calls) % FAULT_EVERY != 9 else (200, b"{}" + body[:-1] + b"!")
    )
    line = line_of(run_loadgen(build, *options, "--reply-has-prefix"))
    assert "other bytes" in line["first_error"]
    assert run_loadgen(build, *options, "--wait", "0.1").returncode != 0
