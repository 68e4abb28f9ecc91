# SPDX-License-Identifier: Apache-2.0
"""From what the load generators say to figures and ratios. Pure functions, tested in tests/bench.

A sample is one queue in one round: `full` is what its load generator printed of the closed loop,
`half` of the open loop at half of the rate that the closed one reached just before. A ratio is
taken within each round, where both sides saw the same machine and the same disk, and then its
median.
"""

from statistics import median

# How the server writes to the disk, and what the keys of its figures end in.
SUFFIXES = {"always": "", "default": "_default"}

# Name of a figure, and where it is in a sample.
METRICS = {
    "jobs_per_s": lambda sample: sample["full"]["jobs_per_s"],
    "p50_ms_full_load": lambda sample: sample["full"]["p50_ms"],
    "p99_ms_full_load": lambda sample: sample["full"]["p99_ms"],
    "cpu_us": lambda sample: sample["full"]["cpu_us"]["worker"],
    "broker_cpu_us": lambda sample: sample["full"]["cpu_us"]["broker"],
    "client_cpu_us": lambda sample: sample["full"]["client_cpu_us"],
    "jobs_per_s_half_load": lambda sample: sample["half"]["jobs_per_s"],
    "p50_ms_half_load": lambda sample: sample["half"]["p50_ms"],
    "p99_ms_half_load": lambda sample: sample["half"]["p99_ms"],
    "late_p99_ms_half_load": lambda sample: sample["half"]["late_p99_ms"],
}

# What ours is divided by: the ratio's name, the figure, the peer.
RATIOS = {
    "throughput_vs_ceiling": ("jobs_per_s", "bare"),
    "throughput_vs_result": ("jobs_per_s", "bare_with_result"),
    "throughput_vs_queue_peer": ("jobs_per_s", "celery"),
    "cpu_vs_result": ("cpu_us", "bare_with_result"),
    "broker_cpu_vs_result": ("broker_cpu_us", "bare_with_result"),
}

# Samples by setting of the server, queue and round.
Samples = dict[str, dict[str, list[dict]]]


def figures_of(samples: Samples, queue: str) -> dict:
    """One queue's medians, and all its errors."""
    figures = {
        f"{metric}{SUFFIXES[setting]}": median(read(sample) for sample in queues[queue])
        for setting, queues in samples.items()
        for metric, read in METRICS.items()
    }
    figures["errors"] = sum(
        sample[load]["errors"]
        for queues in samples.values()
        for sample in queues[queue]
        for load in ("full", "half")
    )
    return figures


def ratios_of(samples: Samples, ours: str) -> dict:
    """Against those peers that were measured."""
    ratios = {}
    for setting, queues in samples.items():
        for name, (metric, peer) in RATIOS.items():
            if peer not in queues:
                continue
            read = METRICS[metric]
            pairs = zip(queues[ours], queues[peer], strict=True)
            ratios[f"{name}{SUFFIXES[setting]}"] = median(
                read(mine) / read(theirs) for mine, theirs in pairs
            )
    return ratios
