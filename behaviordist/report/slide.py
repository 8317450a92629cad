"""A page's first picture under its first sentence, on one wide image for a slide."""

from __future__ import annotations

import io
import textwrap
from typing import Any

import matplotlib.image as images
from matplotlib.figure import Figure

from behaviordist.drawing.style import INK, SOFT, figure_style
from behaviordist.report.page import Page

# Inches and dots an inch: 1920 x 1080 pixels.
SIZE, DPI = (40 / 3, 7.5), 144
MARGIN, HEAD, FOOT = 0.45, 1.35, 0.42
LINE_CHARACTERS, MOST_LINES = 92, 2


@figure_style()
def slide(page: Page) -> bytes:
    """Return a PNG of 1920 x 1080 pixels; without a picture, the sentence stands alone."""
    figure = Figure(figsize=SIZE, dpi=DPI, facecolor="white")
    width, height = SIZE
    lines = textwrap.wrap(page.summary.sentences[0], LINE_CHARACTERS)
    if len(lines) > MOST_LINES:
        lines = [*lines[: MOST_LINES - 1], lines[MOST_LINES - 1].rstrip(" ,;") + " …"]
    look: dict[str, Any] = {"ha": "left", "va": "top", "linespacing": 1.35}
    left = MARGIN / width
    figure.text(left, 1 - 0.33 / height, "\n".join(lines), fontsize=17, color=INK, **look)
    figure.text(left, 0.16 / height, f"{page.subtitle}  ·  {page.title}", fontsize=9.5, color=SOFT)
    pictures = page.figures
    if pictures:
        pixels = images.imread(io.BytesIO(pictures[0].png))
        room = (width - 2 * MARGIN, height - HEAD - FOOT)
        tall, wide = pixels.shape[:2]
        size = min(room[0] / wide, room[1] / tall)
        across, up = wide * size, tall * size
        box = ((width - across) / 2 / width, (FOOT + (room[1] - up) / 2) / height)
        axes = figure.add_axes((*box, across / width, up / height))
        axes.imshow(pixels, interpolation="lanczos")
        axes.set_axis_off()
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=DPI, metadata={"Software": None})
    return stream.getvalue()
