"""A whole figure of a labelled matrix: cells, key and, on top, the tree of the columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from scipy.cluster.hierarchy import leaves_list

from behaviordist.drawing.cells import SMALLEST_LABEL, Cells, Handle, colours_of, draw_cells
from behaviordist.drawing.notebook_figure import NotebookFigure
from behaviordist.drawing.panels import PALETTE
from behaviordist.drawing.style import SOFT, abbreviate, figure_style, text_width

# Inches: a cell is as large as its number needs where there are few, and never too small to see,
# until the figure has its largest side: then cells shrink, and names are thinned.
LARGEST_CELL, SMALLEST_CELL, WHOLE_SIDE, LARGEST_SIDE = 0.52, 0.11, 7.0, 14.0
# A matrix of two or three would be lost beside its own names: its cells grow to this side in all.
FEW_SIDE, FEW_CELL = 2.6, 0.85
SIDE_COLUMN, TREE_HEIGHT, TITLE_HEIGHT, AIR, LABEL_CHARACTERS = 2.0, 0.7, 0.35, 0.4, 26
ROW_CHARACTERS, MOST_LONG_ROWS = 44, 12
Groupings = Mapping[str, Mapping[str, str]]
# The band of group colours, in inches, and how many groups the key names.
STRIP, MOST_GROUPS = 0.16, 12


@figure_style()
def draw_matrix(
    cells: Cells,
    tree: npt.NDArray[np.float64] | None = None,
    title: str = "",
    groups: Groupings | None = None,
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
    groups
        Grouping -> label -> its group: a band of colours each, along both axes.
    """
    place = _Layout(cells.frame, tree is not None, bool(title), STRIP * len(groups or ()))
    axes = place.axes(place.left, place.bottom, *place.inside)
    handles = draw_cells(axes, cells, place.cell, (place.row_labels, place.column_labels))
    axes.tick_params(labelsize=place.fontsize)
    if groups:
        handles += _draw_groups(place, axes, cells.frame, groups)
    _draw_key(place, axes, cells.scale, handles)
    if tree is not None:
        _draw_tree(place, tree)
    if title:
        place.figure.text(0.15 / place.size[0], 1 - 0.22 / place.size[1], title, fontsize=10)
    return place.figure


class _Layout:
    """Places the parts in inches, so that cells are square and the tree stands on its columns."""

    def __init__(
        self, frame: pd.DataFrame, with_tree: bool, with_title: bool, strip: float = 0.0
    ) -> None:
        rows, columns = frame.shape
        most = max(rows, columns)
        largest = max(LARGEST_CELL, min(FEW_CELL, FEW_SIDE / most))
        self.cell = float(np.clip(WHOLE_SIDE / most, SMALLEST_CELL, largest))
        self.cell = min(self.cell, LARGEST_SIDE / most)
        self.fontsize = min(8.0, max(self.cell, SMALLEST_LABEL) * 72 * 0.78)
        # A page and a slide are wide: names of few rows stand whole, columns end below their cells.
        whole = ROW_CHARACTERS if rows <= MOST_LONG_ROWS else LABEL_CHARACTERS
        self.row_labels = abbreviate([str(x) for x in frame.index], whole)
        self.column_labels = abbreviate([str(x) for x in frame.columns], LABEL_CHARACTERS)
        self.left = AIR + strip + max(text_width(x, self.fontsize) for x in self.row_labels)
        below = AIR + strip + max(text_width(x, self.fontsize) for x in self.column_labels)
        above = 0.12 + TREE_HEIGHT * with_tree + TITLE_HEIGHT * with_title
        self.inside = (columns * self.cell, rows * self.cell)
        # The key needs its height even beside a small matrix.
        height = max(below + self.inside[1], 2.9) + above
        self.bottom = height - above - self.inside[1]
        self.size = (self.left + self.inside[0] + SIDE_COLUMN, height)
        self.figure = NotebookFigure(figsize=self.size)

    def axes(self, left: float, bottom: float, width: float, height: float) -> Axes:
        """Return new axes at a place given in inches."""
        across, up = self.size
        return self.figure.add_axes((left / across, bottom / up, width / across, height / up))


