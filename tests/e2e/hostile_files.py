# SPDX-License-Identifier: Apache-2.0
"""Files that their readers must refuse: pictures and safetensors that are cut, lie about themselves, or are others.

    hostile_files.py FOLDER

writes them all into FOLDER/images and FOLDER/safetensors, for whoever wants to try them on something else. Each is made
by one stated change to a good file, so each is the same in every run, and none of them is a good one by chance.
"""

import io
import itertools
import json
import pickle
import struct
import sys
import zipfile
import zlib
from pathlib import Path

from PIL import Image

from pictures import PNG_SIGNATURE, encode, png_chunk, png_header, quarters


# ---- Pictures ------------------------------------------------------------------------------------


def cuts(name: str, whole: bytes, end: int, count: int) -> dict[str, bytes]:
    """The beginnings of a file, none of them longer than `end`, where what is left may be taken for whole."""
    lengths = sorted({round(i * end / count) for i in range(count)})
    return {f"{name}-cut-at-{length}": whole[:length] for length in lengths}


def pngs() -> dict[str, bytes]:
    rows = b"".join(b"\0" + bytes([16 * y, 99, 7] * 16) for y in range(16))
    head, data, end = png_header(16, 16), png_chunk(b"IDAT", zlib.compress(rows)), png_chunk(b"IEND", b"")
    whole = PNG_SIGNATURE + head + data + end
    found = cuts("png", whole, len(whole) - len(end) - 8, 90)

    def png(name: str, *chunks: bytes):
        found[f"png-{name}"] = PNG_SIGNATURE + b"".join(chunks)

    for i in range(8):
        found[f"png-signature-{i}"] = whole[:i] + bytes([whole[i] ^ 0x40]) + whole[i + 1:]
    for i in range(len(head) - 8):  # any bit of the header's kind, words and checksum
        wrong = bytearray(head)
        wrong[8 + i] ^= 1
        png(f"header-byte-{i}-against-checksum", bytes(wrong), data, end)
    for i in range(4):
        wrong = bytearray(data)
        wrong[len(data) - 4 + i] ^= 0x10
        png(f"data-checksum-{i}", head, bytes(wrong), end)
    for width, height in itertools.product((0, 16, 1 << 31, 0xFFFFFFFF), repeat=2):
        if (width, height) != (16, 16):
            png(f"size-{width}x{height}", png_header(width, height), data, end)
    for depth, colour in itertools.product((0, 3, 5, 7, 32, 255), (0, 2, 3, 4, 6)):
        png(f"depth-{depth}-colour-{colour}", png_header(16, 16, depth, colour), data, end)
    for colour in (1, 5, 7, 200):
        png(f"colour-{colour}", png_header(16, 16, 8, colour), data, end)
    for place, value in itertools.product((10, 11, 12), (1, 2, 3, 255)):
        words = bytearray(struct.pack(">IIBBBBB", 16, 16, 8, 2, 0, 0, 0))
        words[place] = value
        if (place, value) != (12, 1):  # 1 means interlaced: its data are then wrong, and that is below
            png(f"word-{place}-is-{value}", png_chunk(b"IHDR", bytes(words)), data, end)
    png("interlaced-with-too-little", png_chunk(b"IHDR", struct.pack(">IIBBBBB", 64, 64, 8, 2, 0, 0, 1)), data, end)
    for length in (0, 1, 12, 14, 1 << 16, 0x7FFFFFFF, 0xFFFFFFFF):
        png(f"header-of-{length}", struct.pack(">I", length) + head[4:], data, end)
        png(f"data-of-{length}", head, struct.pack(">I", length) + data[4:], end)
    png("no-header", data, end)
    png("no-data", head, end)
    png("empty-data", head, png_chunk(b"IDAT", b""), end)
    png("only-the-end", end)
    png("header-last", data, head, end)
    png("two-headers", head, head, data, end)
    png("palette-of-none", png_header(16, 16, 8, 3), data, end)
    for size in (0, 1, 2, 4, 769, 771):
        png(f"palette-of-{size}-bytes", png_header(16, 16, 8, 3), png_chunk(b"PLTE", b"x" * size), data, end)
    for filter_kind in (5, 6, 17, 128, 255):
        filtered = b"".join(bytes([filter_kind]) + rows[49 * y + 1:49 * y + 49] for y in range(16))
        png(f"filter-{filter_kind}", head, png_chunk(b"IDAT", zlib.compress(filtered)), end)
    for name, bytes_ in {"noise": bytes(range(1, 200)), "no-zlib": rows, "zlib-of-nothing": zlib.compress(b""),
                         "too-few-rows": zlib.compress(rows[:-49]), "half-a-row": zlib.compress(rows[:-20]),
                         "cut-zlib": zlib.compress(rows)[:-9], "gzip-head": b"\x1f\x8b" + zlib.compress(rows),
                         "dictionary": b"\x78\xbb" + zlib.compress(rows)[2:]}.items():
        png(f"data-{name}", head, png_chunk(b"IDAT", bytes_), end)
    png("unknown-critical-chunk", head, png_chunk(b"EVIL", b"x"), data, end)
    return found


