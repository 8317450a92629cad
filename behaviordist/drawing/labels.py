"""Names beside points, where there is room for them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from behaviordist.drawing.style import SOFT, text_width

# Inches between a point and its name, and half of a marker's width.
GAP, MARKER = 0.075, 0.055


def place_labels(
    axes: Axes,
    names: Sequence[str],
    points: npt.NDArray[np.float64],
    size: tuple[float, float],
    fontsize: float = 7.0,
) -> list[str]:
    """Write each name beside its point where it covers no point and no other name.

    Parameters
    ----------
    axes
        Axes whose limits are set.
    names
        As shown, the most important first: it gets its place first. A point with an empty name
        gets none, but is kept clear.
    points
        (n, 2) data coordinates, in the order of `names`.
    size
        Approximate width and height of the axes in inches.
    fontsize
        In points.

    Returns
    -------
    Names for which there was no room; they are not written.
    """
    low, high = np.transpose([axes.get_xlim(), axes.get_ylim()])
    inches = (points - low) / (high - low) * np.array(size)
    taken = [(x - MARKER, y - MARKER, x + MARKER, y + MARKER) for x, y in inches]
    crowded = []
    for i, name in enumerate(names):
        if not name:
            continue
        width, height = text_width(name, fontsize), fontsize / 72
        for dx, dy in _offsets(width, height):
            x, y = inches[i] + (dx, dy)
            box = (x, y, x + width, y + height)
            inside = x >= 0 and x + width <= size[0] and y >= 0 and y + height <= size[1]
            others = taken[:i] + taken[i + 1 :]
            if inside and not any(_overlap(box, other) for other in others):
                taken.append(box)
                axes.annotate(
                    name, points[i], xytext=(dx * 72, dy * 72), textcoords="offset points",
                    fontsize=fontsize, color=SOFT, va="bottom", zorder=4,
                )  # fmt: skip
                break
        else:
            crowded.append(name)
    return crowded


def _offsets(width: float, height: float) -> list[tuple[float, float]]:
    """Candidate places of a name's lower left corner, as seen from the point, best first."""
    middle, up, down = -height / 2, GAP, -GAP - height
    right, left, centre = GAP, -GAP - width, -width / 2
    return [
        (right, middle), (left, middle), (right, up / 2), (left, up / 2), (right, down + GAP / 2),
        (left, down + GAP / 2), (centre, up), (centre, down), (right, up + GAP), (left, up + GAP),
    ]  # fmt: skip


def _overlap(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
