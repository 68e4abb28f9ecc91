# SPDX-License-Identifier: Apache-2.0
"""The proxy forwards what it is given, whole and unchanged, and what is cut goes nowhere."""

import asyncio
import contextlib
import json
import random

import pytest

from proxy import Gate, Parser, Proxy, only_this_way

BINARY = bytes(range(256)) + b"\r\nPUB fake 3\r\nabc\r\n"
HEAD = b"NATS/1.0\r\nNats-Msg-Id: a1\r\nX: y: z\r\n\r\n"
STREAM = [
    b'INFO {"port":1}\r\n',
    b"PING\r\n",
    b"PUB a.b 0\r\n\r\n",
    b"PUB a.b _INBOX.1 %d\r\n%s\r\n" % (len(BINARY), BINARY),
    b"HPUB a.b  _INBOX.1  %d %d\r\n%s\r\n" % (len(HEAD), len(HEAD + BINARY), HEAD + BINARY),
    b"MSG a.b 7 3\r\nabc\r\n",
    b"MSG a.b 7 $JS.ACK.x 3\r\nabc\r\n",
    b"hmsg a.b 7 $JS.ACK.x %d %d\r\n%s\r\n" % (len(HEAD), len(HEAD), HEAD),
    b"-ERR 'Stale Connection'\r\n",
]


@pytest.mark.parametrize("size", [1, 2, 7, 100, 10_000])
def test_frames_are_cut_where_they_end_however_they_come(size):
    whole = b"".join(STREAM)
    parser = Parser()
    frames = [frame for at in range(0, len(whole), size) for frame in parser.feed(whole[at : at + size])]
    assert [frame.raw for frame in frames] == STREAM


def test_a_frame_tells_its_parts():
    frames = Parser().feed(b"".join(STREAM))
    assert [frame.subject for frame in frames] == ["", "", *["a.b"] * 6, ""]
    assert [frame.reply for frame in frames[2:8]] == ["", "_INBOX.1", "_INBOX.1", "", "$JS.ACK.x", "$JS.ACK.x"]
    assert frames[3].body == frames[4].body == BINARY
    assert frames[7].body == b"" and frames[7].verb == "HMSG"
    assert frames[4].headers() == frames[7].headers() == {"Nats-Msg-Id": "a1", "X": "y: z"}
    (status,) = Parser().feed(b"HMSG a 1 30 30\r\nNATS/1.0 404 No Messages\r\n\r\n\r\n\r\n")
    assert status.headers() == {"Status": "404"}


def test_a_server_cannot_lead_around_the_proxy():
    told = {"server_id": "x", "connect_urls": ["127.0.0.1:4222"], "max_payload": 5}
    (frame,) = Parser().feed(b"INFO " + json.dumps(told).encode() + b"\r\n")
    (passed,) = Parser().feed(only_this_way(frame))
    assert json.loads(passed.raw[5:]) == {"server_id": "x", "max_payload": 5}


class Reader(Gate):
    """Notes what passes, and holds back the subject `held`."""

    def __init__(self):
        self.sent: list[str] = []
        self.cut_at = ""

    def before(self, proxy, frame, to_server):
        self.sent.append(frame.subject)
        if frame.subject == self.cut_at:
            proxy.cut()
        return frame.subject != "held"


async def behind(gate: Gate):
    """A proxy before a listener that keeps what it hears: the proxy, what was heard, the end."""
    heard, ended = bytearray(), asyncio.Event()

    async def listen(reader, writer):
        try:
            while data := await reader.read(1 << 16):
                heard.extend(data)
        except OSError:
            pass
        ended.set()
        writer.close()

    listener = await asyncio.start_server(listen, "127.0.0.1", 0)
    proxy = await Proxy(listener.sockets[0].getsockname()[1], gate).start()
    return proxy, listener, heard, ended


async def test_large_payloads_pass_whole_and_in_order():
    proxy, listener, heard, ended = await behind(Reader())
    chance = random.Random(1)
    messages = [b"PUB a%d %d\r\n%s\r\n" % (n, len(p), p) for n in range(20) for p in [chance.randbytes(n * 30_000)]]
    _, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    for message in messages:
        writer.write(message)
    writer.write_eof()
    await ended.wait()
    assert bytes(heard) == b"".join(messages)
    assert proxy.gate.sent == [f"a{n}" for n in range(20)]
    await proxy.close()
    listener.close()


async def test_what_is_held_back_and_what_is_cut_goes_nowhere():
    gate = Reader()
    gate.cut_at = "last"
    proxy, listener, heard, ended = await behind(gate)
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    writer.write(b"PUB held 1\r\nx\r\n")
    writer.write(b"PUB last 1\r\nx\r\nPUB more 1\r\nx\r\n")
    await ended.wait()
    with contextlib.suppress(OSError):  # or it is reset
        assert await reader.read() == b""
    assert heard == b"" and gate.sent == ["held", "last"]
    await proxy.close()
    listener.close()


async def test_a_server_that_is_away_is_seen_to_be_away():
    proxy, listener, _, _ = await behind(Reader())
    listener.close()
    await listener.wait_closed()
    reader, _ = await asyncio.open_connection("127.0.0.1", proxy.port)
    with contextlib.suppress(OSError):
        assert await reader.read() == b""
    await proxy.close()
