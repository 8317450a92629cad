"""The heatmap of a distance matrix."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from behaviordist.distances.clustering import leaf_order
from behaviordist.distances.matrix import DistanceMatrix

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ANNOTATE_UP_TO = 16


def draw_heatmap(matrix: DistanceMatrix, *, title: str | None = None, ax: Any = None) -> Figure:
    """Draw distances in clustered order; a dot marks cells that cannot be told from the floor.

    Parameters
    ----------
    matrix
        N behaviors; up to 16 the cells carry numbers.
    title
        Default: geometry and number of behaviors.
    ax
        matplotlib axes to draw into; default a new figure, sized by N.

    Returns
    -------
    The figure. It is not registered with pyplot, so that nothing needs closing.
    """
    import seaborn
    from matplotlib.figure import Figure

    n = len(matrix)
    order = leaf_order(matrix)
    frame = matrix.to_pandas().iloc[order, order]
    if ax is None:
        side = 2.2 + 0.55 * n if n <= ANNOTATE_UP_TO else 3.5 + 0.2 * n
        ax = Figure(figsize=(side + 1.2, side), layout="constrained").subplots()
    figure: Figure = ax.figure
    diagonal = np.eye(n, dtype=bool)
    seaborn.heatmap(
        frame,
        ax=ax,
        mask=diagonal | frame.isna().to_numpy(),
        cmap="rocket_r",
        vmin=0,
        square=True,
        annot=n <= ANNOTATE_UP_TO,
        fmt=".2g",
        annot_kws={"size": 8},
        linewidths=0.5 if n <= ANNOTATE_UP_TO else 0,
        xticklabels=True,
        yticklabels=True,
        cbar_kws={"label": _unit(matrix), "shrink": 0.8},
    )
    ax.set_facecolor("0.92")
    _mark(ax, matrix.indistinguishable[np.ix_(order, order)] & ~diagonal, n)
    _labels(ax, n)
    ax.set_title(title or f"Distances between {n} behaviors", loc="left")
    return figure


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure atomically; the suffix chooses the format."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, suffix=path.suffix)
    os.close(handle)
    try:
        figure.savefig(name, dpi=150)
        os.chmod(name, 0o644)
        os.replace(name, path)
    finally:
        Path(name).unlink(missing_ok=True)


def _mark(ax: Any, marked: Any, n: int) -> None:
    rows, columns = np.nonzero(marked)
    if not len(rows):
        return
    # Beside the number where there is one, in the middle where there is none.
    shift = 0.22 if n <= ANNOTATE_UP_TO else 0.0
    ax.scatter(
        columns + 0.5,
        rows + 0.5 + shift + 0.06 * bool(shift),
        s=14 if n <= ANNOTATE_UP_TO else max(2.0, 200 / n),
        color="tab:blue",
        edgecolors="white",
        linewidths=0.4,
        zorder=3,
        label="not told from the noise floor (95%)",
    )
    ax.legend(
        loc="upper left",
        bbox_to_anchor=(0.0, 0.0),
        bbox_transform=ax.transAxes,
        frameon=False,
        fontsize=8,
    ).set_in_layout(True)


def _labels(ax: Any, n: int) -> None:
    size = 9 if n <= ANNOTATE_UP_TO else max(4.0, 9 - n / 20)
    ax.tick_params(axis="both", labelsize=size, length=0)
    ax.xaxis.tick_top()
    ax.set_xticklabels(
        ax.get_xticklabels(), rotation=45 if n <= 16 else 90, ha="left" if n <= 16 else "center"
    )
    ax.set_yticklabels(ax.get_yticklabels(), rotation=0)
    ax.set_xlabel("")
    ax.set_ylabel("")


def _unit(matrix: DistanceMatrix) -> str:
    geometry = matrix.metadata.get("geometry", "")
    unit = " (nats)" if geometry in ("aitchison", "fisher") else ""
    return f"{geometry} distance{unit}".strip()
