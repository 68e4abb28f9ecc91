# SPDX-License-Identifier: Apache-2.0
"""What a run does, all of it from its seed: which jobs are submitted when, and who is killed when.

The same seed makes the same plan. What then happens is not the same twice: processes are not.
"""

import json
import random
from dataclasses import dataclass, field

from points import POINTS, Point

CLASSES = ("interactive", "normal", "bulk")
REPLIES = "torture.replies"  # where those jobs want to be answered too

LARGE = (600_000, 2_500_000)  # bytes: objects of one chunk and of several

# Per thousand. Crashes and hangs are few: a plugin that crashes often rests for up to a minute, and
# the run with it. They have plugins of their own, so that the others go on meanwhile.
KINDS = {
    "quick": 694,
    "slow": 110,  # long enough for its state to say that it runs
    "long": 12,  # long enough for its host to report that it works on it
    "neighbour": 60,  # good jobs of the plugins that crash or hang
    "full": 50,  # a failure that is tried again
    "broken": 30,  # one that is not
    "typo": 20,  # no request at all
    "late": 12,  # too long for its deadline
    "heavy": 9,  # request and result are too large for a message
    "bulky": 9,  # the result alone
    "crash": 3,
    "hang": 3,
}


@dataclass
class Job:
    number: int
    kind: str
    model: str
    job_class: str
    at: float  # seconds from the start
    id: str | None  # None: the server's number names it
    body: bytes
    headers: dict[str, str]
    states: tuple[str, ...]  # how it may end
    code: str = ""  # of the error, where it does not succeed
    answer: bytes = b""  # of a success
    again: list[float] = field(default_factory=list)  # when it is submitted once more

    @property
    def subject(self) -> str:
        return f"darkroom.jobs.{self.job_class}.{self.model}"

    @property
    def wants_reply(self) -> bool:
        return "Darkroom-Reply-To" in self.headers


@dataclass
class Kill:
    """Kills `victim` at `at`; with a point, when the first message passes there from then on."""

    at: float
    victim: str  # one of VICTIMS, or all: everything that runs
    host: int  # whose daemon or worker; a point's is the one that the message passed
    pause: float  # until it is started again
    point: Point | None = None


@dataclass
class Plan:
    seed: int
    seconds: float
    jobs: list[Job]
    kills: list[Kill]


# Rows of 251 bytes, by their first.
_ROWS = [bytes((first + 31 * i) % 256 for i in range(251)) for first in range(256)]


def pattern(size: int, seed: int) -> bytes:
    """What the plugin mock answers with: byte i is (seed + 31 i + i / 251) mod 256."""
    rows = size // 251 + 1
    return b"".join(_ROWS[(seed + (31 * 251 + 1) * row) % 256] for row in range(rows))[:size]


def make_plan(seed: int, jobs: int, kills: int, seconds: float, points: list[Point] = POINTS) -> Plan:
    """All points at least once, if there are as many kills; the rest at random moments."""
    chance = random.Random(seed)
    kinds = chance.choices(list(KINDS), KINDS.values(), k=jobs)
    # A short run has each kind, too.
    kinds[: len(KINDS)] = list(KINDS)[:jobs]
    chance.shuffle(kinds)
    made = [_job(chance, number, kind, seconds) for number, kind in enumerate(kinds)]
    # Few, and yet some of the points are theirs: one every few seconds, and until those points are
    # tried for the last time.
    large = [job for job in made if job.kind in ("heavy", "bulky")]
    for number, job in enumerate(large):
        later = (number + chance.uniform(0.2, 0.8)) * 1.2 * seconds / len(large) - job.at
        job.at += later
        job.again = [at + later for at in job.again]
    made.sort(key=lambda job: job.at)
    return Plan(seed, seconds, made, _kills(chance, kills, seconds, points))


def _job(chance: random.Random, number: int, kind: str, seconds: float) -> Job:
    params: dict = {}
    model, body, states, code, answer, headers = "mock", b"1", ("succeeded",), "", b"", {}
    if kind in ("quick", "slow", "long"):
        shortest, longest = {"quick": (0, 15), "slow": (130, 400), "long": (1200, 2500)}[kind]
        size = chance.randrange(4000)
        params = {"delay_ms": chance.randint(shortest, longest), "output_bytes": size, "seed": number}
        answer = pattern(size, number)
    elif kind == "bulky":
        size = chance.randint(*LARGE)
        params, answer = {"output_bytes": size, "seed": number}, pattern(size, number)
    elif kind == "heavy":
        model = chance.choice(("crashes", "hangs"))
        body = answer = chance.randbytes(chance.randint(*LARGE))
    elif kind == "neighbour":
        model = chance.choice(("crashes", "hangs"))
        body = answer = f"good {number}".encode()
    elif kind == "full":
        params = {"delay_ms": chance.choice((0, 200)), "fail": "resource_exhausted"}
        states, code = ("failed",), "resource_exhausted"
    elif kind == "broken":
        code = chance.choice(("internal", "invalid_argument", "not_found"))
        params, states = {"fail": code}, ("failed",)
    elif kind == "typo":
        params, states, code = {"delay": 1}, ("failed",), "invalid_argument"
    elif kind == "late":
        params, states, code = {"delay_ms": 5000}, ("expired",), "deadline_exceeded"
        headers["Darkroom-Deadline"] = "600ms"
    elif kind == "crash":
        model, body, states, code = "crashes", b"bad", ("failed",), "instance_lost"
    elif kind == "hang":
        model, body, states, code = "hangs", b"bad", ("expired",), "deadline_exceeded"
        headers["Darkroom-Deadline"] = "1s"
    if params:
        headers["Darkroom-Params"] = json.dumps(params)
    at = chance.uniform(0, seconds)
    job = Job(number, kind, model, chance.choice(CLASSES), at, f"t{number}", body, headers, states, code, answer)
    if chance.random() < 0.02:
        job.id = None
    elif chance.random() < 0.05:
        job.again = [at + chance.choice((0, 0.01, 1, 5, chance.uniform(0, 20)))]
    if job.id and chance.random() < 0.15:
        headers["Darkroom-Reply-To"] = f"{REPLIES}.{job.id}"
    return job


def _kills(chance: random.Random, count: int, seconds: float, points: list[Point]) -> list[Kill]:
    rounds = chance.sample(points, min(count, len(points)))
    while points and len(rounds) + len(points) <= count * 3 // 4:
        rounds += chance.sample(points, len(points))
    # The last quarter goes to random moments, with what three quarters have left over.
    kills = [_kill(chance, point.victim, point) for point in rounds]
    victims = ("daemon", "daemon", "worker", "server", "server", "both", "all")
    kills += [_kill(chance, chance.choice(victims), None) for _ in range(count - len(kills))]
    chance.shuffle(kills)
    # Evenly, from when there is something to lose until there is nothing new.
    step = seconds / max(len(kills), 1)
    for number, kill in enumerate(kills):
        kill.at = step * (number + chance.uniform(0.2, 0.8))
    return kills


def _kill(chance: random.Random, victim: str, point: Point | None) -> Kill:
    return Kill(0, victim, chance.randrange(2), round(chance.choice((0, 0.05, 0.3)), 3), point)
