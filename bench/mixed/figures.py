# SPDX-License-Identifier: Apache-2.0
"""From the records of interactive requests and the ends of bulk jobs to figures. Pure functions,
tested in tests/bench.
"""

from dataclasses import dataclass
from statistics import median

from common.open_loop import Request, quantile

STEPS, STEP_MS = 30, 60  # of a bulk job
INTERACTIVE_MS = 5  # what an interactive job takes


@dataclass(frozen=True)
class Round:
    """A stretch of bulk jobs alone, and one beside interactive requests. Rates are jobs a
    second."""

    alone_rate: float
    beside_rate: float
    requests: list[Request]
    seconds: float  # that the requests came for


def rate_within(ended: list[float], begin: float, end: float) -> float:
    """From the first end of a job within the stretch to the last one: all of what ran in between
    ran there, and no part of a job is counted. 0 where there are less than two."""
    inside = [seconds for seconds in ended if begin <= seconds < end]
    return (len(inside) - 1) / (inside[-1] - inside[0]) if len(inside) > 1 else 0.0


def _results(requests: list[Request]) -> list[Request]:
    return [request for request in requests if request.replies > 0 and not request.wrong]


def loss_of(one: Round) -> float:
    """The share of bulk throughput that is missing beside interactive requests."""
    return 1 - one.beside_rate / one.alone_rate if one.alone_rate else 1.0


def share_of(one: Round) -> float:
    """The share of the device's time that the interactive jobs took, by their receipts."""
    return sum(request.run_ms for request in _results(one.requests)) / 1000 / one.seconds


def figures_of(rounds: list[Round]) -> dict:
    """Times over all requests; of rates, losses and shares the medians over rounds."""
    requests = [request for one in rounds for request in one.requests]
    results = _results(requests)
    times = [request.latency_us / 1000 for request in results]
    return {
        "step_ms": STEP_MS,
        "interactive": len(requests),
        "interactive_p50_ms": quantile(times, 0.5),
        "interactive_p99_ms": quantile(times, 0.99),
        "interactive_max_ms": max(times, default=0.0),
        "interactive_run_ms": median([one.run_ms for one in results] or [0.0]),
        "interactive_share": median(share_of(one) for one in rounds),
        "late_p99_ms": quantile([request.late_us / 1000 for request in requests], 0.99),
        "bulk_jobs_per_s_alone": median(one.alone_rate for one in rounds),
        "bulk_jobs_per_s_beside": median(one.beside_rate for one in rounds),
        "bulk_loss": median(loss_of(one) for one in rounds),
        "errors": len(requests) - len(results),
    }


def ratios_of(rounds: list[Round], figures: dict) -> dict:
    """How long an interactive request takes, of a step and its own time; and what bulk jobs lose
    beyond what the interactive ones were given, within each round, then the median."""
    return {
        "interactive_p99_vs_step": figures["interactive_p99_ms"]
        / (figures["step_ms"] + figures["interactive_run_ms"]),
        "bulk_loss_beyond_share": median(loss_of(one) - share_of(one) for one in rounds),
    }