def segments(jpeg: bytes) -> dict[int, tuple[int, int]]:
    """Where each marker of a JPEG's head lies: from its FF to its end. The last one is the scan's."""
    found, at = {}, 2
    while True:
        marker, (length,) = jpeg[at + 1], struct.unpack(">H", jpeg[at + 2:at + 4])
        found[marker] = (at, at + 2 + length)
        if marker == 0xDA:
            return found
        at += 2 + length


def jpegs() -> dict[str, bytes]:
    whole = encode(quarters(48, 32), "JPEG", quality=60)
    where = segments(whole)
    frame, scan = where[0xC0][0], where[0xDA]
    found = cuts("jpeg", whole, scan[1], 90)

    def change(name: str, at: int, value: bytes):
        found[f"jpeg-{name}"] = whole[:at] + value + whole[at + len(value):]

    for i in range(2):
        change(f"start-{i}", i, bytes([whole[i] ^ 0x20]))
    for marker in (0xC3, 0xC5, 0xC6, 0xC7, 0xC8, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF):  # lossless and so on; C9 can be read
        change(f"frame-{marker:x}", frame + 1, bytes([marker]))
    for precision in (0, 1, 7, 9, 12, 16, 255):
        change(f"precision-{precision}", frame + 4, bytes([precision]))
    for height, width in ((0, 48), (32, 0), (0, 0), (65535, 65535), (65535, 40000)):
        change(f"size-{height}x{width}", frame + 5, struct.pack(">HH", height, width))
    for components in (0, 2, 4, 5, 200, 255):
        change(f"components-{components}", frame + 9, bytes([components]))
    for sampling in (0x00, 0x01, 0x10, 0x51, 0x15, 0xFF):
        change(f"sampling-{sampling:02x}", frame + 11, bytes([sampling]))
    for table in (4, 17, 255):
        change(f"quantizer-{table}", frame + 12, bytes([table]))
        change(f"huffman-of-{table}", scan[0] + 6, bytes([table << 4 & 0xFF | 0x4]))
    for components in (0, 5, 255):
        change(f"scan-components-{components}", scan[0] + 4, bytes([components]))
    for marker, (start, _) in where.items():
        for length in (0, 1, 0xFFFF):
            if marker != 0xE0 or length < 2:  # a long one of JFIF may end anywhere
                change(f"segment-{marker:x}-of-{length}", start + 2, struct.pack(">H", length))
    for marker in (0xDB, 0xC0, 0xDA):  # without C4 there are the usual codes
        start, end = where[marker]
        found[f"jpeg-without-{marker:x}"] = (whole[:start] + whole[end:] if marker != 0xDB else
                                             b"".join(part for part in split(whole, marker)))
    found["jpeg-two-frames"] = whole[:frame] + whole[frame:where[0xC0][1]] * 2 + whole[where[0xC0][1]:]
    return found


