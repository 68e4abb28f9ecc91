# SPDX-License-Identifier: Apache-2.0
"""Pictures in and out: sizes, colours, orientations and formats, through real weights.

The pictures go to a daemon as any client would send them; Pillow judges what comes back.
"""

import numpy
import pytest
from PIL import Image

import pictures
from harness import weights_path
from pictures import assert_quarters, decode, encode, oriented, quarters

MODELS = {
    "photo-enhance-fast": {
        "plugin": "enhance",
        "weights": str(weights_path("realesr-animevideov3-x4")),
    },
}


async def enhance(client, body: bytes, **options):
    reply = (await client.run("photo-enhance-fast", body, **options)).ok()
    return decode(reply.data)


async def enhance_params(client, body: bytes, **params):
    return (await client.run("photo-enhance-fast", body, params=params)).ok()


@pytest.mark.parametrize("scale", [1, 2, 3, 4])
async def test_size_and_colours(client, scale):
    picture = decode((await enhance_params(client, encode(quarters(50, 34)), scale=scale)).data)
    assert picture.size == (50 * scale, 34 * scale)
    assert picture.mode == "RGB"
    assert_quarters(picture)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (2, 3), (7, 5)])
async def test_tiny_pictures(client, size):
    picture = await enhance(client, encode(Image.new("RGB", size, pictures.GREEN)))
    assert picture.size == (size[0] * 4, size[1] * 4)
    # So near its borders the network sees more padding than picture.
    assert numpy.abs(numpy.asarray(picture, int).mean((0, 1)) - pictures.GREEN).max() <= 40


@pytest.mark.parametrize("orientation", range(1, 9))
async def test_jpeg_orientation(client, orientation):
    picture = await enhance(client, oriented(orientation, quality=95))
    assert picture.size == (192, 128)
    assert_quarters(picture)
    assert (
        picture.getexif().get(pictures.ORIENTATION_TAG, 1) == 1
    ), "turned, and still marked as turned"


@pytest.mark.parametrize("format", ["PNG", "WEBP"])
@pytest.mark.parametrize("orientation", [3, 5, 6, 8])
async def test_orientation_in_other_formats(client, format, orientation):
    picture = await enhance(client, oriented(orientation, format))
    assert picture.size == (192, 128)
    assert_quarters(picture)


GREYS = tuple(
    (pictures.quarters(2, 2, (colour,) * 4).convert("L").getpixel((0, 0)),)
    for colour in pictures.QUARTERS
)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(encode(pictures.grey_quarters()), id="png"),
        pytest.param(encode(pictures.grey_quarters(), "JPEG", quality=95), id="jpeg"),
        pytest.param(pictures.png16(pictures.grey_quarters()), id="png16"),
    ],
)
async def test_grey_stays_grey(client, body):
    picture = await enhance(client, body)
    assert (picture.mode, picture.size) == ("L", (192, 128))
    assert_quarters(picture, GREYS)


async def test_one_bit_grey(client):
    stripes = Image.fromarray(
        numpy.repeat([[0, 255]], 32, 0).astype(numpy.uint8).repeat(24, 1)
    ).convert("1")
    picture = await enhance(client, encode(stripes))
    assert picture.mode == "L"
    assert_quarters(picture, ((0,), (255,), (0,), (255,)))


ALPHAS = (
    (*pictures.RED, 255),
    (*pictures.GREEN, 200),
    (*pictures.BLUE, 120),
    (*pictures.YELLOW, 60),
)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(encode(quarters(colours=ALPHAS)), id="png"),
        pytest.param(
            encode(quarters(colours=ALPHAS), "WEBP", lossless=True, exact=True), id="webp"
        ),
        pytest.param(pictures.png16(quarters(colours=ALPHAS)), id="png16"),
    ],
)
async def test_alpha_is_kept_and_straight(client, body):
    picture = await enhance(client, body)
    assert (picture.mode, picture.size) == ("RGBA", (192, 128))
    assert_quarters(picture, ALPHAS)


async def test_grey_with_alpha(client):
    picture = await enhance(client, encode(quarters(colours=ALPHAS).convert("LA")))
    assert (picture.mode, picture.size) == ("LA", (192, 128))
    assert_quarters(picture, tuple((grey[0], colour[3]) for grey, colour in zip(GREYS, ALPHAS)))


async def test_palette(client):
    palette = quarters().convert("P", palette=Image.Palette.ADAPTIVE, colors=8)
    assert palette.mode == "P"
    picture = await enhance(client, encode(palette))
    assert picture.mode == "RGB"
    assert_quarters(picture)


