# SPDX-License-Identifier: Apache-2.0
"""A proxy between a daemon and the NATS server that knows where a message begins and ends.

It forwards every byte as it came, message by message, and asks a gate before and after each one.
The gate may keep a message back; `cut` ends all connections and forwards nothing more of what was
read before, as if the daemon had died with it.
"""

import asyncio
import json
from dataclasses import dataclass

_READ = 1 << 16
# Verbs that a payload follows; its length is the last word of the line.
_PAYLOAD = {b"PUB", b"HPUB", b"MSG", b"HMSG"}
_HEADERS = {b"HPUB", b"HMSG"}


@dataclass
class Frame:
    """One line of the protocol, with its payload if it has one. `raw` is what came."""

    verb: str
    raw: bytes
    subject: str = ""
    reply: str = ""
    head: bytes = b""  # the headers as they are on the wire
    body: bytes = b""
    note: object = None  # the gate's own

    def headers(self) -> dict[str, str]:
        """The last of each name. A status (`NATS/1.0 404 ...`) is under `Status`."""
        lines = self.head.decode(errors="replace").split("\r\n")
        found = {}
        if len(status := lines[0].split(" ", 2)) > 1:
            found["Status"] = status[1]
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            if colon:
                found[name.strip()] = value.strip()
        return found


class Parser:
    """Cuts a stream of bytes into frames."""

    def __init__(self):
        self._left = bytearray()

    def feed(self, data: bytes) -> list[Frame]:
        self._left += data
        frames = []
        at = 0
        while (end := self._left.find(b"\r\n", at)) >= 0:
            words = bytes(self._left[at:end]).split()
            verb = words[0].upper() if words else b""
            whole = end + 2
            if verb in _PAYLOAD:
                whole += int(words[-1]) + 2
                if len(self._left) < whole:
                    break
            frames.append(self._frame(verb, words, bytes(self._left[at:whole]), end + 2 - at))
            at = whole
        del self._left[:at]
        return frames

    @staticmethod
    def _frame(verb: bytes, words: list[bytes], raw: bytes, begin: int) -> Frame:
        frame = Frame(verb.decode(errors="replace"), raw)
        if verb not in _PAYLOAD:
            return frame
        # PUB subject [reply] size; MSG subject sid [reply] size; those with headers have two sizes.
        names = words[1 : -2 if verb in _HEADERS else -1]
        frame.subject = names.pop(0).decode(errors="replace")
        if verb in (b"MSG", b"HMSG"):
            names.pop(0)
        frame.reply = names[0].decode(errors="replace") if names else ""
        split = begin + (int(words[-2]) if verb in _HEADERS else 0)
        frame.head = raw[begin:split]
        frame.body = raw[split:-2]
        return frame


def only_this_way(frame: Frame) -> bytes:
    """INFO without the addresses that would lead around the proxy; anything else as it is."""
    if frame.verb != "INFO":
        return frame.raw
    told = json.loads(frame.raw.split(None, 1)[1])
    told.pop("connect_urls", None)
    return b"INFO " + json.dumps(told).encode() + b"\r\n"


class Gate:
    """Decides what passes. `to_server`: the daemon sent it. This one lets everything through."""

    def before(self, proxy: "Proxy", frame: Frame, to_server: bool) -> bool:
        """False: the message is not forwarded."""
        return True

    def after(self, proxy: "Proxy", frame: Frame, to_server: bool):
        """It has been forwarded."""


class Proxy:
    """Listens on a port of its own; each connection there becomes one to `port` on loopback."""

    def __init__(self, port: int, gate: Gate):
        self.target = port
        self.gate = gate
        self.port = 0
        self._listener: asyncio.Server | None = None
        self._links: set[_Link] = set()

    async def start(self) -> "Proxy":
        self._listener = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._listener.sockets[0].getsockname()[1]
        return self

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    def cut(self):
        for link in list(self._links):
            link.cut()

    async def close(self):
        self._listener.close()
        self.cut()
        await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
        try:
            onward = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()  # nobody there: the daemon is to see just that
            return
        link = _Link(self, (reader, writer), onward)
        self._links.add(link)
        try:
            await link.run()
        finally:
            self._links.discard(link)


class _Link:
    """One connection of the daemon's, and the one to the server that belongs to it."""

    def __init__(self, proxy: Proxy, here: tuple, onward: tuple):
        self._proxy = proxy
        self._here = here
        self._onward = onward
        self._over = False

    def cut(self):
        self._over = True
        for _, writer in (self._here, self._onward):
            writer.transport.abort()

    async def run(self):
        ways = [
            asyncio.create_task(self._pump(self._here[0], self._onward[1], True)),
            asyncio.create_task(self._pump(self._onward[0], self._here[1], False)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.cut()
            for way in ways:
                way.cancel()
            for result in await asyncio.gather(*ways, return_exceptions=True):
                # Anything but a lost connection is a mistake of ours, and must be seen.
                lost = isinstance(result, (OSError, asyncio.CancelledError))
                if isinstance(result, BaseException) and not lost:
                    raise result

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, to_server: bool):
        parser = Parser()
        while data := await reader.read(_READ):
            for frame in parser.feed(data):
                if self._over:
                    return
                if not self._proxy.gate.before(self._proxy, frame, to_server):
                    continue
                if self._over:
                    return
                writer.write(only_this_way(frame))
                self._proxy.gate.after(self._proxy, frame, to_server)
            if self._over:
                return
            await writer.drain()
