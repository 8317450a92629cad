"""A labelled matrix as a heatmap, clustered or in a given order, with its special cells marked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from scipy.cluster.hierarchy import dendrogram, linkage
from scipy.spatial.distance import squareform

from behaviordist.report.figures.style import INK, MISSING_FILL, SOFT, abbreviate, figure_style

# Inches: a cell is as large as its number needs where there are few, and never too small to see.
LARGEST_CELL, SMALLEST_CELL, TARGET_SIDE = 0.52, 0.11, 7.0
NUMBERS_FIT = 0.34
SIDE_COLUMN, TREE_HEIGHT, LABEL_CHARACTERS = 1.95, 0.7, 26
# Optimal leaf order costs N^3; beyond this many behaviors no eye sees the gain.
OPTIMAL_ORDER_LIMIT = 200


@dataclass(frozen=True)
class CellMark:
    """Cells that need a sign: `mask` as the matrix, `style` is ``ring`` or ``hatch``."""

    mask: np.ndarray
    style: str
    label: str


@figure_style()
def draw_distance_heatmap(distances: pd.DataFrame, same: pd.DataFrame | None = None) -> Figure:
    """Draw distances, rows and columns clustered (average linkage), light = near.

    Parameters
    ----------
    distances
        Square, labelled; NaN is drawn as missing.
    same
        Nonzero where two behaviors cannot be told apart; marked by a ring.
    """
    tree = cluster(distances)
    order = cluster_order(distances)
    ordered = distances.loc[order, order]
    marks = []
    if same is not None:
        flags = same.loc[ordered.index, ordered.columns].to_numpy() > 0
        np.fill_diagonal(flags, False)
        marks = [CellMark(flags, "ring", "indistinguishable\nfrom noise")]
    layout = _Layout(ordered, tree is not None)
    axes = _draw_matrix(layout, ordered, marks, "mako_r", "distance (light = near)", 2)
    axes.set(xlabel="", ylabel="")
    if tree is not None:
        _draw_tree(layout, tree)
    return layout.figure


@figure_style()
def draw_cost_heatmap(
    costs: pd.DataFrame, censored: pd.DataFrame, left_out: Sequence[str], unit: str = "steps"
) -> Figure:
    """Draw costs in the given order, rows = source, columns = target, light = cheap.

    Parameters
    ----------
    costs
        Labelled; NaN is drawn as missing.
    censored
        Share of runs censored, same labels: a ring where some were, hatching where all were.
    left_out
        Targets that the statistic leaves out; their labels are set in brackets.
    """
    shares = censored.reindex(index=costs.index, columns=costs.columns).to_numpy(dtype=float)
    marks = [
        CellMark((shares > 0) & (shares < 1), "ring", "some runs censored"),
        CellMark(shares >= 1, "hatch", "every run censored\n(cost is at least this)"),
    ]
    layout = _Layout(costs, with_tree=False)
    axes = _draw_matrix(layout, costs, marks, "rocket_r", f"mean {unit} (light = cheap)", 0)
    axes.set(xlabel="target", ylabel="source")
    for tick, target in zip(axes.get_xticklabels(), costs.columns, strict=True):
        if target in left_out:
            tick.set_color("#a63c06")
    return layout.figure


def cluster_order(distances: pd.DataFrame) -> list[str]:
    """Return the labels in the order in which `draw_distance_heatmap` shows them."""
    tree = cluster(distances)
    leaves = range(len(distances)) if tree is None else dendrogram(tree, no_plot=True)["leaves"]
    return [str(distances.index[i]) for i in leaves]


def cluster(distances: pd.DataFrame) -> np.ndarray | None:
    """Return the average linkage of a distance table; None with fewer than two labels."""
    if len(distances) < 2:
        return None
    values = distances.to_numpy(dtype=float).copy()
    # A missing distance must not pull two behaviors together: it counts as the largest seen.
    finite = values[np.isfinite(values)]
    values[~np.isfinite(values)] = finite.max() if finite.size else 0.0
    np.fill_diagonal(values, 0.0)
    condensed = squareform((values + values.T) / 2, checks=False)
    return np.asarray(
        linkage(condensed, "average", optimal_ordering=len(values) <= OPTIMAL_ORDER_LIMIT)
    )


class _Layout:
    """Places the parts in inches, so that cells are square and the tree stands on its columns."""

    def __init__(self, frame: pd.DataFrame, with_tree: bool) -> None:
        rows, columns = frame.shape
        self.cell = float(np.clip(TARGET_SIDE / max(rows, columns), SMALLEST_CELL, LARGEST_CELL))
        self.fontsize = min(8.0, self.cell * 72 * 0.78)
        self.row_labels = abbreviate([str(x) for x in frame.index], LABEL_CHARACTERS)
        self.column_labels = abbreviate([str(x) for x in frame.columns], LABEL_CHARACTERS)
        # Widest glyphs are about 0.62 em; the rest is the axis title and air.
        em = self.fontsize / 72
        self.left = 0.45 + 0.62 * em * max(map(len, self.row_labels))
        bottom = 0.45 + 0.62 * em * max(map(len, self.column_labels))
        tree = TREE_HEIGHT if with_tree else 0.0
        self.inside = (columns * self.cell, rows * self.cell)
        height = max(bottom + self.inside[1] + tree + 0.15, 3.2)
        self.bottom = height - 0.15 - tree - self.inside[1]
        self.size = (self.left + self.inside[0] + SIDE_COLUMN, height)
        self.figure = Figure(figsize=self.size)

    def axes(self, left: float, bottom: float, width: float, height: float) -> Axes:
        """Return new axes at a place given in inches."""
        across, up = self.size
        return self.figure.add_axes((left / across, bottom / up, width / across, height / up))


def _draw_matrix(
    layout: _Layout,
    frame: pd.DataFrame,
    marks: Sequence[CellMark],
    palette: str,
    label: str,
    digits: int,
) -> Axes:
    axes = layout.axes(layout.left, layout.bottom, *layout.inside)
    axes.set_facecolor(MISSING_FILL)
    numbered = layout.cell >= NUMBERS_FIT
    values = frame.to_numpy(dtype=float)
    sns.heatmap(
        frame,
        ax=axes,
        cmap=palette,
        vmin=0,
        vmax=float(np.nanmax(values)) if np.isfinite(values).any() else 1.0,
        annot=numbered,
        fmt=f".{digits}f",
        annot_kws={"fontsize": 7.5},
        cbar=False,
        linewidths=0.5 if layout.cell > 0.15 else 0,
        linecolor="white",
        xticklabels=layout.column_labels,
        yticklabels=layout.row_labels,
    )
    axes.tick_params(length=0, labelsize=layout.fontsize)
    axes.set_xticklabels(axes.get_xticklabels(), rotation=90)
    axes.set_yticklabels(axes.get_yticklabels(), rotation=0)
    handles = [_draw_mark(axes, mark, layout.cell, numbered) for mark in marks if mark.mask.any()]
    off_diagonal = frame.index.to_numpy()[:, None] != frame.columns.to_numpy()[None]
    if (np.isnan(values) & off_diagonal).any():
        handles.append(Patch(facecolor=MISSING_FILL, label="missing"))
    _draw_key(layout, axes, label, handles)
    return axes


def _draw_mark(axes: Axes, mark: CellMark, cell: float, numbered: bool) -> Line2D | Patch:
    rows, columns = np.nonzero(mark.mask)
    if mark.style == "hatch":
        for row, column in zip(rows, columns, strict=True):
            box = Rectangle((column, row), 1, 1, fill=False, hatch="////", edgecolor="#ffffff")
            axes.add_patch(box).set_linewidth(0)
        return Patch(facecolor=INK, edgecolor="white", hatch="////", label=mark.label)
    # Beside a number the ring moves into the cell's corner.
    across, down = (0.85, 0.16) if numbered else (0.5, 0.5)
    size = (cell * 72 * (0.13 if numbered else 0.5)) ** 2
    look = {"facecolors": "white", "edgecolors": INK, "linewidths": 0.8}
    axes.scatter(columns + across, rows + down, s=size, zorder=3, **look)
    return Line2D(
        [], [], linestyle="none", marker="o", color=INK, markerfacecolor="white", label=mark.label
    )


def _draw_key(layout: _Layout, axes: Axes, label: str, handles: list[Line2D | Patch]) -> None:
    """Put the colour bar and, below it, the meaning of the marks to the right of the cells."""
    left = layout.left + layout.inside[0] + 0.25
    top = layout.bottom + layout.inside[1]
    height = min(1.6, max(0.9, layout.inside[1] - 1.1))
    place = layout.axes(left, top - height, 0.14, height)
    mesh: ScalarMappable = axes.collections[0]
    bar = layout.figure.colorbar(mesh, cax=place)
    bar.outline.set_visible(False)
    bar.set_label(label)
    if handles:
        anchor = (left / layout.size[0], (top - height - 0.15) / layout.size[1])
        layout.figure.legend(
            handles=handles, loc="upper left", bbox_to_anchor=anchor, borderaxespad=0, borderpad=0
        )


def _draw_tree(layout: _Layout, tree: np.ndarray) -> None:
    top = layout.bottom + layout.inside[1] + 0.04
    axes = layout.axes(layout.left, top, layout.inside[0], TREE_HEIGHT)
    shape = dendrogram(tree, no_plot=True)
    for across, up in zip(shape["icoord"], shape["dcoord"], strict=True):
        # scipy puts leaf i at 10 i + 5; a column of the heatmap is one wide.
        axes.plot(np.array(across) / 10, up, color=SOFT, linewidth=0.8)
    axes.set_xlim(0, len(tree) + 1)
    axes.set_ylim(0, None)
    axes.set_axis_off()
