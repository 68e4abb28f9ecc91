# SPDX-License-Identifier: Apache-2.0
"""Asks a daemon's control subjects, with nats-py."""

import json
import time

import nats
from common.connection import Connection
from common.programs import BenchError

# An upgrade answers once the new generation serves, which may have to load weights first.
_SECONDS = 120


class Refused(Exception):
    """The daemon said no; the message is its own."""


class Control(Connection):
    def __init__(self, url: str, prefix: str):
        super().__init__(url)
        self._prefix = prefix

    def ask(self, verb: str, **body) -> dict:
        subject = f"{self._prefix}.control.{verb}"
        data = json.dumps(body).encode() if body else b""
        try:
            reply = self._run(self._connection.request(subject, data, timeout=_SECONDS))
        except nats.errors.Error as error:
            raise BenchError(f"no answer on {subject}: {error!r}") from error
        answer = json.loads(reply.data)
        if "Nats-Service-Error" in (reply.headers or {}):
            raise Refused(f"{verb}: {answer['message']}")
        return answer

    def plugin(self, plugin: str) -> dict:
        for one in self.ask("plugins")["plugins"]:
            if one["id"] == plugin:
                return one
        raise BenchError(f"the daemon does not list the plugin {plugin}")

    def await_gone(self, plugin: str) -> dict:
        """The plugin, once no generation of it is on its way out."""
        end = time.monotonic() + _SECONDS
        while (state := self.plugin(plugin))["leaving"]:
            if time.monotonic() > end:
                raise BenchError(f"a generation of {plugin} does not leave: {state['leaving']}")
            self.rest(0.01)
        return state
