# SPDX-License-Identifier: Apache-2.0
"""A durable job as the command `darkroom` submits it, and as it shows what becomes of it."""

import re

from harness import wait_until


def submitted(shell, *arguments, **options) -> str:
    """The id that `submit` printed."""
    out = shell("submit", *arguments, **options).text
    assert re.fullmatch(r"[A-Za-z0-9_-]+\n", out), out
    return out.strip()


def known(shell, job: str) -> dict:
    """Its state, once there is one."""

    def state():
        jobs = shell.json("jobs", "ls", "--limit", 1000)["jobs"]
        return next((one for one in jobs if one["id"] == job), None)

    return wait_until(f"job {job} to be known", state)


def ended(shell, job: str) -> dict:
    """The state in which it ended; whether that is a success is the test's to say."""

    def terminal():
        state = known(shell, job)
        return state if state["state"] not in ("queued", "running") else None

    return wait_until(f"the end of {job}", terminal)
