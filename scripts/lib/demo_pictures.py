# SPDX-License-Identifier: Apache-2.0
"""The demo's pictures: a photograph that scikit-image ships, and the sheet to compare by."""

import math
from pathlib import Path

import numpy
import skimage
from PIL import Image, ImageDraw, ImageFont

SCALE = 4
# A cup of coffee (Rachel Michetti, CC0), 600 x 400: the square around the cup.
PHOTOGRAPH = Path(skimage.__file__).parent / "data" / "coffee.png"
CROP = (104, 0, 504, 400)

MARGIN = 12
LABEL_HEIGHT = 56
FONT_SIZE = 18


def original() -> Image.Image:
    return Image.open(PHOTOGRAPH).convert("RGB").crop(CROP)


def reduced(picture: Image.Image) -> Image.Image:
    size = (picture.width // SCALE, picture.height // SCALE)
    return picture.resize(size, Image.Resampling.BICUBIC)


def psnr(picture: Image.Image, truth: Image.Image) -> float:
    """Peak signal-to-noise ratio in dB, over all three colours."""
    difference = numpy.asarray(picture, dtype=float) - numpy.asarray(truth, dtype=float)
    return 10 * math.log10(255**2 / numpy.mean(difference**2))


def sheet(panels: list[tuple[str, str, Image.Image]]) -> Image.Image:
    """The pictures in a row, all of one size; above each its name and a second line."""
    width, height = panels[0][2].size
    page = Image.new(
        "RGB",
        (MARGIN + len(panels) * (width + MARGIN), LABEL_HEIGHT + height + MARGIN),
        "white",
    )
    draw = ImageDraw.Draw(page)
    font = ImageFont.load_default(FONT_SIZE)
    for i, (name, detail, picture) in enumerate(panels):
        left = MARGIN + i * (width + MARGIN)
        draw.text((left, 6), name, "black", font)
        draw.text((left, 6 + FONT_SIZE + 5), detail, "dimgrey", font)
        page.paste(picture, (left, LABEL_HEIGHT))
    return page
