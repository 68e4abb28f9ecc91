# SPDX-License-Identifier: Apache-2.0
"""A collector of traces: takes OTLP over HTTP as JSON, and takes nothing that is not just so."""

import http.server
import json
import re
import threading
import time

HEX = {16: re.compile(r"[0-9a-f]{16}\Z"), 32: re.compile(r"[0-9a-f]{32}\Z")}
DIGITS = re.compile(r"[0-9]+\Z")
REQUIRED = {
    "traceId", "spanId", "flags", "name", "kind", "startTimeUnixNano", "endTimeUnixNano", "attributes", "status",
}  # fmt: skip
OPTIONAL = {"parentSpanId", "traceState"}


def identity(text, length: int) -> str:
    assert isinstance(text, str) and HEX[length].match(text) and set(text) != {"0"}, text
    return text


def attributes(listed: list) -> dict:
    found = {}
    for one in listed:
        assert set(one) == {"key", "value"} and one["key"] not in found, one
        ((kind, value),) = one["value"].items()
        assert isinstance(value, str) and kind in ("stringValue", "intValue"), one
        assert kind == "stringValue" or DIGITS.match(value), one
        found[one["key"]] = int(value) if kind == "intValue" else value
    return found


class Span:
    def __init__(self, written: dict):
        assert REQUIRED <= set(written) <= REQUIRED | OPTIONAL, written
        self.trace = identity(written["traceId"], 32)
        self.id = identity(written["spanId"], 16)
        self.parent = written.get("parentSpanId", "")
        if self.parent:
            identity(self.parent, 16)
        self.state = written.get("traceState", "")
        self.flags = written["flags"]
        self.name = written["name"]
        self.kind = written["kind"]
        assert isinstance(self.kind, int) and 1 <= self.kind <= 5
        for time_key in ("startTimeUnixNano", "endTimeUnixNano"):
            assert isinstance(written[time_key], str) and DIGITS.match(written[time_key]), written
        self.start, self.end = int(written["startTimeUnixNano"]), int(written["endTimeUnixNano"])
        assert self.start <= self.end and abs(self.end / 1e9 - time.time()) < 300, written
        self.attributes = attributes(written["attributes"])
        assert written["status"] in ({}, {"code": 2}), written
        self.failed = bool(written["status"])

    def within(self, other: "Span") -> bool:
        return other.start <= self.start and self.end <= other.end


def spans_of(body: bytes) -> list[Span]:
    document = json.loads(body)
    assert set(document) == {"resourceSpans"}
    (resource,) = document["resourceSpans"]
    assert set(resource) == {"resource", "scopeSpans"} and set(resource["resource"]) == {"attributes"}
    named = attributes(resource["resource"]["attributes"])
    assert set(named) == {"service.name", "service.version", "service.instance.id"}
    assert named["service.name"] == "darkroomd"
    (scope,) = resource["scopeSpans"]
    assert set(scope) == {"scope", "spans"} and set(scope["scope"]) == {"name", "version"}
    return [Span(one) for one in scope["spans"]]


class Collector:
    """Listens on loopback. `answers` are given to the next requests, in order; then 200 to each.

    An answer is a status, or a status with headers, or a function that is called meanwhile and gives one.
    """

    def __init__(self):
        self.answers: list = []
        self.requests: list[tuple[float, int, dict]] = []  # when, what it was answered, its headers
        self.wrong: list[str] = []
        self._spans: list[Span] = []
        self._changed = threading.Condition()
        collector = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                collector._take(self)

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def _take(self, request):
        body = request.rfile.read(int(request.headers["Content-Length"]))
        with self._changed:
            answer = self.answers.pop(0) if self.answers else 200
        if callable(answer):
            answer = answer()
        status, headers = answer if isinstance(answer, tuple) else (answer, {})
        try:
            assert request.path == "/v1/traces", request.path
            assert request.headers["Content-Type"] == "application/json"
            spans = spans_of(body)
        except Exception as error:  # noqa: BLE001: whatever is wrong with it
            self.wrong.append(f"{error!r} of {body[:2000]!r}")
            spans = []
        with self._changed:
            self.requests.append((time.monotonic(), status, dict(request.headers)))
            if status == 200:
                self._spans += spans
            self._changed.notify_all()
        try:
            request.send_response(status)
            for name, value in headers.items():
                request.send_header(name, value)
            request.send_header("Content-Length", "2")
            request.end_headers()
            request.wfile.write(b"{}")
        except OSError:
            pass  # it did not wait for so long

    def spans(self) -> list[Span]:
        with self._changed:
            return list(self._spans)

    def wait(self, what: str, condition, seconds: float = 30):
        """Until `condition` of all spans gives something true, which is returned."""
        end = time.monotonic() + seconds
        with self._changed:
            while True:
                assert not self.wrong, self.wrong
                if found := condition(list(self._spans)):
                    return found
                left = end - time.monotonic()
                assert left > 0, f"waited {seconds} s for {what}: {[s.name for s in self._spans]}"
                self._changed.wait(left)

    def job(self, job: str, seconds: float = 30) -> "JobTrace":
        """All of one job's spans; those of a job come together."""

        def found(spans):
            own = [s for s in spans if s.attributes.get("darkroom.job.id") == job]
            return own and JobTrace(own[0], spans)

        return self.wait(f"the spans of {job}", found, seconds)

    def close(self):
        self._server.shutdown()
        self._server.server_close()


class JobTrace:
    def __init__(self, own: Span, spans: list[Span]):
        self.own = own
        self.steps = [s for s in spans if s.parent == own.id and s.trace == own.trace]

    def names(self) -> list[str]:
        return [step.name for step in self.steps]

    def step(self, name: str) -> Span:
        (one,) = [step for step in self.steps if step.name == name]
        return one

    def check(self) -> "JobTrace":
        """What holds for every job: its steps follow each other, inside of it."""
        assert len({s.id for s in [self.own, *self.steps]}) == 1 + len(self.steps)
        for before, after in zip(self.steps, self.steps[1:]):
            assert before.end <= after.start, (before.name, after.name)
        for step in self.steps:
            assert step.within(self.own), step.name
            assert step.kind == (4 if step.name == "publish" else 1)
            assert step.state == self.own.state
        return self
