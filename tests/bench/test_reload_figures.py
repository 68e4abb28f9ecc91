# SPDX-License-Identifier: Apache-2.0
"""Figures of bench/reload of made-up records, worked out by hand."""

import pytest
from common.open_loop import Request, quantile
from reload.figures import (
    PERCENTS,
    Block,
    count_figures,
    held_figures,
    latency_figures,
    ratios_of,
    slope,
    upgrade_figures,
)


def request(sent=0.0, latency_us=1000.0, replies=1, wrong=False) -> Request:
    return Request(sent, 10.0, latency_us, replies, wrong)


def look(**held) -> dict:
    still = {"rss_mib": 1.0, "daemon_rss_mib": 1.0, "mappings": 5, "threads": 2, "descriptors": 3}
    return still | held


def test_a_quantile_is_a_value_that_was_there():
    assert quantile([3.0, 1.0, 2.0, 4.0], 0.5) == 2.0
    assert quantile([1.0] * 99 + [7.0], 0.99) == 1.0
    assert quantile([1.0] * 98 + [7.0, 8.0], 0.99) == 7.0
    assert quantile([], 0.5) == 0.0


def test_a_slope_is_by_least_squares():
    assert slope([0, 1, 2], [1.0, 3.0, 5.0]) == pytest.approx(2.0)
    assert slope([0, 1, 2, 3], [0.0, 1.0, 0.0, 1.0]) == pytest.approx(0.2)
    assert slope([4], [1.0]) == 0.0


def test_what_is_held_is_told_by_quarter_and_grows_by_upgrade():
    # It fills up during the first half and then stays.
    looks = [look(rss_mib=min(float(i), 4.0), descriptors=i) for i in range(9)]
    figures = held_figures(looks)
    assert [figures[f"rss_mib_at_{percent}"] for percent in PERCENTS] == [0, 2, 4, 4, 4]
    assert figures["descriptors_per_upgrade"] == pytest.approx(1)
    assert figures["rss_kib_per_upgrade"] > 100
    assert figures["rss_kib_per_upgrade_late"] == pytest.approx(0)
    assert figures["threads_per_upgrade"] == 0


def blocks_of(quarters: int = 4) -> list[Block]:
    """Each quarter has a second with five upgrades, and then one without."""
    blocks = []
    for i in range(quarters):
        blocks.append(Block(True, 2 * i, 2 * i + 1, 5 * (i + 1)))
        blocks.append(Block(False, 2 * i + 1, 2 * i + 2, 5 * (i + 1)))
    return blocks


def test_times_are_told_by_the_block_in_which_a_request_was_sent():
    requests = [request(2 * i + 0.5, 2000.0 * (i + 1)) for i in range(4)]
    requests += [request(2 * i + 1.5, 1000.0) for i in range(4)]
    requests += [request(99.0, 1e6), request(0.5, -1.0, replies=0)]
    figures = latency_figures(requests, blocks_of())
    assert [figures[f"p99_during_ms_at_{percent}"] for percent in PERCENTS[1:]] == [2, 4, 6, 8]
    assert (figures["p50_during_ms"], figures["p99_during_ms"]) == (4, 8)
    assert (figures["p50_without_ms"], figures["max_without_ms"]) == (1, 1)
    assert figures["p50_during_us_per_upgrade"] == pytest.approx(2000 / 5)
    assert figures["p50_without_us_per_upgrade"] == pytest.approx(0)
    assert figures["late_p99_ms"] == pytest.approx(0.01)
    # 2, 4, 6 and 8 times as long.
    assert ratios_of(figures) == {"p50_during_vs_without": 5, "p99_during_vs_without": 5}


def test_requests_are_counted_by_what_became_of_them():
    requests = [request(), request(replies=0), request(replies=2), request(wrong=True)]
    assert count_figures(requests, {"an error reply: busy": 1}) == {
        "requests": 4,
        "lost": 1,
        "doubled": 1,
        "errors": 1,
    }


def test_of_upgrades_those_that_failed_have_no_time():
    figures = upgrade_figures([10.0, 30.0, 20.0], 2, {"resident": 1, "crashes": 0})
    assert figures == {
        "upgrades": 3,
        "failed_upgrades": 2,
        "upgrade_p50_ms": 20.0,
        "upgrade_max_ms": 30.0,
        "resident": 1,
        "crashes": 0,
    }
