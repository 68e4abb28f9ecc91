# SPDX-License-Identifier: Apache-2.0
"""Pictures for gpu-check, by the standard library alone: reading and writing PNG, and comparing.

Only 8-bit, non-interlaced files are read, which is what darkroomd writes for 8-bit pictures.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHANNELS = {0: 1, 2: 3, 4: 2, 6: 4}  # by the PNG's colour type


@dataclass
class Picture:
    width: int
    height: int
    channels: int
    samples: bytes  # row by row, channels interleaved

    def row(self, y: int) -> bytes:
        length = self.width * self.channels
        return self.samples[y * length : (y + 1) * length]

    def crop(self, left: int, top: int, width: int, height: int) -> Picture:
        begin, end = left * self.channels, (left + width) * self.channels
        rows = [self.row(y)[begin:end] for y in range(top, top + height)]
        return Picture(width, height, self.channels, b"".join(rows))

    def repeated(self, width: int, height: int) -> Picture:
        """This picture side by side with itself, cut to that size."""
        times = -(-width // self.width)
        rows = [(self.row(y) * times)[: width * self.channels] for y in range(self.height)]
        return Picture(
            width, height, self.channels, b"".join(rows[y % self.height] for y in range(height))
        )


@dataclass
class Difference:
    """Of two pictures of the same form, in steps of 1/255."""

    max: int
    mean: float
    psnr_db: float | None  # None: they are equal


def read_png(path: Path) -> Picture:
    data = Path(path).read_bytes()
    if not data.startswith(_SIGNATURE):
        raise ValueError(f"{path} is no PNG")
    packed = b""
    at = len(_SIGNATURE)
    header = None
    while at + 8 <= len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        at += length + 12
        if kind == b"IHDR":
            header = struct.unpack(">IIBBBBB", body)
        elif kind == b"IDAT":
            packed += body
    if header is None or header[2] != 8 or header[3] not in _CHANNELS or header[6] != 0:
        raise ValueError(f"{path} is no 8-bit, non-interlaced PNG in grey or colours")
    width, height, channels = header[0], header[1], _CHANNELS[header[3]]
    rows = _unfiltered(zlib.decompress(packed), width * channels, height, channels)
    return Picture(width, height, channels, rows)


def _unfiltered(data: bytes, length: int, height: int, step: int) -> bytes:
    if len(data) != (length + 1) * height:
        raise ValueError("the PNG has too few or too many samples")
    rows = bytearray()
    above = bytearray(length)
    for y in range(height):
        begin = y * (length + 1)
        kind, row = data[begin], bytearray(data[begin + 1 : begin + 1 + length])
        if kind == 1:
            for x in range(step, length):
                row[x] = (row[x] + row[x - step]) & 255
        elif kind == 2:
            row = bytearray((a + b) & 255 for a, b in zip(row, above))
        elif kind == 3:
            for x in range(length):
                left = row[x - step] if x >= step else 0
                row[x] = (row[x] + (left + above[x]) // 2) & 255
        elif kind == 4:
            _add_paeth(row, above, step)
        elif kind != 0:
            raise ValueError(f"the PNG has a row of unknown kind {kind}")
        rows += row
        above = row
    return bytes(rows)


def _add_paeth(row: bytearray, above: bytearray, step: int) -> None:
    for x in range(len(row)):
        left = row[x - step] if x >= step else 0
        up = above[x]
        corner = above[x - step] if x >= step else 0
        guess = left + up - corner
        to_left, to_up, to_corner = abs(guess - left), abs(guess - up), abs(guess - corner)
        if to_left <= to_up and to_left <= to_corner:
            nearest = left
        elif to_up <= to_corner:
            nearest = up
        else:
            nearest = corner
        row[x] = (row[x] + nearest) & 255


def write_png(path: Path, picture: Picture) -> None:
    colour = next(kind for kind, channels in _CHANNELS.items() if channels == picture.channels)
    rows = b"".join(b"\0" + picture.row(y) for y in range(picture.height))

    def chunk(kind: bytes, body: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + check

    header = struct.pack(">IIBBBBB", picture.width, picture.height, 8, colour, 0, 0, 0)
    Path(path).write_bytes(
        _SIGNATURE
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows, 1))
        + chunk(b"IEND", b"")
    )


def compare(one: Picture, other: Picture) -> Difference:
    forms = [(p.width, p.height, p.channels) for p in (one, other)]
    if forms[0] != forms[1]:
        raise ValueError(f"pictures of {forms[0]} and {forms[1]} cannot be compared")
    steps = Counter(abs(a - b) for a, b in zip(one.samples, other.samples))
    count = len(one.samples)
    squares = sum(step * step * times for step, times in steps.items()) / count
    return Difference(
        max=max(steps),
        mean=sum(step * times for step, times in steps.items()) / count,
        psnr_db=10 * math.log10(255 * 255 / squares) if squares else None,
    )
