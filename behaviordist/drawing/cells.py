"""A labelled matrix as coloured cells, special cells marked: the one drawer of every heatmap."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from behaviordist.drawing.colours import colour_map
from behaviordist.drawing.style import DIAGONAL, INK, MISSING_FILL

# Inches: from which side on a cell holds a number, and the least that a name needs.
NUMBERS_FIT, SMALLEST_LABEL = 0.34, 0.1
# Cells beyond which they are drawn as one image: shapes of 1,000 x 1,000 took 23 GB.
MOST_SHAPES = 150**2
TINTS = {"ring": "#d08a2e", "dot": "#3f9b58", "hatch": "#9aa0a8", "same": DIAGONAL}

Handle = Line2D | Patch


@dataclass(frozen=True)
class CellMark:
    """Cells that need a sign of their own.

    Parameters
    ----------
    mask
        Boolean, shape of the matrix.
    style
        ``ring``, ``dot`` or ``hatch``; where the cells are an image, each a colour of its own.
    label
        What it means; shown beside the matrix.
    """

    mask: npt.NDArray[np.bool_]
    style: str
    label: str


@dataclass(frozen=True)
class Cells:
    """What to draw.

    Parameters
    ----------
    frame
        Labelled values, >= 0 unless `diverging`; NaN is missing, and a cell whose labels are equal
        is left blank.
    text
        What is written into each cell where it is large enough, shape of the matrix, or None.
    palette
        Of `drawing.colours`; empty is the default.
    scale
        What the colour means, unit included.
    marks
        Cells with a sign.
    diverging
        Values of both signs: the colours are even about zero.
    start
        The value of the lightest colour, if not diverging.
    most
        A value that the colours reach to, where it is larger than all; None: their own range.
    """

    frame: pd.DataFrame
    text: npt.NDArray[np.str_] | None
    palette: str
    scale: str
    marks: Sequence[CellMark] = ()
    diverging: bool = False
    start: float = 0.0
    most: float | None = None


def draw_cells(
    axes: Axes, cells: Cells, cell: float, labels: tuple[Sequence[str], Sequence[str]]
) -> list[Handle]:
    """Draw the cells alone into `axes`; return legend entries for the marks that occur.

    Parameters
    ----------
    axes
        Where to draw; the colours are its first collection.
    cells
        The matrix.
    cell
        Side of a cell in inches: decides whether numbers are written, and the size of marks.
    labels
        Names of rows and columns as shown.
    """
    values = cells.frame.to_numpy(dtype=float)
    numbered = cell >= NUMBERS_FIT and cells.text is not None
    same = cells.frame.index.to_numpy()[:, None] == cells.frame.columns.to_numpy()[None]
    shown = np.ma.masked_where(same | ~np.isfinite(values), values)
    axes.set_facecolor(MISSING_FILL)
    image = values.size > MOST_SHAPES
    colours = _colour(axes, cells, shown, image, cell)
    axes.set(xlim=(0, values.shape[1]), ylim=(values.shape[0], 0))
    _name(axes, labels, cell)
    if numbered:
        _write(axes, cells, shown, colours)
    _blank(axes, same, image)
    marks = [mark for mark in cells.marks if mark.mask.any()]
    handles = [
        _tint(axes, mark) if image else _draw_mark(axes, mark, cell, numbered) for mark in marks
    ]
    if (~np.isfinite(values) & ~same).any():
        handles.append(Patch(facecolor=MISSING_FILL, label="missing"))
    return handles


def colours_of(axes: Axes) -> Any:
    """Return what a colour bar of `draw_cells` is made from."""
    return axes.collections[0] if axes.collections else axes.images[0]


def _colour(axes: Axes, cells: Cells, shown: Any, image: bool, cell: float) -> Any:
    """Colour the cells: shapes where there are few, one image where they would fill the memory."""
    largest = float(np.abs(shown).max()) if shown.count() else 0.0
    low = -(largest or 1.0) if cells.diverging else min(cells.start, largest)
    most = max(largest, cells.most or 0.0) or 1.0
    look: dict[str, Any] = {"cmap": colour_map(cells.palette), "vmin": low, "vmax": most}
    if image:
        return _image(axes, shown, **look)
    line = 0.5 if cell > 0.15 else 0.0
    return axes.pcolormesh(shown, edgecolors="white" if line else "none", linewidth=line, **look)


def _name(axes: Axes, labels: tuple[Sequence[str], Sequence[str]], cell: float) -> None:
    """Write the names, every k-th where all have no room; then the axis says so."""
    step = max(1, math.ceil(SMALLEST_LABEL / cell))
    for axis, names in ((axes.yaxis, labels[0]), (axes.xaxis, labels[1])):
        places = range(0, len(names), step)
        axis.set_ticks([k + 0.5 for k in places], [names[k] for k in places])
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    axes.tick_params(axis="x", labelrotation=90)
    # One name in k: the table beside the figure has all.
    note = f"one name in {step} of {len(labels[1])}" if step > 1 else ""
    axes.set(xlabel=note, ylabel="")


def _write(axes: Axes, cells: Cells, shown: Any, colours: Any) -> None:
    """Write each cell's text into it, light on dark."""
    texts = np.asarray(cells.text)
    for row, column in np.argwhere(~np.ma.getmaskarray(shown)):
        red, green, blue, _ = colours.cmap(colours.norm(shown[row, column]))
        ink = INK if 0.299 * red + 0.587 * green + 0.114 * blue > 0.5 else "white"
        axes.text(
            column + 0.5, row + 0.5, texts[row, column],
            ha="center", va="center", color=ink, fontsize=7.5,
        )  # fmt: skip


