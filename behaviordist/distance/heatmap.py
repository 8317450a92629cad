"""The heatmap of a distance matrix."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from behaviordist.distance.analysis.clustering import leaf_order, linkage
from behaviordist.distance.matrix import DistanceMatrix
from behaviordist.distance.states import UNDECIDED
from behaviordist.drawing.cells import CellMark, Cells, draw_cells, draw_matrix
from behaviordist.drawing.style import abbreviate, figure_style
from behaviordist.store import write_bytes

UNITS = {"aitchison": " (nats)", "fisher": " (nats)"}


def draw_heatmap(
    matrix: DistanceMatrix,
    *,
    indistinguishable: npt.NDArray[np.bool_] | None = None,
    title: str | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draw distances in clustered order, light = near; a ring marks undecided pairs.

    Parameters
    ----------
    matrix
        N behaviors; cells carry numbers while they are large enough. NaN is drawn as missing.
    indistinguishable
        (N, N), the cells to mark; default those of the matrix.
    title
        Default: none.
    ax
        matplotlib axes to draw into, then without the tree; default a new figure, sized by N.

    Returns
    -------
    The figure. It is not registered with pyplot, so that nothing needs closing.
    """
    flags = matrix.states().are(UNDECIDED) if indistinguishable is None else indistinguishable
    order = leaf_order(matrix)
    marked = np.asarray(flags)[np.ix_(order, order)] & ~np.eye(len(matrix), dtype=bool)
    mark = CellMark(marked, "ring", "undecided")
    frame = matrix.to_pandas().iloc[order, order]
    cells = Cells(frame, _numbers(frame), "mako_r", _scale(matrix), (mark,))
    if ax is not None:
        return _into(ax, cells, title)
    tree = linkage(matrix) if len(matrix) > 2 else None
    return draw_matrix(cells, tree, title or "")


@figure_style()
def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure atomically; the suffix chooses the format."""
    stream = io.BytesIO()
    figure.savefig(stream, format=path.suffix.lstrip(".") or "png", dpi=150)
    write_bytes(path, stream.getvalue())


@figure_style()
def _into(ax: Axes, cells: Cells, title: str | None) -> Figure:
    figure: Any = ax.figure
    box = ax.get_window_extent().transformed(figure.dpi_scale_trans.inverted())
    side = min(box.width, box.height) / len(cells.frame)
    names = abbreviate([str(x) for x in cells.frame.index], 26)
    handles = draw_cells(ax, cells, side, (names, names))
    ax.set_aspect("equal")
    figure.colorbar(ax.collections[0], ax=ax, label=cells.scale, shrink=0.8).outline.set_visible(
        False
    )
    if handles:
        ax.legend(handles=handles, loc="lower left", bbox_to_anchor=(0.0, 1.0), borderaxespad=0.2)
    if title:
        ax.set_title(title)
    return ax.get_figure(root=True) or figure


def _numbers(frame: pd.DataFrame) -> npt.NDArray[np.str_]:
    """Return the cells' text: two decimals where distances are of the order of one, else digits."""
    values = frame.to_numpy(dtype=float)
    largest = float(np.nanmax(values)) if np.isfinite(values).any() else 1.0
    pattern = "{:.2f}" if 0.1 <= largest < 10 else "{:.2g}"
    return np.array([[pattern.format(x) for x in row] for row in values])


def _scale(matrix: DistanceMatrix) -> str:
    geometry = str(matrix.metadata.get("geometry", ""))
    return f"{geometry} distance{UNITS.get(geometry, '')}\n(light = near)".strip()
