# SPDX-License-Identifier: Apache-2.0
"""Figures of bench/mixed of made-up records, worked out by hand."""

import pytest
from common.open_loop import Request
from mixed.figures import Round, figures_of, loss_of, rate_within, ratios_of, share_of


def request(ms: float = 20.0, run_ms: float = 5.0, wrong: bool = False) -> Request:
    return Request(0.0, 100.0, ms * 1000, 1, wrong, 0, 1.0, run_ms)


def test_a_rate_is_of_whole_jobs():
    ended = [1.0, 4.0, 6.0, 8.0, 11.0]
    assert rate_within(ended, 3.5, 10.0) == pytest.approx(0.5)
    assert rate_within(ended, 3.5, 5.0) == 0
    assert rate_within([], 0, 10) == 0


def test_what_is_lost_is_of_what_there_was_alone():
    one = Round(alone_rate=0.5, beside_rate=0.4, requests=[], seconds=10)
    assert loss_of(one) == pytest.approx(0.2)
    assert loss_of(Round(0.0, 0.0, [], 10)) == 1


def test_the_share_is_what_interactive_jobs_ran():
    requests = [request(run_ms=5.0)] * 200 + [request(run_ms=-1, wrong=True)]
    assert share_of(Round(1, 1, requests, seconds=10)) == pytest.approx(0.1)


def test_figures_are_of_all_requests_and_medians_of_rounds():
    rounds = [
        Round(0.5, 0.45, [request(10.0)] * 99, 10),
        Round(0.5, 0.25, [request(10.0)] * 99, 10),
        Round(0.4, 0.38, [request(70.0), request(90.0), request(wrong=True)], 10),
    ]
    figures = figures_of(rounds)
    assert figures["interactive"] == 201
    assert figures["interactive_p99_ms"] == 10
    assert figures["interactive_max_ms"] == 90
    assert figures["bulk_jobs_per_s_alone"] == 0.5
    assert figures["bulk_jobs_per_s_beside"] == 0.38
    assert figures["bulk_loss"] == pytest.approx(0.1)
    assert figures["errors"] == 1


def test_ratios_are_against_a_step_and_against_the_share():
    rounds = [
        Round(0.5, 0.40, [request(52.0)] * 200, 10),  # 0.2 lost, 0.1 given
        Round(0.5, 0.45, [request(52.0)] * 100, 10),  # 0.1 lost, 0.05 given
        Round(0.5, 0.50, [request(52.0)] * 100, 10),
    ]
    ratios = ratios_of(rounds, figures_of(rounds))
    assert ratios == pytest.approx(
        {"interactive_p99_vs_step": 0.8, "bulk_loss_beyond_share": 0.05}
    )