def split(jpeg: bytes, without: int) -> list[bytes]:
    """The parts of a JPEG without any of the segments of one kind."""
    parts, at = [jpeg[:2]], 2
    while jpeg[at + 1] != 0xDA:
        end = at + 2 + struct.unpack(">H", jpeg[at + 2:at + 4])[0]
        if jpeg[at + 1] != without:
            parts.append(jpeg[at:end])
        at = end
    return [*parts, jpeg[at:]]


def webps() -> dict[str, bytes]:
    found = {}
    for kind, whole in {"lossy": encode(quarters(48, 32), "WEBP", quality=60),
                        "lossless": encode(quarters(48, 32), "WEBP", lossless=True)}.items():
        found |= cuts(f"webp-{kind}", whole, len(whole) - 4, 60)
        for i in (*range(4), *range(8, 15)):
            found[f"webp-{kind}-letter-{i}"] = whole[:i] + bytes([whole[i] ^ 0x01]) + whole[i + 1:]
        for size in (0, 1, 9, 0x7FFFFFFF, 0xFFFFFFFF):
            found[f"webp-{kind}-chunk-of-{size}"] = whole[:16] + struct.pack("<I", size) + whole[20:]
    lossy = encode(quarters(48, 32), "WEBP", quality=60)
    for i in range(3):  # its own start code
        found[f"webp-lossy-start-code-{i}"] = lossy[:23 + i] + bytes([lossy[23 + i] ^ 0xFF]) + lossy[24 + i:]
    for width, height in ((0, 32), (48, 0), (0, 0)):
        found[f"webp-lossy-{width}x{height}"] = lossy[:26] + struct.pack("<HH", width, height) + lossy[30:]
    lossless = encode(quarters(48, 32), "WEBP", lossless=True)
    for signature in (0x00, 0x2E, 0x6F, 0xFF):
        found[f"webp-lossless-signature-{signature}"] = lossless[:20] + bytes([signature]) + lossless[21:]
    for version in range(1, 8):
        word = struct.unpack("<I", lossless[21:25])[0] & 0x1FFFFFFF | version << 29
        found[f"webp-lossless-version-{version}"] = lossless[:21] + struct.pack("<I", word) + lossless[25:]
    return found


def others() -> dict[str, bytes]:
    """What people and tools send instead of a picture."""
    picture = quarters(48, 32)
    found = {f"other-{format.lower()}": encode(picture.convert("RGB"), format)
             for format in ("BMP", "GIF", "TIFF", "PPM", "ICO", "TGA", "PCX", "SGI", "DDS", "JPEG2000", "EPS", "PDF")}
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("photo.png", encode(picture))
    found |= {
        "other-nothing": b"",
        "other-zip": archive.getvalue(),
        "other-pickle": pickle.dumps({"picture": b"\x89PNG"}),
        "other-json": json.dumps({"image": "photo.png"}).encode(),
        "other-svg": b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
        "other-html": b"<html><img src='file:///etc/passwd'></html>",
        "other-path": b"/etc/passwd",
        "other-url": b"http://127.0.0.1/latest/meta-data/",
        "other-mvg": b"push graphic-context\nviewbox 0 0 640 480\nfill 'url(https://127.0.0.1/x)'\n",
        "other-elf": b"\x7fELF\2\1\1" + bytes(57),
        "other-avif": b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf",
        "other-heic": b"\0\0\0\x18ftypheic\0\0\0\0heicmif1",
        "other-base64": b"iVBORw0KGgoAAAANSUhEUgAAABAAAAAQ",
        "other-text-before-png": b"\r\n" + encode(picture),
        "other-png-in-utf-16": encode(picture).decode("latin-1").encode("utf-16"),
        "other-png-through-a-text-file": encode(picture).replace(b"\r\n", b"\n"),
    }
    for byte in (0x00, 0x20, 0x41, 0x7F, 0x80, 0xFF):
        for length in (1, 2, 7, 8, 64, 4096):
            found[f"other-{length}-times-{byte:02x}"] = bytes([byte]) * length
    return found


