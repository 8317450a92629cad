"""A labelled matrix as coloured cells, special cells marked: the one drawer of every heatmap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from scipy.cluster.hierarchy import dendrogram

from behaviordist.drawing.style import (
    INK,
    MISSING_FILL,
    SOFT,
    abbreviate,
    figure_style,
    text_width,
)

# Inches: a cell is as large as its number needs where there are few, and never too small to see.
LARGEST_CELL, SMALLEST_CELL, WHOLE_SIDE = 0.52, 0.11, 7.0
NUMBERS_FIT = 0.34
SIDE_COLUMN, TREE_HEIGHT, TITLE_HEIGHT, AIR, LABEL_CHARACTERS = 2.0, 0.7, 0.35, 0.4, 26

Handle = Line2D | Patch


@dataclass(frozen=True)
class CellMark:
    """Cells that need a sign of their own.

    Parameters
    ----------
    mask
        Boolean, shape of the matrix.
    style
        ``ring`` or ``hatch``.
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
        What is written into each cell where it is large enough, shape of the matrix.
    palette
        A seaborn palette, light for small values.
    scale
        What the colour means, unit included.
    marks
        Cells with a sign.
    diverging
        Values of both signs: the colours are even about zero.
    """

    frame: pd.DataFrame
    text: npt.NDArray[np.str_]
    palette: str
    scale: str
    marks: Sequence[CellMark] = ()
    diverging: bool = False


@figure_style()
def draw_matrix(
    cells: Cells, tree: npt.NDArray[np.float64] | None = None, title: str = ""
) -> Figure:
    """Return a figure of the matrix with its key and, on top, the tree of its columns.

    Parameters
    ----------
    cells
        The matrix, in the order to draw.
    tree
        SciPy linkage whose leaves, in its order, are the columns.
    title
        Above the figure; none where empty.
    """
    place = _Layout(cells.frame, tree is not None, bool(title))
    axes = place.axes(place.left, place.bottom, *place.inside)
    handles = draw_cells(axes, cells, place.cell, (place.row_labels, place.column_labels))
    axes.tick_params(labelsize=place.fontsize)
    _draw_key(place, axes, cells.scale, handles)
    if tree is not None:
        _draw_tree(place, tree)
    if title:
        place.figure.text(0.15 / place.size[0], 1 - 0.22 / place.size[1], title, fontsize=10)
    return place.figure


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
    numbered = cell >= NUMBERS_FIT
    largest = float(np.nanmax(np.abs(values))) if np.isfinite(values).any() else 0.0
    same = cells.frame.index.to_numpy()[:, None] == cells.frame.columns.to_numpy()[None]
    axes.set_facecolor(MISSING_FILL)
    sns.heatmap(
        cells.frame,
        ax=axes,
        mask=same | np.isnan(values),
        cmap=cells.palette,
        vmin=-(largest or 1.0) if cells.diverging else 0,
        vmax=largest or 1.0,
        annot=cells.text if numbered else False,
        fmt="",
        annot_kws={"fontsize": 7.5},
        cbar=False,
        linewidths=0.5 if cell > 0.15 else 0,
        xticklabels=labels[1],
        yticklabels=labels[0],
    )
    axes.set(xlabel="", ylabel="")
    axes.tick_params(length=0)
    axes.tick_params(axis="x", labelrotation=90)
    axes.tick_params(axis="y", labelrotation=0)
    for row, column in np.argwhere(same):
        axes.add_patch(Rectangle((column, row), 1, 1, facecolor="white", edgecolor="white"))
    handles = [_draw_mark(axes, mark, cell, numbered) for mark in cells.marks if mark.mask.any()]
    if (np.isnan(values) & ~same).any():
        handles.append(Patch(facecolor=MISSING_FILL, label="missing"))
    return handles


class _Layout:
    """Places the parts in inches, so that cells are square and the tree stands on its columns."""

    def __init__(self, frame: pd.DataFrame, with_tree: bool, with_title: bool) -> None:
        rows, columns = frame.shape
        self.cell = float(np.clip(WHOLE_SIDE / max(rows, columns), SMALLEST_CELL, LARGEST_CELL))
        self.fontsize = min(8.0, self.cell * 72 * 0.78)
        self.row_labels = abbreviate([str(x) for x in frame.index], LABEL_CHARACTERS)
        self.column_labels = abbreviate([str(x) for x in frame.columns], LABEL_CHARACTERS)
        self.left = AIR + max(text_width(x, self.fontsize) for x in self.row_labels)
        below = AIR + max(text_width(x, self.fontsize) for x in self.column_labels)
        above = 0.12 + TREE_HEIGHT * with_tree + TITLE_HEIGHT * with_title
        self.inside = (columns * self.cell, rows * self.cell)
        # The key needs its height even beside a small matrix.
        height = max(below + self.inside[1], 2.9) + above
        self.bottom = height - above - self.inside[1]
        self.size = (self.left + self.inside[0] + SIDE_COLUMN, height)
        self.figure = Figure(figsize=self.size)

    def axes(self, left: float, bottom: float, width: float, height: float) -> Axes:
        """Return new axes at a place given in inches."""
        across, up = self.size
        return self.figure.add_axes((left / across, bottom / up, width / across, height / up))


def _draw_mark(axes: Axes, mark: CellMark, cell: float, numbered: bool) -> Handle:
    rows, columns = np.nonzero(mark.mask)
    if mark.style == "hatch":
        lines: dict[str, Any] = {
            "hatch": "////",
            "edgecolor": "#ffffff",
            "linewidth": 0,
            "alpha": 0.6,
        }
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
            axes.add_patch(Rectangle((column, row), 1, 1, fill=False, **lines))
        return Patch(facecolor=INK, edgecolor="white", hatch="////", label=mark.label)
    # Beside a number the ring moves into the cell's corner.
    across, down = (0.82, 0.19) if numbered else (0.5, 0.5)
    size = (cell * 72 * (0.16 if numbered else 0.5)) ** 2
    look: dict[str, Any] = {
        "facecolors": "white",
        "edgecolors": INK,
        "linewidths": 0.8,
        "zorder": 3,
    }
    axes.scatter(columns + across, rows + down, s=size, **look)
    return Line2D(
        [], [], linestyle="none", marker="o", color=INK, markerfacecolor="white", label=mark.label
    )


def _draw_key(place: _Layout, axes: Axes, scale: str, handles: list[Handle]) -> None:
    """Put the colour bar and, below it, the meaning of the marks to the right of the cells."""
    left = place.left + place.inside[0] + 0.25
    top = place.bottom + place.inside[1]
    height = 1.5
    bar = place.figure.colorbar(
        axes.collections[0], cax=place.axes(left, top - height, 0.14, height)
    )
    bar.outline.set_visible(False)
    bar.set_label(scale)
    anchor = ((left - 0.05) / place.size[0], (top - height - 0.15) / place.size[1])
    if handles:
        place.figure.legend(
            handles=handles, loc="upper left", bbox_to_anchor=anchor, borderaxespad=0, borderpad=0
        )


def _draw_tree(place: _Layout, tree: npt.NDArray[np.float64]) -> None:
    bottom = place.bottom + place.inside[1] + 0.04
    axes = place.axes(place.left, bottom, place.inside[0], TREE_HEIGHT)
    shape = dendrogram(tree, no_plot=True)
    for across, up in zip(shape["icoord"], shape["dcoord"], strict=True):
        # SciPy puts leaf i at 10 i + 5; a column of the matrix is one wide.
        axes.plot(np.array(across) / 10, up, color=SOFT, linewidth=0.8)
    axes.set_xlim(0, len(tree) + 1)
    axes.set_ylim(0, None)
    axes.set_axis_off()
