# SPDX-License-Identifier: Apache-2.0
"""Figures of bench/overload of made-up records, worked out by hand."""

import pytest
from common.open_loop import Request
from overload.figures import (
    DEADLINE_MS,
    Stretches,
    count_figures,
    load_figures,
    memory_figures,
    recovery_figures,
)

# A second before, two of load, two after.
STRETCHES = Stretches(begin=10, load_begin=11, load_end=13, end=15)


def result(sent: float, ms: float, queue_ms: float = 1.0) -> Request:
    return Request(sent, 50.0, ms * 1000, 1, False, 0, queue_ms, 20.0)


def refusal(sent: float, ms: float) -> Request:
    return Request(sent, 50.0, ms * 1000, 1, True, 429, 0, 0)


def expiry(sent: float, ran: bool = False) -> Request:
    receipt = (DEADLINE_MS + 1, 20.0) if ran else (0, 0)
    return Request(sent, 50.0, DEADLINE_MS * 1000, 1, True, 504, *receipt)


def test_goodput_is_what_was_answered_in_time_while_the_load_went_on():
    requests = [
        result(10.95, 100),  # sent before it, answered within
        result(11.5, 100),
        result(11.5, DEADLINE_MS),
        result(11.5, DEADLINE_MS + 1),  # too late for anybody
        result(12.95, 100),  # answered after it
        refusal(12, 1),
        expiry(12),
    ]
    figures = load_figures(requests, STRETCHES, capacity=3)
    assert figures["goodput_rps"] == 1.5
    assert figures["goodput_vs_capacity"] == 0.5
    assert figures["results_vs_capacity"] == pytest.approx(2 / 3)
    assert figures["offered_rps"] == 3
    assert figures["offered_vs_capacity"] == 1
    assert figures["served_p99_ms"] == DEADLINE_MS


def test_refusals_are_those_of_the_load():
    requests = [refusal(11 + i / 100, i + 1) for i in range(100)] + [refusal(14, 500)]
    requests += [expiry(12), result(12, 300)]
    figures = load_figures(requests, STRETCHES, capacity=100)
    assert figures["refused"] == 100
    assert figures["reject_p50_ms"] == 50
    assert figures["reject_p99_ms"] == 99
    assert figures["reject_max_ms"] == 100


def test_requests_are_counted_by_what_became_of_them():
    requests = [
        result(11, 10),
        result(11, DEADLINE_MS + 30),
        result(11, DEADLINE_MS + 30, queue_ms=DEADLINE_MS + 5),
        refusal(11, 1),
        expiry(11),
        expiry(11, ran=True),
        Request(11, 0, -1, 0, False),
        Request(11, 0, 1000, 2, False, 0, 1, 20),
        Request(11, 0, 1000, 1, True),  # other bytes
        Request(11, 0, 1000, 1, True, 500),
    ]
    assert count_figures(requests, jobs_run=6) == {
        "requests": 10,
        "expired": 2,
        "expired_run": 2,
        "late_results": 2,
        "runs_for_nothing": 4,
        "lost": 1,
        "doubled": 1,
        "errors": 2,
    }


def steady(ms_of) -> list[Request]:
    """Twenty requests a second, all the while."""
    return [result(10 + i / 20, ms_of(10 + i / 20)) for i in range(100)]


def test_it_has_recovered_when_a_window_is_as_some_window_before():
    requests = steady(lambda sent: 30 if sent < 11 or sent >= 13.5 else 150)
    figures = recovery_figures(requests, STRETCHES)
    assert figures == {"p99_ms_before": 30, "p99_ms_after": 30, "recovery_s": 0.5}


def test_a_refusal_is_no_recovery():
    requests = [
        refusal(one.sent, 1) if 13 <= one.sent < 14 else one for one in steady(lambda _: 30)
    ]
    assert recovery_figures(requests, STRETCHES)["recovery_s"] == 1


def test_what_does_not_recover_takes_the_whole_time():
    requests = steady(lambda sent: 30 if sent < 11 else 31)
    assert recovery_figures(requests, STRETCHES)["recovery_s"] == 2
    silent = [one for one in steady(lambda _: 30) if one.sent < 13]
    assert recovery_figures(silent, STRETCHES)["recovery_s"] == 2


def test_memory_is_told_by_the_most_of_it():
    looks = [(10.2, 20.0), (10.5, 21.0), (10.8, 20.0), (11.5, 22.0), (13.5, 25.0), (14.5, 24.0)]
    assert memory_figures([(9, 99.0), *looks, (16, 99.0)], STRETCHES) == pytest.approx(
        {"rss_mib_before": 20, "rss_mib_most": 25, "rss_mib_after": 24, "rss_growth": 1.25}
    )