def _blank(axes: Axes, same: npt.NDArray[np.bool_], image: bool) -> None:
    if image:
        _tint(axes, CellMark(same, "same", ""))
        return
    for row, column in np.argwhere(same):
        axes.add_patch(Rectangle((column, row), 1, 1, facecolor=DIAGONAL, edgecolor="white"))


def _tint(axes: Axes, mark: CellMark) -> Handle:
    """Fill the cells of a mark with its own colour: signs have no room in an image."""
    layer = np.zeros((*mark.mask.shape, 4), dtype=np.float32)
    layer[mark.mask] = to_rgba(TINTS[mark.style])
    _image(axes, layer)
    return Patch(facecolor=TINTS[mark.style], label=mark.label)


def _image(axes: Axes, values: Any, **look: Any) -> Any:
    rows, columns = values.shape[:2]
    place = (0.0, float(columns), float(rows), 0.0)
    return axes.imshow(values, extent=place, interpolation="none", aspect="auto", **look)


def _draw_mark(axes: Axes, mark: CellMark, cell: float, numbered: bool) -> Handle:
    rows, columns = np.nonzero(mark.mask)
    if mark.style == "hatch":
        lines: dict[str, Any] = {"edgecolor": "#ffffff", "linewidth": 0, "alpha": 0.6}
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
            axes.add_patch(Rectangle((column, row), 1, 1, fill=False, hatch="////", **lines))
        return Patch(facecolor=INK, edgecolor="white", hatch="////", label=mark.label)
    # Beside a number the ring moves into the cell's corner.
    across, down = (0.82, 0.19) if numbered else (0.5, 0.5)
    size = (cell * 72 * (0.16 if numbered else 0.5)) ** 2
    fill = INK if mark.style == "dot" else "white"
    look: dict[str, Any] = {"edgecolors": INK, "linewidths": 0.8, "zorder": 3}
    axes.scatter(columns + across, rows + down, s=size, facecolors=fill, **look)
    return Line2D(
        [], [], linestyle="none", marker="o", color=INK, markerfacecolor=fill, label=mark.label
    )
