"""The heatmap of a directed matrix: sources as rows, targets as columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from behaviordist.distance.states import APART
from behaviordist.drawing.cells import CellMark, Cells
from behaviordist.drawing.matrix import Groupings, draw_matrix


class Directed(Protocol):
    """What is drawn of a directed matrix (`DirectedMatrix` is one, and imports this file)."""

    @property
    def geometry(self) -> str: ...
    @property
    def metadata(self) -> Mapping[str, Any]: ...
    @property
    def diagonal(self) -> NDArray[np.bool_]: ...
    @property
    def cross_entropy(self) -> tuple[str, ...]: ...

    def states(self) -> NDArray[np.str_]: ...
    def to_pandas(self) -> pd.DataFrame: ...


def draw_directed(
    matrix: Directed,
    title: str = "",
    palette: str = "",
    full_range: bool = False,
    groups: Groupings | None = None,
) -> Figure:
    """Draw the values, light = little surprise (KL) or little in common (overlap).

    Rings mark the pairs that are not shown to be apart; infinite values are drawn as missing and
    written as such.

    Parameters
    ----------
    matrix
        S sources by T targets.
    title
        Default: none.
    palette
        Of `drawing.colours`; default blue (KL) or red (overlap).
    full_range
        Whether colours begin at 0 and, of an overlap, end at 1; default the values' own range.
    groups
        Grouping -> name -> its group: a band of colours each, along both axes.
    """
    frame = matrix.to_pandas()
    finite = frame.where(np.isfinite(frame))
    text = np.array([[_number(x) for x in row] for row in frame.to_numpy()])
    marks: tuple[CellMark, ...] = ()
    if matrix.geometry == "kl":
        open_ = (matrix.states() != APART) & ~matrix.diagonal
        open_[:, frame.columns.isin(matrix.cross_entropy)] = False  # these rank, and are not tested
        marks = (CellMark(open_, "ring", "not shown\nto be apart"),)
    others = finite.to_numpy(dtype=float)[~matrix.diagonal]
    start = 0.0 if full_range or not np.isfinite(others).any() else float(np.nanmin(others))
    most = largest(matrix) if full_range else None
    colours = palette or default_palette(matrix)
    cells = Cells(finite, text, colours, scale(matrix), marks, start=max(start, 0.0), most=most)
    figure = draw_matrix(cells, title=title, groups=groups)
    figure.axes[0].set(xlabel="target B", ylabel="source A")
    return figure


def default_palette(matrix: Directed) -> str:
    """Return the palette where none is asked for: surprise and sameness do not look alike."""
    return "" if matrix.geometry == "kl" else "red"


def largest(matrix: Directed) -> float | None:
    """Return the largest value that there can be; KL has none."""
    return 1.0 if matrix.geometry == "overlap" else None


def scale(matrix: Directed) -> str:
    """Return what the numbers mean, unit included."""
    if matrix.geometry == "overlap":
        return "overlap <f_A, f_B>\n(a probability)"
    known = str(matrix.metadata.get("quantity", "KL(f_B || f_A)"))
    return f"{known}\n(nats per {matrix.metadata.get('per', 'answer')})"


def _number(value: float) -> str:
    if np.isposinf(value):
        return "∞"
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.3g}"