def images() -> dict[str, bytes]:
    return pngs() | jpegs() | webps() | others()


# ---- Safetensors ---------------------------------------------------------------------------------


def safetensors(header: object, data: bytes = b"", length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def tensor(shape: object, begin: object, end: object, dtype: object = "F32") -> dict:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


WRONG_VALUES = (None, True, -1, -(1 << 63), 1 << 63, 1 << 64, 0.5, 1e300, "4", [], {}, [4], "\0")


def headers() -> dict[str, bytes]:
    """Files whose first tensor's entry says what it may not say."""
    found = {}

    def one(name: str, entry: object, data: bytes = bytes(16)):
        found[name] = safetensors({"a": entry}, data)

    good = tensor([4], 0, 16)
    for i, value in enumerate(WRONG_VALUES):
        one(f"entry-{i}", value)
        for key in good:
            one(f"{key}-is-{i}", {**good, key: value})
        if value != 4:
            one(f"size-is-{i}", tensor([value], 0, 16))
            one(f"second-size-is-{i}", tensor([4, value], 0, 16))
        one(f"begin-is-{i}", tensor([4], value, 16))
        one(f"end-is-{i}", tensor([4], 0, value))
        metadata = {
            f"metadata-is-{i}": value if value != {} else {"a": 1},
            f"metadata-holds-{i}": {"format": value if not isinstance(value, str) else 7}}
        for name, wrong in metadata.items():
            found[name] = safetensors({"__metadata__": wrong, "a": good}, bytes(16))
    for key in good:
        one(f"without-{key}", {k: v for k, v in good.items() if k != key})
    for offsets in ([], [0], [0, 16, 32], [16, 0], [1, 17], [0, 15], [0, 17], [4, 16], [8, 24],
                    [1 << 62, (1 << 62) + 16]):
        one(f"offsets-{offsets}", {**good, "data_offsets": offsets})
    for shape in ([5], [3], [2, 3], [4, 4], [1 << 31, 1 << 31], [1 << 32, 1 << 32], [1 << 62, 4], [4, 0], [0],
                  [1] * 65):
        one(f"shape-{len(shape)}-{shape[0]}-{shape[-1]}", tensor(shape, 0, 16))
    for dtype in ("", "f32", "F31", "F128", "I128", "X", "FLOAT", "F32 ", "BOOLEAN", "C64", "Q4_0"):
        one(f"type-{dtype or 'empty'}", tensor([4], 0, 16, dtype))
    one("bool-of-two", tensor([16], 0, 16, "BOOL"), b"\2" * 16)
    return found


def layouts() -> dict[str, bytes]:
    """Files whose tensors each are good, and together are not."""
    found = {}
    for first, second in (((0, 16), (0, 16)), ((0, 16), (8, 24)), ((8, 24), (0, 16)), ((0, 16), (20, 36)),
                          ((4, 20), (20, 36)), ((0, 16), (32, 48))):
        found[f"tensors-{first}-{second}"] = safetensors(
            {"a": tensor([4], *first), "b": tensor([4], *second)}, bytes(max(*first, *second)))
    for extra in (1, 4, 4096):
        found[f"{extra}-bytes-more"] = safetensors({"a": tensor([4], 0, 16)}, bytes(16 + extra))
    for missing in (1, 4, 15, 16):
        found[f"{missing}-bytes-less"] = safetensors({"a": tensor([4], 0, 16)}, bytes(16 - missing))
    entry = '"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}'
    found["same-name-twice"] = safetensors(("{" + entry + "," + entry + "}").encode(), bytes(16))
    found["same-key-twice"] = safetensors(
        b'{"a":{"dtype":"F32","dtype":"F32","shape":[4],"data_offsets":[0,16]}}', bytes(16))
    return found


def texts() -> dict[str, bytes]:
    """Files whose header is no header."""
    good = safetensors({"a": tensor([4], 0, 16)}, bytes(16))
    (length,) = struct.unpack("<Q", good[:8])
    found = {f"cut-at-{i}": good[:i] for i in range(len(good))}
    for claimed in (0, 1, 2, length - 1, length + 1, len(good) - 8, len(good), 1 << 20, 1 << 27, 1 << 31, 1 << 32,
                    1 << 62, 1 << 63, (1 << 64) - 8, (1 << 64) - 1):
        found[f"length-{claimed}"] = struct.pack("<Q", claimed) + good[8:]
    for name, text in {
        "nothing": b"", "null": b"null", "true": b"true", "number": b"17", "string": b'"x"', "list": b"[]",
        "list-of-objects": b"[{}]", "open": b"{", "open-deep": b'{"a":' * 60_000,
        "open-lists": b'{"a":' + b"[" * 60_000,
        "closed-deep": b"[" * 60_000 + b"]" * 60_000, "no-tensors": b"{}", "metadata-only": b'{"__metadata__":{}}',
        "comma": b"{,}", "trailing-comma": b'{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]},}',
        "comment": b"{/* */}", "single-quotes": b"{'a':1}", "nan": b'{"a":NaN}', "bare-word": b"{a:1}",
        "two-objects": b"{}{}", "text-behind": b"{} x", "zero-byte": b"{\0}", "bom": b"\xef\xbb\xbf{}",
        "utf-16": '{"a":1}'.encode("utf-16"), "latin-1": b'{"\xe9":1}', "overlong-utf-8": b'{"\xc0\xaf":1}',
        "lone-surrogate": b'{"\\ud800":1}', "bad-escape": b'{"\\x41":1}', "newline-in-string": b'{"a\nb":1}',
        "hex-number": b'{"a":0x10}', "leading-zero": b'{"a":01}', "plus": b'{"a":+1}',
        "long-number": b'{"a":' + b"9" * 5000 + b"}", "huge-exponent": b'{"a":1e999999}',
    }.items():
        found[f"header-{name}"] = safetensors(text, bytes(16))
    return found


def other_weights() -> dict[str, bytes]:
    """Weights in other forms, some of which run code in those who open them."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("archive/data.pkl", pickle.dumps({"w": 1}))
        file.writestr("archive/version", "3\n")
    found = {f"pickle-{protocol}": pickle.dumps({"w": [1.0] * 9}, protocol) for protocol in range(6)}
    return found | {
        "pickle-that-runs": b"cposix\nsystem\n(S'touch hacked'\ntR.",
        "torch-archive": archive.getvalue(),
        "gguf": b"GGUF" + struct.pack("<IQQ", 3, 1, 0) + bytes(64),
        "onnx": b"\x08\x08\x12\x07pytorch" + bytes(64),
        "numpy": b"\x93NUMPY\x01\x00\x76\x00{'descr': '<f4', 'fortran_order': False, 'shape': (4,)}" + bytes(64),
        "hdf5": b"\x89HDF\r\n\x1a\n" + bytes(64),
        "git-lfs-pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 12345\n",
        "html": b"<!DOCTYPE html><html><body>404: not found</body></html>",
    }


def weights() -> dict[str, bytes]:
    return headers() | layouts() | texts() | other_weights()


def main(folder: Path) -> None:
    for name, files in {"images": images(), "safetensors": weights()}.items():
        (folder / name).mkdir(parents=True)
        for i, (what, content) in enumerate(files.items()):
            (folder / name / f"{i:04}-{what.replace('/', '_').replace(' ', '')}").write_bytes(content)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
