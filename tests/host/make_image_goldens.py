# SPDX-License-Identifier: Apache-2.0
"""Writes image files of many kinds and, beside each, the pixels that Pillow or NumPy say are in it.

    python3 make_image_goldens.py FOLDER

FOLDER/index.txt has a line for each file: name, width, height, channels, largest difference
allowed. The pixels are in NAME.raw: rows of interleaved 8-bit samples. PNG kinds that Pillow cannot
write (16-bit colour, interlaced, fewer bits) are written here, and their pixels come from the
arrays they were made of.
"""

import io
import struct
import sys
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

# First row and column, then steps of rows and columns, of each pass of an interlaced image.
ADAM7 = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2),
         (1, 0, 2, 1))
# Colour type of PNG, channels, bits.
PNG_KINDS = ((0, 1, 1), (0, 1, 2), (0, 1, 4), (0, 1, 8), (0, 1, 16), (2, 3, 8), (2, 3, 16),
             (4, 2, 8), (4, 2, 16), (6, 4, 8), (6, 4, 16))
ORIENTATION = 0x0112


class Goldens:
    def __init__(self, folder: Path):
        self.folder = folder
        self.lines: list[str] = []

    def add(self, name: str, data: bytes, pixels: np.ndarray, tolerance: int = 0) -> None:
        if pixels.ndim == 2:
            pixels = pixels[:, :, None]
        assert pixels.dtype == np.uint8
        height, width, channels = pixels.shape
        (self.folder / name).write_bytes(data)
        (self.folder / f"{name}.raw").write_bytes(pixels.tobytes())
        self.lines.append(f"{name} {width} {height} {channels} {tolerance}\n")

    def close(self) -> None:
        (self.folder / "index.txt").write_text("".join(self.lines))


