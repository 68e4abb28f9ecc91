# SPDX-License-Identifier: Apache-2.0
"""A plan is its seed's, meets every named point, and has every kind of job."""

import collections

from plan import KINDS, make_plan, pattern
from points import POINTS, VICTIMS, Tap
from proxy import Parser


def test_a_seed_repeats_its_plan():
    assert make_plan(7, 300, 60, 20) == make_plan(7, 300, 60, 20)
    assert make_plan(7, 300, 60, 20) != make_plan(8, 300, 60, 20)


def test_every_point_and_every_kind_is_in_it():
    plan = make_plan(1, 2000, 60, 90)
    assert len(plan.jobs) == 2000 and len(plan.kills) == 60
    assert {kill.point for kill in plan.kills if kill.point} == set(POINTS)
    assert any(kill.point is None for kill in plan.kills)
    assert {job.kind for job in plan.jobs} == set(KINDS)
    assert all(0 <= kill.at <= 90 for kill in plan.kills)
    assert all(0 <= job.at <= 90 * 1.2 for job in plan.jobs)
    assert any(job.again for job in plan.jobs) and any(job.id is None for job in plan.jobs)
    assert any(job.wants_reply for job in plan.jobs)


def test_the_pattern_is_the_one_that_mock_documents():
    for size in (0, 1, 250, 251, 252, 70_000):
        assert pattern(size, 7) == bytes((7 + 31 * i + i // 251) % 256 for i in range(size))


def test_points_are_many_and_have_names_of_their_own():
    assert len(POINTS) >= 15
    assert not [name for name, count in collections.Counter(p.name for p in POINTS).items() if count > 1]
    assert {point.victim for point in POINTS} == set(VICTIMS)


def wire(text: str):
    (frame,) = Parser().feed(text.encode())
    return frame


def test_steps_are_told_by_their_subjects():
    tap = Tap()

    def sent(subject: str, body: str = "", reply: str = "") -> str:
        return tap.see(wire(f"PUB {subject} {reply} {len(body)}\r\n{body}\r\n"), True)

    def came(subject: str, body: str, reply: str = "") -> str:
        return tap.see(wire(f"MSG {subject} 1 {reply} {len(body)}\r\n{body}\r\n"), False)

    assert sent("$JS.API.CONSUMER.MSG.NEXT.DARKROOM_JOBS.bulk-mock", "{}", "_IN").step == "pull"
    assert came("darkroom.jobs.bulk.mock", "x", "$JS.ACK.DARKROOM_JOBS.bulk-mock.1.2.3.4.5").step == "delivery"
    assert sent("$JS.ACK.DARKROOM_JOBS.bulk-mock.1.2.3.4.5", "+ACK").step == "ack"
    assert sent("$JS.ACK.DARKROOM_JOBS.bulk-mock.1.2.3.4.5", '-NAK {"delay":5}').step == "nak"
    seen = sent("$KV.darkroom-jobs.a1", '{"state":"failed"}', "_IN.1")
    assert (seen.step, seen.job, seen.state, seen.sequence) == ("final state", "a1", "failed", 0)
    seen = came("_IN.1", '{"stream":"KV_darkroom-jobs","seq":12}')
    assert (seen.step, seen.job, seen.state, seen.sequence) == ("final state kept", "a1", "failed", 12)
    assert came("_IN.1", '{"seq":12}') is None
    # One that is refused is not kept.
    assert sent("darkroom.results.mock.a1", "", "_IN.2").step == "result"
    assert came("_IN.2", '{"error":{"code":400,"err_code":10071}}') is None
    assert sent("darkroom.control.status") is None
