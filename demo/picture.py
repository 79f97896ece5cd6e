"""The contact sheet: the issue on the left, its best samples on the right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

BACKGROUND, INK, FAINT = "#ffffff", "#1c2733", "#6b7885"
WIDTH, HEIGHT = 1120, 560
MARGIN = 32
GAP = 8
TOP = 104  # below the headings

ELEMENT_SIDE = 56
ELEMENTS_ACROSS, ELEMENTS_DOWN = 6, 6

SAMPLE_SIDE = 72
SAMPLES_ACROSS, SAMPLES_DOWN = 4, 4
SAMPLES_LEFT = 476
CELL_WIDTH, CELL_HEIGHT = 156, 108


@dataclass(frozen=True, slots=True)
class SamplePicture:
    """A sample to draw: its picture, prediction and score, and its nearest element."""

    picture: Path
    prediction: str
    score: float
    nearest: Path


def draw_contact_sheet(
    title: str, elements: Sequence[Path], samples: Sequence[SamplePicture], target: Path
) -> None:
    """Write the sheet as a PNG file: some elements, and the best samples with explanations."""
    sheet = Image.new("RGB", (WIDTH, HEIGHT), BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    shown = elements[: ELEMENTS_ACROSS * ELEMENTS_DOWN]
    best = samples[: SAMPLES_ACROSS * SAMPLES_DOWN]
    _draw_heading(draw, MARGIN, title, f"{len(shown)} of its {len(elements)} elements")
    _draw_heading(
        draw, SAMPLES_LEFT, "The best samples", "each with its score and the nearest element"
    )
    for index, path in enumerate(shown):
        down, across = divmod(index, ELEMENTS_ACROSS)
        step = ELEMENT_SIDE + GAP
        _paste(sheet, path, MARGIN + across * step, TOP + down * step, ELEMENT_SIDE)
    for index, sample in enumerate(best):
        down, across = divmod(index, SAMPLES_ACROSS)
        _draw_sample(
            sheet, draw, sample, SAMPLES_LEFT + across * CELL_WIDTH, TOP + down * CELL_HEIGHT
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    # A palette of few greys makes the file a third as big.
    sheet.quantize(64).save(target, optimize=True)


def _draw_heading(draw: ImageDraw.ImageDraw, left: int, title: str, subtitle: str) -> None:
    draw.text((left, 28), title, INK, ImageFont.load_default(24))
    draw.text((left, 64), subtitle, FAINT, ImageFont.load_default(16))


def _draw_sample(
    sheet: Image.Image, draw: ImageDraw.ImageDraw, sample: SamplePicture, left: int, top: int
) -> None:
    _paste(sheet, sample.picture, left, top, SAMPLE_SIDE)
    small = SAMPLE_SIDE // 2
    _paste(sheet, sample.nearest, left + SAMPLE_SIDE + GAP, top + small, small)
    font = ImageFont.load_default(15)
    draw.text((left + SAMPLE_SIDE + GAP, top), f"{sample.score:.2f}", INK, font)
    draw.text((left, top + SAMPLE_SIDE + 3), f"taken for {sample.prediction}", FAINT, font)


def _paste(sheet: Image.Image, path: Path, left: int, top: int, side: int) -> None:
    with Image.open(path) as picture:
        # Dark on light reads better on a white page than the scans, which are light on dark.
        inverted = picture.convert("L").point(lambda value: 255 - value)
        sheet.paste(inverted.resize((side, side), Image.Resampling.NEAREST), (left, top))
    ImageDraw.Draw(sheet).rectangle((left, top, left + side - 1, top + side - 1), outline="#c9d1d9")