def picture(width: int, height: int, channels: int, seed: int = 1) -> np.ndarray:
    """Smooth slopes with some noise: every decoder's chroma and rounding have something to do."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    planes = [127 + 100 * np.sin(x / (7 + 3 * c)) * np.cos(y / (9 - c)) for c in range(channels)]
    noise = np.random.default_rng(seed).normal(0, 6, (height, width, channels))
    return np.clip(np.rint(np.stack(planes, axis=2) + noise), 0, 255).astype(np.uint8)


def saved(image: Image.Image, kind: str, **options) -> bytes:
    target = io.BytesIO()
    image.save(target, kind, **options)
    return target.getvalue()


def as_image(pixels: np.ndarray) -> Image.Image:
    return Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def packed_rows(samples: np.ndarray, bits: int) -> bytes:
    """Rows of samples as PNG stores them, each behind its filter byte."""
    rows = samples.reshape(samples.shape[0], -1)
    if bits == 16:
        body = rows.astype(">u2").view(np.uint8).reshape(rows.shape[0], -1)
    elif bits == 8:
        body = rows.astype(np.uint8)
    else:
        expanded = np.unpackbits(rows.astype(np.uint8)[:, :, None], axis=2)[:, :, 8 - bits:]
        body = np.packbits(expanded.reshape(rows.shape[0], -1), axis=1)
    return np.hstack([np.zeros((body.shape[0], 1), np.uint8), body]).tobytes()


def png(samples: np.ndarray, bits: int, colour: int, interlaced: bool = False,
        extra: bytes = b"") -> bytes:
    height, width = samples.shape[:2]
    if interlaced:
        passes = [samples[y::dy, x::dx] for y, x, dy, dx in ADAM7]
        raw = b"".join(packed_rows(part, bits) for part in passes if part.size)
    else:
        raw = packed_rows(samples, bits)
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, int(interlaced))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra +
            chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b""))


def to_eight_bits(samples: np.ndarray, bits: int) -> np.ndarray:
    return np.rint(samples.astype(np.float64) * 255 / (2**bits - 1)).astype(np.uint8)


def add_png(goldens: Goldens) -> None:
    rng = np.random.default_rng(2)
    for colour, channels, bits in PNG_KINDS:
        for interlaced in (False, True):
            for height, width in ((37, 53), (1, 1), (3, 2)):
                samples = rng.integers(0, 2**bits, (height, width, channels)).astype(np.uint16)
                name = f"png-{colour}-{bits}-{width}x{height}{'-adam7' if interlaced else ''}.png"
                goldens.add(name, png(samples, bits, colour, interlaced),
                            to_eight_bits(samples, bits))
    # One colour of a grey or RGB image is transparent.
    for bits, colour, channels in ((2, 0, 1), (8, 0, 1), (16, 0, 1), (8, 2, 3), (16, 2, 3)):
        for interlaced in (False, True):
            samples = rng.integers(0, 2**bits, (19, 23, channels)).astype(np.uint16)
            samples[::2, ::3] = samples[4, 5]
            key = samples[4, 5]
            alpha = np.where((samples == key).all(axis=2), 0, 255).astype(np.uint8)
            transparency = chunk(b"tRNS", struct.pack(f">{channels}H", *(int(v) for v in key)))
            goldens.add(f"png-trns-{colour}-{bits}{'-adam7' if interlaced else ''}.png",
                        png(samples, bits, colour, interlaced, transparency),
                        np.dstack([to_eight_bits(samples, bits), alpha]))
    for bits in (1, 2, 4, 8):
        for interlaced in (False, True):
            palette = rng.integers(0, 256, (2**bits, 3)).astype(np.uint8)
            alphas = rng.integers(0, 256, max(1, 2**bits // 2)).astype(np.uint8)
            index = rng.integers(0, 2**bits, (19, 23, 1)).astype(np.uint16)
            end = f"{bits}{'-adam7' if interlaced else ''}.png"
            plte = chunk(b"PLTE", palette.tobytes())
            colours = palette[index[:, :, 0]]
            goldens.add(f"png-palette-{end}", png(index, bits, 3, interlaced, plte), colours)
            full = np.concatenate([alphas, np.full(2**bits - len(alphas), 255, np.uint8)])
            goldens.add(f"png-palette-alpha-{end}",
                        png(index, bits, 3, interlaced, plte + chunk(b"tRNS", alphas.tobytes())),
                        np.dstack([colours, full[index[:, :, 0]]]))
    # Pillow's own, with all filters of a real encoder.
    for mode in ("L", "LA", "RGB", "RGBA"):
        pixels = picture(61, 47, len(mode))
        goldens.add(f"png-pillow-{mode}.png", saved(as_image(pixels), "PNG"), pixels)


def decoded(data: bytes, mode: str) -> np.ndarray:
    return np.array(Image.open(io.BytesIO(data)).convert(mode))


def add_jpeg(goldens: Goldens) -> None:
    for width, height in ((64, 48), (61, 47), (1, 1), (1, 9), (9, 1)):
        image = as_image(picture(width, height, 3))
        for subsampling in (0, 1, 2):
            for progressive in (False, True):
                data = saved(image, "JPEG", quality=85, subsampling=subsampling,
                             progressive=progressive)
                kind = "progressive" if progressive else "baseline"
                goldens.add(f"jpeg-{width}x{height}-{subsampling}-{kind}.jpg", data,
                            decoded(data, "RGB"))
        data = saved(image.convert("L"), "JPEG", quality=85)
        goldens.add(f"jpeg-{width}x{height}-grey.jpg", data, decoded(data, "L"))
    data = saved(as_image(picture(61, 47, 3)), "JPEG", quality=85, restart_marker_rows=1)
    goldens.add("jpeg-restart.jpg", data, decoded(data, "RGB"))
    # Pillow writes CMYK as Adobe's programs do.
    data = saved(Image.fromarray(picture(61, 47, 4), "CMYK"), "JPEG", quality=90)
    goldens.add("jpeg-cmyk.jpg", data, decoded(data, "RGB"))


def add_webp(goldens: Goldens) -> None:
    for channels, mode in ((3, "RGB"), (4, "RGBA")):
        image = as_image(picture(61, 47, channels))
        for name, options in (("lossless", {"lossless": True, "exact": True}),
                              ("lossy", {"quality": 80})):
            data = saved(image, "WEBP", **options)
            goldens.add(f"webp-{mode}-{name}.webp", data, decoded(data, mode))
    frames = [as_image(picture(40, 30, 3, seed)) for seed in (1, 2, 3)]
    data = saved(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    goldens.add("webp-animation.webp", data, decoded(data, "RGB"))


def add_orientations(goldens: Goldens) -> None:
    image = as_image(picture(45, 28, 3))
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[ORIENTATION] = orientation
        for kind, ending, options in (("JPEG", "jpg", {"quality": 90}), ("PNG", "png", {}),
                                      ("WEBP", "webp", {"lossless": True})):
            data = saved(image, kind, exif=exif, **options)
            upright = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
            goldens.add(f"orientation-{orientation}.{ending}", data,
                        np.array(upright.convert("RGB")))


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    goldens = Goldens(folder)
    add_png(goldens)
    add_jpeg(goldens)
    add_webp(goldens)
    add_orientations(goldens)
    goldens.close()
    print(f"{len(goldens.lines)} files")


if __name__ == "__main__":
    main()
