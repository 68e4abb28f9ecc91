# SPDX-License-Identifier: Apache-2.0
"""What became of every job, and whether that is as it must be. Sees only what a client can see."""

import collections
import json
from dataclasses import dataclass, field

from plan import Job
from points import TERMINAL


@dataclass
class Stored:
    """A message of a stream."""

    headers: dict[str, str]
    data: bytes


@dataclass
class Evidence:
    """What is found when a run is over. `jobs` are those accepted, by the id that they have."""

    jobs: dict[str, Job]
    results: dict[str, list[Stored]] = field(default_factory=dict)  # by subject
    states: dict[str, dict] = field(default_factory=dict)  # by id
    history: dict[str, dict[int, str]] = field(default_factory=dict)  # id: sequence: state
    waiting: list[str] = field(default_factory=list)  # ids of what is left in the queue
    owed: int = 0  # of these the queue's consumers still want to hand out or hear of
    dead: dict[str, list[Stored]] = field(default_factory=dict)  # by id
    replies: dict[str, list[Stored]] = field(default_factory=dict)  # by id, to Darkroom-Reply-To
    # Without an id, submitted in vain as far as its submitter knows: they may exist or not.
    perhaps: int = 0


@dataclass
class Verdict:
    counts: dict[str, int]
    problems: list[str]  # each in a sentence
    notes: list[str]  # what is no mistake, but worth a look

    @property
    def good(self) -> bool:
        return not self.problems


# Of good jobs, as many may meet so many deaths that they are given up.
RARE = 0.01
ROWS = ("submitted", "succeeded", "failed", "expired", "cancelled", "given_up", "dead_lettered", "left_behind")
NONE_ALLOWED = ("lost", "duplicate_results", "stuck", "wrong")


def verify(evidence: Evidence) -> Verdict:
    counts = collections.Counter(submitted=len(evidence.jobs))
    problems, notes = [], []
    for name in evidence.jobs:
        _look_at(name, evidence, counts, problems, notes)
    _look_for_strays(evidence, counts, problems)
    for stray in evidence.waiting:
        if stray not in evidence.jobs:
            problems.append(f"{stray} is left in the queue")
    if counts["given_up"] > len(evidence.jobs) * RARE:
        problems.append(f"{counts['given_up']} good jobs were given up, more than {RARE:.0%}")
    return Verdict({key: counts[key] for key in (*ROWS, *NONE_ALLOWED)}, problems, notes)


def _look_at(name: str, evidence: Evidence, counts: collections.Counter, problems: list[str], notes: list[str]):
    job = evidence.jobs[name]
    results = evidence.results.get(f"darkroom.results.{job.model}.{name}", [])
    state = evidence.states.get(name, {}).get("state", "unknown")
    counts["dead_lettered"] += len(evidence.dead.get(name, []))

    def wrong(what: str):
        counts["wrong"] += 1
        problems.append(f"{name} ({job.kind}): {what}")

    if len(results) > 1:
        counts["duplicate_results"] += len(results) - 1
        problems.append(f"{name} ({job.kind}): {len(results)} results are stored")
    if not results or state not in TERMINAL:
        # What is in the queue, or has its result, may yet come to its end; it had its time.
        counts["stuck" if results or name in evidence.waiting else "lost"] += 1
        problems.append(f"{name} ({job.kind}): its state is {state}, with {len(results)} results")
        return
    counts[state] += 1
    if name in evidence.waiting and evidence.owed == 0:
        # A server that is killed may have noted the acknowledgement, and not yet have removed the message.
        counts["left_behind"] += 1
        notes.append(f"{name} ({job.kind}): {state} and acknowledged, but the server keeps it in the queue")
    elif name in evidence.waiting:
        counts["stuck"] += 1
        problems.append(f"{name} ({job.kind}): {state}, and still in the queue")
    told = results[0].headers.get("Darkroom-State")
    if told != state:
        wrong(f"its state is {state}, its result says {told}")
    if (left := _left_the_end(evidence.history.get(name, {}))) is not None:
        wrong(f"its state went {left}")
    if (what := _ended_wrong(job, state, results[0])) is not None:
        if not _given_up(evidence.states[name]):
            wrong(what)
        elif "succeeded" in job.states:
            counts["given_up"] += 1
            notes.append(f"{name} ({job.kind}) was given up: {'; '.join(evidence.states[name].get('history', []))}")
    if (what := _buried_wrong(job, evidence.states[name], evidence.dead.get(name, []))) is not None:
        wrong(what)
    if job.wants_reply and (what := _answered_wrong(evidence.replies.get(name, []), results[0])) is not None:
        wrong(what)


# Of a job that failed with one of these the cause is not in the request, so that is kept.
_DEADLY = ("resource_exhausted", "failed_precondition", "internal", "instance_lost", "device_lost", "busy")


def _buried_wrong(job: Job, state: dict, letters: list[Stored]) -> str | None:
    deadly = state["state"] == "failed" and state["error"]["code"] in _DEADLY
    if len(letters) != deadly:
        return f"it {state['state']}, and has {len(letters)} dead letters"
    if letters and letters[0].data != job.body:
        return "its dead letter is not what was submitted"
    return None


def _left_the_end(history: dict[int, str]) -> str | None:
    """A terminal state that was followed by another one, in words."""
    states = [history[sequence] for sequence in sorted(history)]
    for earlier, later in zip(states, states[1:]):
        if earlier in TERMINAL and later != earlier:
            return f"from {earlier} to {later}"
    return None


def _ended_wrong(job: Job, state: str, result: Stored) -> str | None:
    if state not in job.states:
        return f"it {state}, and should have {' or '.join(job.states)}: {result.data[:300]!r}"
    if state == "succeeded":
        return None if result.data == job.answer else "the body of its result is not its answer"
    code = json.loads(result.data)["code"]
    return None if code == job.code else f"it failed with {code}, and should have with {job.code}"


def _given_up(state: dict) -> bool:
    """Whether so many of its hosts and workers were killed that it was given up, as is documented."""
    if state["state"] != "failed" or state["error"]["code"] != "instance_lost":
        return False
    # Where the host died that gave it up, the next one writes what it finds, without the last attempt.
    return state["attempts"] >= 3 or "never came to an end" in state["error"]["message"]


def _answered_wrong(replies: list[Stored], result: Stored) -> str | None:
    if len(replies) != 1:
        return f"its Darkroom-Reply-To was answered {len(replies)} times"
    return None if replies[0].data == result.data else "its Darkroom-Reply-To was answered otherwise"


def _look_for_strays(evidence: Evidence, counts: collections.Counter, problems: list[str]):
    expected = {f"darkroom.results.{job.model}.{name}" for name, job in evidence.jobs.items()}
    strays = [subject for subject in evidence.results if subject not in expected]
    if len(strays) > evidence.perhaps:
        counts["wrong"] += len(strays)
        problems.append(f"results of jobs that nobody submitted: {', '.join(strays[:5])}")
