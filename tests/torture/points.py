# SPDX-License-Identifier: Apache-2.0
"""The named points: the steps of a durable job as they pass the proxy, and who dies there.

A step is told by its message's subject; one that the server answers with an acknowledgement has a
second step, `... kept`, which is that answer. A point is a step, whether the victim dies before or
after it is forwarded, and the victim. Before: a daemon or a server dies with the message unsent; a
worker dies, and the message goes on, since the daemon that sent it lives.
"""

import json
from dataclasses import dataclass

from proxy import Frame

VICTIMS = ("daemon", "worker", "server", "both")  # both: the daemon and the server

# Steps that the daemon sends, by how their subject begins.
_SENT = {
    "$JS.API.CONSUMER.MSG.NEXT.DARKROOM_JOBS.": "pull",
    "$JS.API.DIRECT.GET.KV_darkroom-jobs.": "state read",
    "$JS.API.DIRECT.GET.DARKROOM_RESULTS.": "result read",
    "$KV.darkroom-jobs.": "state",
    "darkroom.results.": "result",
    "darkroom.dead.": "dead letter",
    "darkroom.requests.": "request copy",
    "torture.replies.": "reply-to",
    "$O.darkroom-objects.C.": "chunk",
    "$O.darkroom-objects.M.": "object",
}
_ACKNOWLEDGEMENTS = {b"+ACK": "ack", b"-NAK": "nak", b"+WPI": "working"}
_ANSWERED = {"state read": "state told", "result read": "result told"}
TERMINAL = ("succeeded", "failed", "cancelled", "expired")


@dataclass(frozen=True)
class Point:
    step: str
    when: str  # before or after
    victim: str

    @property
    def name(self) -> str:
        return f"{self.when} {self.step}: {self.victim}"


def _points(step: str, before: str = "", after: str = "") -> list[Point]:
    places = (("before", before), ("after", after))
    return [Point(step, when, victim) for when, victims in places for victim in victims.split()]


# Each is passed at least once in a run.
POINTS = [
    *_points("pull", before="daemon", after="server"),
    *_points("delivery", before="daemon server", after="daemon worker both"),
    *_points("state read", after="daemon server"),
    *_points("state told", before="daemon"),
    *_points("running state", before="daemon worker", after="server"),
    *_points("running state kept", after="daemon worker"),
    *_points("result", before="daemon server", after="daemon both"),
    *_points("result kept", before="daemon server both", after="daemon worker"),
    *_points("final state", before="daemon both", after="server"),
    *_points("final state kept", before="daemon server both", after="daemon"),
    *_points("result told", before="daemon"),
    *_points("reply-to", before="daemon server", after="daemon"),
    *_points("ack", before="daemon server", after="both"),
    *_points("nak", before="daemon", after="server"),
    *_points("working", before="daemon", after="server"),
]


@dataclass(frozen=True)
class Seen:
    """What a message is in the life of a job."""

    step: str
    job: str = ""
    state: str = ""  # of a state that is written or told
    sequence: int = 0  # under which the server has it; 0: not known


class Tap:
    """Tells the steps in the messages of one daemon's connections."""

    def __init__(self):
        self._asked: dict[str, Seen] = {}  # by the subject that the answer comes on

    def see(self, frame: Frame, to_server: bool) -> Seen | None:
        if not frame.subject:
            return None
        return self._sent(frame) if to_server else self._received(frame)

    def _sent(self, frame: Frame) -> Seen | None:
        if frame.subject.startswith("$JS.ACK."):
            return Seen(_ACKNOWLEDGEMENTS.get(frame.body[:4], "ack"))
        found = next((start for start in _SENT if frame.subject.startswith(start)), None)
        if found is None:
            return None
        seen = Seen(_SENT[found], frame.subject.rsplit(".", 1)[1])
        if seen.step == "state":
            state = json.loads(frame.body)["state"] if frame.body else ""
            kind = "final" if state in TERMINAL else state
            seen = Seen(f"{kind} state", seen.job, state)
        if frame.reply and seen.step != "pull":
            self._asked[frame.reply] = seen
        return seen

    def _received(self, frame: Frame) -> Seen | None:
        if frame.reply.startswith("$JS.ACK."):
            return Seen("delivery", frame.headers().get("Nats-Msg-Id", ""))
        asked = self._asked.pop(frame.subject, None)
        if asked is None:
            return None
        if asked.step in _ANSWERED:
            return self._told(asked, frame)
        if frame.headers().get("Status"):
            return None  # nobody keeps the subject: the server has just come back
        answer = json.loads(frame.body)
        if "error" in answer:
            return None  # refused, since another was first
        return Seen(f"{asked.step} kept", asked.job, asked.state, answer["seq"])

    @staticmethod
    def _told(asked: Seen, frame: Frame) -> Seen:
        headers = frame.headers()
        step = _ANSWERED[asked.step]
        if asked.step != "state read" or headers.get("Status") or not frame.body:
            return Seen(step, asked.job)
        state = json.loads(frame.body)["state"]
        return Seen(step, asked.job, state, int(headers["Nats-Sequence"]))