async def test_palette_with_a_transparent_colour(client):
    palette = quarters().convert("P", palette=Image.Palette.ADAPTIVE, colors=8)
    body = encode(palette, transparency=palette.getpixel((47, 31)))
    picture = await enhance(client, body)
    assert picture.mode == "RGBA"
    alphas = [mean[3] for mean in pictures.quarter_means(picture)]
    assert numpy.abs(numpy.subtract(alphas, [255, 255, 255, 0])).max() <= 6, alphas


async def test_sixteen_bits(client):
    picture = await enhance(client, pictures.png16(quarters()))
    assert (picture.mode, picture.size) == ("RGB", (192, 128))
    assert_quarters(picture)


async def test_cmyk_jpeg(client):
    """Inverted CMYK with Adobe's marker. Inks to light without a profile is a rough matter."""
    body = encode(quarters().convert("CMYK"), "JPEG", quality=95)
    assert decode(body).mode == "CMYK" and b"Adobe" in body
    picture = await enhance(client, body)
    assert picture.mode == "RGB"
    assert_quarters(picture, tolerance=16)


async def test_progressive_jpeg(client):
    picture = await enhance(
        client, encode(quarters(), "JPEG", quality=95, progressive=True, optimize=True)
    )
    assert_quarters(picture)


@pytest.mark.parametrize("format", ["JPEG", "WEBP"])
async def test_lossy_input_formats(client, format):
    picture = await enhance(client, encode(quarters(), format, quality=95))
    assert picture.size == (192, 128)
    assert_quarters(picture)


@pytest.mark.parametrize(
    "accept, expected",
    [
        ("image/png", "PNG"),
        ("image/jpeg", "JPEG"),
        ("image/webp", "WEBP"),
        ("image/*", "PNG"),
        ("*/*", "PNG"),
        ("image/webp;q=0.9, image/png;q=0.5", "WEBP"),
        ("application/pdf, image/jpeg;q=0.1", "JPEG"),
        ("image/png;q=0, image/jpeg", "JPEG"),
    ],
)
async def test_accept_picks_the_format(client, accept, expected):
    reply = (await client.run("photo-enhance-fast", encode(quarters()), Accept=accept)).ok()
    picture = decode(reply.data)
    assert (picture.format, reply.kind) == (expected, f"image/{expected.lower()}")
    assert_quarters(picture)


@pytest.mark.parametrize("format", ["png", "jpeg", "webp"])
async def test_output_format_by_param(client, format):
    reply = await enhance_params(client, encode(quarters()), output_format=format)
    assert decode(reply.data).format.lower() == format
    assert reply.kind == f"image/{format}"


@pytest.mark.parametrize("format", ["jpeg", "webp"])
async def test_quality_changes_the_size(client, format):
    body = encode(pictures.photograph(size=64))
    sizes = [
        len((await enhance_params(client, body, output_format=format, output_quality=quality)).data)
        for quality in (10, 60, 95)
    ]
    assert sizes[0] < sizes[1] < sizes[2], sizes


async def test_webp_at_100_is_lossless(client):
    body = encode(pictures.photograph(size=48))
    as_png = decode((await enhance_params(client, body, output_format="png")).data)
    as_webp = decode(
        (await enhance_params(client, body, output_format="webp", output_quality=100)).data
    )
    assert numpy.array_equal(numpy.asarray(as_png), numpy.asarray(as_webp))


async def test_jpeg_has_no_alpha_to_keep(client):
    reply = await enhance_params(client, encode(quarters(colours=ALPHAS)), output_format="jpeg")
    picture = decode(reply.data)
    assert (picture.mode, picture.size) == ("RGB", (192, 128))


@pytest.mark.parametrize("name", ["astronaut.png", "chelsea.png"])
async def test_a_photograph_gains_its_detail_back(client, name):
    """Reduced to a quarter and enhanced, it is near the original, and nothing has moved."""
    truth = pictures.photograph(name)
    small = truth.resize((64, 64), Image.Resampling.BICUBIC)
    result = await enhance(client, encode(small))
    bicubic = small.resize((256, 256), Image.Resampling.BICUBIC)
    ours, plain = pictures.psnr(result, truth), pictures.psnr(bicubic, truth)
    print(f"{name}: {ours:.2f} dB, bicubic {plain:.2f} dB")
    assert ours > 20
    for shift in ((4, 0), (0, 4)):
        assert ours > pictures.psnr(
            result.transform(result.size, Image.Transform.AFFINE, (1, 0, shift[0], 0, 1, shift[1])),
            truth,
        )
