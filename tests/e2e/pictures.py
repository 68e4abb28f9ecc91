# SPDX-License-Identifier: Apache-2.0
"""Pictures for the tests: four coloured quarters that tell orientation, photographs, and bombs."""

import io
import struct
import zlib
from pathlib import Path

import numpy
import skimage
from PIL import Image

RED, GREEN, BLUE, YELLOW = (200, 40, 40), (40, 170, 60), (50, 60, 190), (220, 200, 50)
QUARTERS = (RED, GREEN, BLUE, YELLOW)  # top left, top right, bottom left, bottom right
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"

# How a viewer turns a stored picture of each EXIF orientation upright, and the way back.
UPRIGHT_TO_STORED = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,  # shown after a turn by 90 degrees clockwise
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
ORIENTATION_TAG = 0x0112


def quarters(width: int = 48, height: int = 32, colours=QUARTERS) -> Image.Image:
    pixels = numpy.zeros((height, width, len(colours[0])), numpy.uint8)
    for index, colour in enumerate(colours):
        rows = slice(0, height // 2) if index < 2 else slice(height // 2, height)
        columns = slice(0, width // 2) if index % 2 == 0 else slice(width // 2, width)
        pixels[rows, columns] = colour
    return Image.fromarray(pixels)


def grey_quarters() -> Image.Image:
    return quarters().convert("L")


def encode(image: Image.Image, format: str = "PNG", **options) -> bytes:
    stream = io.BytesIO()
    image.save(stream, format, **options)
    return stream.getvalue()


def oriented(orientation: int, format: str = "JPEG", **options) -> bytes:
    """The quarters as a camera held at `orientation` stores them."""
    image = quarters()
    if (turn := UPRIGHT_TO_STORED[orientation]) is not None:
        image = image.transpose(turn)
    exif = Image.Exif()
    exif[ORIENTATION_TAG] = orientation
    return encode(image, format, exif=exif.tobytes(), **options)


def decode(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def quarter_means(image: Image.Image) -> list[numpy.ndarray]:
    """The mean colour of each quarter, away from its edges."""
    pixels = numpy.asarray(image, numpy.float64)
    if pixels.ndim == 2:
        pixels = pixels[:, :, None]
    height, width = pixels.shape[:2]
    means = []
    for index in range(4):
        top = 0 if index < 2 else height // 2
        left = 0 if index % 2 == 0 else width // 2
        part = pixels[
            top + height // 8 : top + height // 2 - height // 8,
            left + width // 8 : left + width // 2 - width // 8,
        ]
        means.append(part.reshape(-1, part.shape[-1]).mean(0))
    return means


def assert_quarters(image: Image.Image, colours=QUARTERS, tolerance: float = 12):
    for place, mean, colour in zip(
        ("top left", "top right", "bottom left", "bottom right"), quarter_means(image), colours
    ):
        wanted = numpy.atleast_1d(colour)
        assert mean.shape == wanted.shape, f"{place}: {len(mean)} channels, expected {len(wanted)}"
        assert (
            numpy.abs(mean - wanted).max() <= tolerance
        ), f"{place}: mean {mean}, expected {wanted}"


def photograph(name: str = "astronaut.png", size: int = 256) -> Image.Image:
    """The middle of a photograph that scikit-image ships, `size` pixels square."""
    image = Image.open(Path(skimage.__file__).parent / "data" / name).convert("RGB")
    left, top = (image.width - size) // 2, (image.height - size) // 2
    return image.crop((left, top, left + size, top + size))


def psnr(first: Image.Image, second: Image.Image) -> float:
    difference = numpy.asarray(first, numpy.float64) - numpy.asarray(second, numpy.float64)
    return float(10 * numpy.log10(255**2 / numpy.mean(difference**2)))


# ---- PNG by hand: what Pillow does not write -----------------------------------------------------


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_header(width: int, height: int, depth: int = 8, colour: int = 2) -> bytes:
    return png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))


def png(header: bytes, rows: bytes, *extra: bytes) -> bytes:
    return b"".join(
        (
            PNG_SIGNATURE,
            header,
            *extra,
            png_chunk(b"IDAT", zlib.compress(rows)),
            png_chunk(b"IEND", b""),
        )
    )


def png16(image: Image.Image) -> bytes:
    """The picture in 16 bits a channel: grey, RGB or RGBA."""
    pixels = numpy.asarray(image)
    pixels = pixels[:, :, None] if pixels.ndim == 2 else pixels
    height, width, channels = pixels.shape
    wide = (pixels.astype(">u2") * 257).astype(">u2").tobytes()
    stride = width * channels * 2
    rows = b"".join(b"\0" + wide[row * stride : (row + 1) * stride] for row in range(height))
    return png(png_header(width, height, 16, {1: 0, 3: 2, 4: 6}[channels]), rows)


# ---- Bombs: small on the wire, huge when decoded -------------------------------------------------


def _padded(data: bytes, size: int = 10_000) -> bytes:
    return data + b"\0" * (size - len(data))


def bombs() -> dict[str, bytes]:
    """Pictures that claim about 2^31 pixels or more in some 10 KB, or hide a large text."""
    webp_sizes = (16383 - 1) | (16383 - 1) << 14  # the most that its 14 bits can say
    vp8l = b"\x2f" + struct.pack("<I", webp_sizes)
    webp_body = b"VP8L" + struct.pack("<I", 9_980) + _padded(vp8l, 9_980)
    canvas = struct.pack("<I", 65_535)[:3] + struct.pack("<I", 32_767)[:3]
    vp8x_body = b"VP8X" + struct.pack("<I", 10) + b"\0\0\0\0" + canvas + webp_body
    jpeg = bytearray(encode(Image.new("RGB", (64, 64), RED), "JPEG"))
    frame = jpeg.index(b"\xff\xc0")
    jpeg[frame + 5 : frame + 9] = struct.pack(">HH", 32_768, 65_500)
    zeros = _padded(zlib.compress(b"\0" * 4_000_000), 9_900)
    return {
        "png-2^31-pixels": PNG_SIGNATURE + png_header(65_536, 32_768) + png_chunk(b"IDAT", zeros),
        "png-2^62-pixels": PNG_SIGNATURE
        + png_header(0x7FFFFFFF, 0x7FFFFFFF, depth=16, colour=6)
        + png_chunk(b"IDAT", zeros),
        "png-honest-100-megapixels": png(png_header(10_000, 10_000, 8, 0), b"\0" * 10_001 * 10_000),
        "webp-268-megapixels": b"RIFF"
        + struct.pack("<I", len(webp_body) + 4)
        + b"WEBP"
        + webp_body,
        "webp-2^31-pixels": b"RIFF" + struct.pack("<I", len(vp8x_body) + 4) + b"WEBP" + vp8x_body,
        "jpeg-2^31-pixels": _padded(bytes(jpeg)),
    }


def png_with_huge_text(size: int) -> bytes:
    """One pixel, and a compressed text of `size` bytes that nobody needs to inflate."""
    return png(
        png_header(1, 1),
        b"\0" + bytes(RED),
        png_chunk(b"zTXt", b"k\0\0" + zlib.compress(b"A" * size)),
    )