def _draw_key(place: _Layout, axes: Axes, scale: str, handles: list[Handle]) -> None:
    """Put the colour bar and, below it, the meaning of the marks to the right of the cells."""
    left = place.left + place.inside[0] + 0.25
    top = place.bottom + place.inside[1]
    height = 1.5
    bar = place.figure.colorbar(colours_of(axes), cax=place.axes(left, top - height, 0.14, height))
    bar.outline.set_visible(False)
    bar.set_label(scale)
    anchor = ((left - 0.05) / place.size[0], (top - height - 0.15) / place.size[1])
    if handles:
        place.figure.legend(
            handles=handles, loc="upper left", bbox_to_anchor=anchor, borderaxespad=0, borderpad=0
        )


def _draw_groups(
    place: _Layout, axes: Axes, frame: pd.DataFrame, groups: Groupings
) -> list[Handle]:
    """Colour each row's and column's groups between names and cells; return their legend.

    Colours run on from one grouping to the next, in the order of the labels and not of the cells,
    as they do on the page: one colour has one meaning in both.
    """
    handles: list[Handle] = []
    wide, thick = STRIP / place.cell, STRIP * 0.6 / place.cell
    look: dict[str, Any] = {"clip_on": False, "linewidth": 0}
    first = 0
    for band, (heading, of) in enumerate(groups.items()):
        kinds = list(dict.fromkeys(of.values()))
        colours = {kind: PALETTE[(first + k) % len(PALETTE)] for k, kind in enumerate(kinds)}
        first += len(kinds)
        across, down = -thick * 1.4 - band * wide, len(frame) + thick * 0.4 + band * wide
        for k, name in enumerate(frame.index):
            colour = colours[of.get(str(name), "")]
            axes.add_patch(Rectangle((across, k), thick, 1, facecolor=colour, **look))
        for k, name in enumerate(frame.columns):
            colour = colours[of.get(str(name), "")]
            axes.add_patch(Rectangle((k, down), 1, thick, facecolor=colour, **look))
        shown = abbreviate([kind or "(none)" for kind in kinds[:MOST_GROUPS]], 22)
        if len(groups) > 1:
            handles.append(Patch(alpha=0, label=f"{abbreviate([heading], 24)[0]}:"))
        handles += [
            Patch(facecolor=colours[kind], label=x) for kind, x in zip(kinds, shown, strict=False)
        ]
    axes.tick_params(pad=3.5 + STRIP * 72 * (len(groups) - 0.2))
    return handles


def _draw_tree(place: _Layout, tree: npt.NDArray[np.float64]) -> None:
    bottom = place.bottom + place.inside[1] + 0.04
    axes = place.axes(place.left, bottom, place.inside[0], TREE_HEIGHT)
    axes.add_collection(LineCollection(_branches(tree), colors=SOFT, linewidths=0.8))
    axes.set_xlim(0, len(tree) + 1)
    axes.set_ylim(0, float(tree[:, 2].max()) * 1.05 or 1.0)
    axes.set_axis_off()


def _branches(tree: npt.NDArray[np.float64]) -> list[npt.NDArray[np.float64]]:
    """Return the bracket of every join, (4, 2); leaves stand half a cell in, in the tree's order.

    SciPy's `dendrogram` calls itself once a level, and a chain of 1,000 has as many.
    """
    n = len(tree) + 1
    across, up = np.empty(2 * n - 1), np.zeros(2 * n - 1)
    across[leaves_list(tree)] = np.arange(n) + 0.5
    brackets = []
    for k, (left, right, height, _) in enumerate(tree):
        ends = [int(left), int(right)]
        across[n + k], up[n + k] = across[ends].mean(), height
        x, y = across[ends], up[ends]
        brackets.append(np.array([(x[0], y[0]), (x[0], height), (x[1], height), (x[1], y[1])]))
    return brackets
