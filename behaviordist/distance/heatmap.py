"""The heatmap of a distance matrix."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from behaviordist.distance.analysis.clustering import leaf_order, linkage
from behaviordist.distance.states import SAME, UNDECIDED, PairStates
from behaviordist.drawing.cells import CellMark, Cells, colours_of, draw_cells
from behaviordist.drawing.matrix import draw_matrix
from behaviordist.drawing.style import abbreviate, figure_style
from behaviordist.errors import InputError
from behaviordist.store import write_bytes

# No cell of a larger matrix has room for a number.
NUMBERED = 60
UNITS = {"aitchison": " (nats)", "fisher": " (nats)"}


class Drawable(Protocol):
    """What a heatmap takes of a matrix (`DistanceMatrix` is one)."""

    @property
    def distances(self) -> npt.NDArray[np.float64]: ...
    @property
    def metadata(self) -> dict[str, Any]: ...

    def states(self) -> PairStates: ...
    def to_pandas(self) -> pd.DataFrame: ...


def draw_heatmap(
    matrix: Drawable,
    *,
    title: str | None = None,
    ax: Axes | None = None,
    palette: str = "",
    full_range: bool = False,
    groups: Mapping[str, Sequence[str]] | None = None,
) -> Figure:
    """Draw distances in clustered order, light = near; a ring marks undecided pairs, a dot same.

    Parameters
    ----------
    matrix
        N behaviors; cells carry numbers while they are large enough. NaN is drawn as missing.
    title
        Default: none.
    ax
        matplotlib axes to draw into, then without the tree; default a new figure, sized by N.
    palette
        Of `drawing.colours`: blue (default), red, viridis, cividis, grey.
    full_range
        Whether colours span 0 to the geometry's largest distance, where it has one; default the
        range of the values.
    groups
        Grouping -> a group for every label: a band of colours each, along both axes.

    Returns
    -------
    The figure. It is not registered with pyplot, so that nothing needs closing.
    """
    if ax is not None and not isinstance(ax, Axes):
        raise InputError(f"ax is matplotlib axes; to write a file say heatmap(path={str(ax)!r})")
    n = len(matrix.distances)
    tree = linkage(matrix.distances) if n > 2 else None
    order = leaf_order(matrix.distances, tree)
    frame, states = matrix.to_pandas().iloc[order, order], matrix.states()
    here = np.ix_(order, order)
    margin = "" if states.margin is None else f" within {states.margin:g}"
    marks = (
        CellMark(states.are(UNDECIDED)[here], "ring", "undecided"),
        CellMark(states.are(SAME)[here], "dot", f"the same{margin}"),
    )
    others = frame.to_numpy()[~np.eye(n, dtype=bool)]
    bound = matrix.metadata.get("bound") if full_range else None
    most = None if bound is None else float(bound) ** 0.5
    start = float(np.nanmin(others)) if np.isfinite(others).any() and not full_range else 0.0
    text = _numbers(frame) if n <= NUMBERED else None
    cells = Cells(frame, text, palette, _scale(matrix), marks, start=start, most=most)
    if ax is not None:
        return _into(ax, cells, title)
    labels = [str(label) for label in matrix.to_pandas().index]
    named = {kind: dict(zip(labels, of, strict=False)) for kind, of in (groups or {}).items()}
    return draw_matrix(cells, tree, title or "", named)


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
    figure.colorbar(colours_of(ax), ax=ax, label=cells.scale, shrink=0.8).outline.set_visible(False)
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


def _scale(matrix: Drawable) -> str:
    geometry = str(matrix.metadata.get("geometry", ""))
    return f"{geometry} distance{UNITS.get(geometry, '')}\n(light = near)".strip()
