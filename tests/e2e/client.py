# SPDX-License-Identifier: Apache-2.0
"""A client made of nats-py alone, which holds every reply against docs/protocol.md.

The table of errors is read from that page, so that page, daemon and tests cannot drift apart.
"""

import asyncio
import json
import re
import time
from dataclasses import dataclass

import nats

from harness import REPOSITORY

TIMEOUT = 60.0  # for one reply, on the slowest machine


@dataclass(frozen=True)
class ErrorKind:
    number: int
    retryable: bool


def documented_errors() -> dict[str, ErrorKind]:
    page = (REPOSITORY / "docs" / "protocol.md").read_text()
    section = page.split("\n## Errors\n", 1)[1].split("\n## ", 1)[0]
    rows = re.findall(r"^\| `(\w+)` \| (\d+) \| (yes|no) \|", section, re.MULTILINE)
    return {code: ErrorKind(int(number), retryable == "yes") for code, number, retryable in rows}


ERRORS = documented_errors()


class Reply:
    """One reply. `error` is None, or the error's body, checked against the documentation."""

    def __init__(self, message):
        self.data: bytes = message.data
        self.headers: dict[str, str] = dict(message.headers or {})
        self.error: dict | None = None
        if "Nats-Service-Error-Code" in self.headers or "Nats-Service-Error" in self.headers:
            self.error = json.loads(self.data)
            self._check_error()

    def _check_error(self):
        assert set(self.error) == {"code", "message", "hint", "retryable"}, self.error
        kind = ERRORS[self.error["code"]]
        assert self.headers["Nats-Service-Error-Code"] == str(kind.number), self.headers
        assert self.error["retryable"] is kind.retryable, self.error
        assert self.error["message"], "an error without words"
        header = self.headers["Nats-Service-Error"]
        assert header and not re.search(r"[\r\n]", header), header
        assert self.headers["Content-Type"].startswith("application/json"), self.headers
        if self.error["code"] == "busy":
            assert int(self.headers["Retry-After"]) >= 1, self.headers

    @property
    def code(self) -> str:
        return "ok" if self.error is None else self.error["code"]

    @property
    def kind(self) -> str:
        """The content type without its parameters."""
        return self.headers["Content-Type"].split(";")[0].strip()

    def ok(self) -> "Reply":
        assert self.error is None, f"expected a result, got {self.error}"
        return self

    def failed(self, *codes: str) -> "Reply":
        assert (
            self.code in codes
        ), f"expected {' or '.join(codes)}, got {self.error or self.headers}"
        return self

    def json(self) -> dict:
        return json.loads(self.ok().data)


class Client:
    """Requests to the daemons behind one nats-server."""

    def __init__(self, connection: nats.NATS):
        self.nats = connection

    @classmethod
    async def connect(cls, url: str) -> "Client":
        async def ignore(_):
            """Tests that end a server expect these; requests tell of those that matter."""

        return cls(
            await nats.connect(
                url,
                max_reconnect_attempts=-1,
                reconnect_time_wait=0.1,
                connect_timeout=30,
                error_cb=ignore,
            )
        )

    async def close(self):
        await self.nats.close()

    async def request(
        self,
        subject: str,
        body: bytes = b"",
        *,
        timeout: float = TIMEOUT,
        params: dict | None = None,
        **headers: str,
    ) -> Reply:
        """Keyword arguments are headers: Content_Type="text/plain", Darkroom_Job="a"."""
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        if params is not None:
            fields["Darkroom-Params"] = json.dumps(params)
        return Reply(
            await self.nats.request(subject, body, timeout=timeout, headers=fields or None)
        )

    async def run(self, model: str, body: bytes = b"", **options) -> Reply:
        return await self.request(f"darkroom.run.{model}", body, **options)

    async def control(self, what: str) -> dict:
        return (await self.request(f"darkroom.control.{what}")).json()

    async def model(self, name: str) -> dict:
        (found,) = [
            model for model in (await self.control("models"))["models"] if model["name"] == name
        ]
        return found

    async def input_name(self, model: str) -> str:
        return (await self.model(model))["inputs"][0]["name"]

    async def output_name(self, model: str) -> str:
        return (await self.model(model))["outputs"][0]["name"]

    async def jobs(self, state: str, model: str) -> list[dict]:
        return [
            job
            for job in (await self.control("ps"))["jobs"]
            if job["state"] == state and job["model"] == model
        ]


async def until(what: str, condition, seconds: float = TIMEOUT):
    """Asks the coroutine `condition` until it gives something true, and returns that."""
    end = time.monotonic() + seconds
    while True:
        if answer := await condition():
            return answer
        assert time.monotonic() < end, f"waited {seconds:g} s for {what}"
        await asyncio.sleep(0.02)
