# SPDX-License-Identifier: Apache-2.0
"""The open loop must tell exactly what was lost, doubled or wrong."""

import json
import time

import pytest
from common.open_loop import read_requests
from common.programs import Program
from nats_responder import NatsResponder
from reload.figures import count_figures

EVERY = 10  # of that many requests one is answered wrongly


@pytest.fixture
def run(server, build, tmp_path):
    """Asks the responder for a while: the requests, the errors by words, and what is counted."""

    def run(*options) -> tuple[list, dict, dict]:
        records = tmp_path / "records"
        command = [build / "bench" / "openload", "--url", server.url, "--subject", "test.echo"]
        command += ["--records", records, "--rate", 500, "--patience", 0.3, *options]
        with Program("openload", command, tmp_path) as load:
            while "ready" not in load.tail():
                load.check()
                time.sleep(0.01)
            # The responder takes turns by the number of requests, not by the time.
            time.sleep(0.5)
        requests = read_requests(records)
        line = json.loads(load.tail().splitlines()[-1])
        assert line["requests"] == len(requests) > EVERY
        return requests, line["errors"], count_figures(requests, line["errors"])

    return run


def wrong_of(requests: list) -> int:
    # The probe was the responder's first.
    return (len(requests) + 1) // EVERY


def test_all_is_well(server, run):
    with NatsResponder(server.url, lambda body: body):
        requests, errors, counts = run()
    assert errors == {}
    assert (counts["lost"], counts["doubled"], counts["errors"]) == (0, 0, 0)
    assert all(request.replies == 1 and request.latency_us > 0 for request in requests)
    assert [request.sent for request in requests] == sorted(request.sent for request in requests)


def test_a_body_of_its_own_is_sent_as_it_is(server, run, tmp_path):
    body = tmp_path / "body"
    body.write_bytes(b"a picture, say")
    seen = set()
    with NatsResponder(server.url, lambda data: seen.add(data) or b"enlarged" * 2):
        _, errors, counts = run("--body", body)
    assert seen == {b"a picture, say"}
    # The first was answered with the body itself, and so are all to be.
    assert counts["errors"] == counts["requests"]
    assert set(errors) == {"a reply of another length"}


def test_a_request_says_how_long_it_waits(server, run):
    with NatsResponder(server.url, lambda body: body) as responder:
        run("--deadline", "250ms")
    assert responder.deadlines == {"250ms"}


def test_a_first_reply_is_told_as_it_says_itself(server, run):
    refusal = {"Nats-Service-Error": "no room", "Nats-Service-Error-Code": "429"}
    receipt = {"Darkroom-Queue-Ms": "12.5", "Darkroom-Run-Ms": "0.250"}
    with NatsResponder(server.url, lambda body: body, EVERY, {**refusal, **receipt}):
        requests, _, _ = run()
    told = {(request.code, request.queue_ms, request.run_ms) for request in requests}
    assert told == {(0, -1, -1), (429, 12.5, 0.25)}


def test_what_is_never_answered_is_lost(server, run):
    with NatsResponder(server.url, lambda body: None, EVERY):
        requests, _, counts = run()
    assert counts["lost"] == wrong_of(requests)
    assert (counts["doubled"], counts["errors"]) == (0, 0)
    assert all((request.latency_us < 0) == (request.replies == 0) for request in requests)


def test_what_is_answered_twice_is_doubled(server, run):
    with NatsResponder(server.url, lambda body: [body, body], EVERY):
        requests, _, counts = run()
    assert counts["doubled"] == wrong_of(requests)
    assert (counts["lost"], counts["errors"]) == (0, 0)


@pytest.mark.parametrize(
    "change, headers, words",
    [
        (lambda body: body[:-1], {}, "a reply of another length"),
        (lambda body: body[:-1] + bytes([body[-1] ^ 1]), {}, "a reply of other bytes"),
        (lambda body: bytes(8) + body[8:], {}, "a reply of other bytes"),
        (lambda body: body, {"Darkroom-Job": "it"}, "a reply of other bytes: of the job 'it'"),
        (lambda body: b"{}", {"Nats-Service-Error": "no room"}, "an error reply: no room"),
    ],
)
def test_a_wrong_answer_is_an_error_and_not_lost(server, run, change, headers, words):
    with NatsResponder(server.url, change, EVERY, headers):
        requests, errors, counts = run()
    assert set(errors) == {words}
    # Number 0 begins with eight zeros, too.
    assert wrong_of(requests) - 1 <= counts["errors"] <= wrong_of(requests)
    assert counts["errors"] == sum(request.wrong for request in requests)
    assert (counts["lost"], counts["doubled"]) == (0, 0)


def test_says_that_nobody_listens(server, build, tmp_path):
    command = [build / "bench" / "openload", "--url", server.url, "--subject", "test.nobody"]
    command += ["--wait", 0.1, "--records", tmp_path / "records"]
    with Program("openload", command, tmp_path) as load:
        while load.running():
            time.sleep(0.01)
    assert "test.nobody" in load.tail()
