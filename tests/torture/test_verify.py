# SPDX-License-Identifier: Apache-2.0
"""The verdict sees whatever is planted; a check that cannot fail would prove nothing."""

import json

import pytest

from plan import Job
from verify import NONE_ALLOWED, Evidence, Stored, verify

SUBJECT = "darkroom.results.mock.a"


def job(**changes) -> Job:
    fields = dict(number=0, kind="quick", model="mock", job_class="bulk", at=0, id="a", body=b"1", headers={},
                  states=("succeeded",), answer=b"abc")
    return Job(**{**fields, **changes})


def result(data: bytes = b"abc", state: str = "succeeded") -> Stored:
    return Stored({"Darkroom-State": state}, data)


def evidence(**changes) -> Evidence:
    """Of one job, with which all is well."""
    fields = dict(jobs={"a": job()}, results={SUBJECT: [result()]}, states={"a": {"state": "succeeded"}},
                  history={"a": {3: "queued", 5: "running", 9: "succeeded"}})
    return Evidence(**{**fields, **changes})


def found(evidence: Evidence) -> dict[str, int]:
    """What is not as it must be."""
    verdict = verify(evidence)
    bad = {key: verdict.counts[key] for key in NONE_ALLOWED if verdict.counts[key]}
    assert verdict.good == (not verdict.problems) and (not bad or not verdict.good)
    return bad


def test_a_good_run_is_good():
    verdict = verify(evidence())
    assert verdict.good and verdict.counts["succeeded"] == verdict.counts["submitted"] == 1


def test_a_loss_is_seen():
    assert found(evidence(results={}, states={})) == {"lost": 1}
    assert found(evidence(results={}, states={"a": {"state": "queued"}})) == {"lost": 1}
    assert found(evidence(results={})) == {"lost": 1}


def test_a_job_that_never_ends_is_seen():
    assert found(evidence(results={}, states={}, waiting=["a"])) == {"stuck": 1}
    assert found(evidence(states={"a": {"state": "running"}})) == {"stuck": 1}
    assert found(evidence(waiting=["a"], owed=1)) == {"stuck": 1}
    over = verify(evidence(waiting=["a"]))
    assert over.good and over.counts["left_behind"] == 1 and over.notes
    assert not verify(evidence(waiting=["b"])).good


def test_a_second_result_is_seen():
    assert found(evidence(results={SUBJECT: [result(), result()]})) == {"duplicate_results": 1}


@pytest.mark.parametrize("changes", [
    dict(results={SUBJECT: [result(b"abd")]}),
    dict(results={SUBJECT: [result(state="failed")]}),
    dict(results={SUBJECT: [result()], "darkroom.results.mock.b": [result()]}),
    dict(history={"a": {3: "running", 5: "failed", 9: "succeeded"}}),
    dict(history={"a": {5: "succeeded", 9: "running"}}),
    dict(jobs={"a": job(headers={"Darkroom-Reply-To": "r"})}),
    dict(jobs={"a": job(headers={"Darkroom-Reply-To": "r"})}, replies={"a": [result(), result()]}),
    dict(jobs={"a": job(headers={"Darkroom-Reply-To": "r"})}, replies={"a": [result(b"other")]}),
    dict(jobs={"a": job(states=("failed",), code="internal")}),
])
def test_what_is_wrong_is_seen(changes):
    assert found(evidence(**changes)) == {"wrong": 1}


def failure(code: str, attempts: int = 3) -> dict:
    error = {"code": code, "message": "m", "hint": "", "retryable": False}
    return dict(results={SUBJECT: [result(json.dumps(error).encode(), "failed")]}, history={},
                states={"a": {"state": "failed", "error": error, "attempts": attempts, "history": []}},
                dead={"a": [Stored({}, b"1")]} if code in ("internal", "instance_lost") else {})


def test_failures_are_those_that_were_asked_for():
    wanted = {"a": job(states=("failed",), code="internal")}
    assert found(evidence(jobs=wanted, **failure("internal"))) == {}
    assert found(evidence(jobs=wanted, **failure("not_found"))) == {"wrong": 1}
    assert found(evidence(**failure("internal"))) == {"wrong": 1}


def test_a_dead_letter_is_there_if_it_must_be_and_is_the_request():
    wanted = {"a": job(states=("failed",), code="internal")}
    internal = failure("internal")
    assert verify(evidence(jobs=wanted, **internal)).counts["dead_lettered"] == 1
    for letters in ([], [Stored({}, b"2")], [Stored({}, b"1")] * 2):
        assert found(evidence(jobs=wanted, **{**internal, "dead": {"a": letters}})) == {"wrong": 1}
    assert found(evidence(dead={"a": [Stored({}, b"1")]})) == {"wrong": 1}


def test_who_was_killed_too_often_is_given_up_and_that_is_rare():
    verdict = verify(evidence(**failure("instance_lost")))
    assert verdict.counts["given_up"] == 1 and verdict.counts["wrong"] == 0 and verdict.notes
    assert not verdict.good, "one of one is not rare"
    many = {f"b{number}": job(id=f"b{number}") for number in range(200)}
    results = {f"darkroom.results.mock.{name}": [result()] for name in many}
    states = {name: {"state": "succeeded"} for name in many}
    lost = failure("instance_lost")
    one = Evidence({"a": job(), **many}, {**results, **lost["results"]}, {**states, **lost["states"]},
                   dead=lost["dead"])
    assert verify(one).good
    assert found(evidence(**failure("instance_lost", attempts=1))) == {"wrong": 1}
