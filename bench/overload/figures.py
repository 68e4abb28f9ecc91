# SPDX-License-Identifier: Apache-2.0
"""From the records of requests and the looks at memory to figures. Pure functions, tested in
tests/bench.
"""

from dataclasses import dataclass
from statistics import median

from common.open_loop import Request, quantile

# The model: what a batch takes, whatever is in it, and how many it has room for.
BATCH_MS = 20
MAX_BATCH = 8
# How long each request says that it waits: ten batches.
DEADLINE_MS = 200
# Of times of the steady requests, when it is asked whether all is as before.
WINDOW_SECONDS = 0.25

_BUSY, _EXPIRED = 429, 504


@dataclass(frozen=True)
class Stretches:
    """When the load began and ended; `begin` and `end` are of the run. Seconds of the monotonic
    clock."""

    begin: float
    load_begin: float
    load_end: float
    end: float


def is_result(request: Request) -> bool:
    return request.replies > 0 and not request.wrong


def in_time(request: Request) -> bool:
    """By the clock of whoever asked: a later one is for nobody."""
    return is_result(request) and request.latency_us <= DEADLINE_MS * 1000


def ran_expired(request: Request) -> bool:
    """Whether its receipt says that it ran, and had waited for longer than its deadline by then."""
    return request.run_ms > 0 and request.queue_ms > DEADLINE_MS


def _answered(request: Request) -> float:
    return request.sent + request.latency_us / 1e6


def _within(requests: list[Request], begin: float, end: float) -> list[Request]:
    return [request for request in requests if begin <= request.sent < end]


def _times_ms(requests: list[Request]) -> list[float]:
    return [request.latency_us / 1000 for request in requests if request.replies > 0]


def load_figures(requests: list[Request], stretches: Stretches, capacity: float) -> dict:
    """What came of the requests of both loads while there were too many."""
    seconds = stretches.load_end - stretches.load_begin
    during = _within(requests, stretches.load_begin, stretches.load_end)
    results = [
        request
        for request in requests
        if is_result(request) and stretches.load_begin <= _answered(request) < stretches.load_end
    ]
    served = [request for request in results if in_time(request)]
    refusals = _times_ms([request for request in during if request.code == _BUSY])
    return {
        "capacity_rps": capacity,
        "offered_rps": len(during) / seconds,
        "offered_vs_capacity": len(during) / seconds / capacity,
        "goodput_rps": len(served) / seconds,
        "goodput_vs_capacity": len(served) / seconds / capacity,
        "results_vs_capacity": len(results) / seconds / capacity,
        "refused": len(refusals),
        "reject_p50_ms": quantile(refusals, 0.5),
        "reject_p99_ms": quantile(refusals, 0.99),
        "reject_max_ms": max(refusals, default=0.0),
        "served_p99_ms": quantile(_times_ms(served), 0.99),
        "late_p99_ms": quantile([request.late_us / 1000 for request in during], 0.99),
    }


def count_figures(requests: list[Request], jobs_run: int) -> dict:
    """Of all requests. `jobs_run`: how many the plugin has ended, by the daemon's count."""
    expected = (0, _BUSY, _EXPIRED)
    return {
        "requests": len(requests),
        "expired": sum(request.code == _EXPIRED for request in requests),
        "expired_run": sum(ran_expired(request) for request in requests),
        "late_results": sum(is_result(one) and not in_time(one) for one in requests),
        "runs_for_nothing": jobs_run - sum(in_time(request) for request in requests),
        "lost": sum(request.replies == 0 for request in requests),
        "doubled": sum(request.replies > 1 for request in requests),
        "errors": sum(
            request.code not in expected or (request.wrong and request.code == 0)
            for request in requests
        ),
    }


def _windows(steady: list[Request], begin: float, end: float) -> list[list[Request]]:
    count = int((end - begin) / WINDOW_SECONDS + 1e-6)
    starts = [begin + number * WINDOW_SECONDS for number in range(count)]
    return [_within(steady, start, start + WINDOW_SECONDS) for start in starts]


def _p99_ms(requests: list[Request]) -> float:
    return quantile(_times_ms(requests), 0.99)


def recovery_figures(steady: list[Request], stretches: Stretches) -> dict:
    """The times of those who ask all the while, before and after, and how long after the load's end
    the first window comes in which all is as it was in some window before."""
    before = _windows(steady, stretches.begin, stretches.load_begin)
    after = _windows(steady, stretches.load_end, stretches.end)
    normal = max((_p99_ms(window) for window in before), default=0.0)
    recovered = [
        bool(window) and all(in_time(one) for one in window) and _p99_ms(window) <= normal
        for window in after
    ]
    waited = recovered.index(True) if True in recovered else len(after)
    rest = stretches.load_end + waited * WINDOW_SECONDS
    return {
        "p99_ms_before": _p99_ms(_within(steady, stretches.begin, stretches.load_begin)),
        "p99_ms_after": _p99_ms(_within(steady, rest, stretches.end)),
        "recovery_s": waited * WINDOW_SECONDS,
    }


def memory_figures(looks: list[tuple[float, float]], stretches: Stretches) -> dict:
    """`looks`: when, and how many MiB the daemon and its workers held."""

    def held(begin: float, end: float) -> list[float]:
        return [mib for seconds, mib in looks if begin <= seconds < end] or [0.0]

    before = median(held(stretches.begin, stretches.load_begin))
    # What comes after its end is its doing, too.
    most = max(held(stretches.load_begin, stretches.end))
    return {
        "rss_mib_before": before,
        "rss_mib_most": most,
        "rss_mib_after": held(stretches.load_end, stretches.end)[-1],
        "rss_growth": most / before if before else 0.0,
    }
