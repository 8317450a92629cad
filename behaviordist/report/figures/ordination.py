"""Behaviors as points: principal coordinates of their distances."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from skbio import DistanceMatrix
from skbio.stats.ordination import pcoa

from behaviordist.report.figures.style import (
    INK,
    LINE,
    ROLE_MARKERS,
    TASK_MARKERS,
    abbreviate,
    algorithm_colors,
    color_of,
    figure_style,
    legend_handles,
    mark,
)
from behaviordist.report.kinds import Kind, Kinds, kind_of

# Beyond this many points their names cover one another.
LABELLED_POINTS = 24


@dataclass(frozen=True)
class Ordination:
    """Principal coordinates.

    Parameters
    ----------
    coordinates
        Labels x two axes, in units of distance.
    shares
        Share of the total squared distance (trace of the centred Gram matrix, negative
        eigenvalues included) that each axis carries.
    left_out
        Labels without complete distances.
    """

    coordinates: pd.DataFrame
    shares: tuple[float, float]
    left_out: tuple[str, ...]


def ordinate(distances: pd.DataFrame) -> Ordination | None:
    """Return the first two principal coordinates (Gower 1966); None with fewer than three points."""
    complete = _complete(distances)
    left_out = tuple(str(x) for x in distances.index if x not in complete.index)
    if len(complete) < 3 or not np.any(complete.to_numpy() > 0):
        return None
    labels = [str(x) for x in complete.index]
    symmetric = ((complete + complete.T) / 2).to_numpy(dtype=float)
    # With a bound on the dimensions the shares are of the trace, negative eigenvalues included.
    found = pcoa(DistanceMatrix(symmetric, labels), dimensions=2, warn_neg_eigval=False)
    points = found.samples.to_numpy(dtype=float)[:, :2]
    # An eigenvector's sign is arbitrary: fix it, so that the same distances give the same map.
    largest = points[np.abs(points).argmax(axis=0), [0, 1]]
    points = points * np.where(largest < 0, -1.0, 1.0)
    shares = tuple(float(x) for x in found.proportion_explained[:2])
    return Ordination(pd.DataFrame(points, index=labels), (shares[0], shares[1]), left_out)


@figure_style()
def draw_ordination(ordination: Ordination, kinds: Kinds) -> Figure:
    """Draw the map: colour = algorithm, marker = task, references with marks of their own."""
    labels = [str(x) for x in ordination.coordinates.index]
    look = [kind_of(label, kinds) for label in labels]
    colors = algorithm_colors(look)
    shapes = _shapes(look)
    figure = Figure(figsize=(7.6, 5.2), layout="constrained")
    axes = figure.subplots()
    points = ordination.coordinates.to_numpy()
    for kind, (x, y) in zip(look, points, strict=True):
        marker = ROLE_MARKERS.get(kind.role, "X") if kind.is_reference else shapes[kind.task]
        size = 110 if kind.is_reference else 52
        axes.scatter(
            x, y, s=size, marker=marker, color=color_of(kind, colors), edgecolors="white",
            linewidths=0.6, zorder=3, alpha=0.9,
        )  # fmt: skip
    if len(labels) <= LABELLED_POINTS:
        _label_points(axes, abbreviate(labels, 22), points)
    axes.axhline(0, color=LINE, linewidth=0.8, zorder=0)
    axes.axvline(0, color=LINE, linewidth=0.8, zorder=0)
    axes.margins(0.12)
    # One unit of distance is as long upward as it is across, or the map lies.
    axes.set_aspect("equal", adjustable="datalim")
    names = [
        f"axis {i + 1} ({share:.0%} of squared distance)"
        for i, share in enumerate(ordination.shares)
    ]
    axes.set(xlabel=names[0], ylabel=names[1])
    tasks = [mark(task, INK, shape, hollow=True) for task, shape in shapes.items() if task]
    handles = legend_handles(look, colors) + (tasks if len(shapes) > 1 else [])
    if handles:
        figure.legend(
            handles=handles, loc="outside right upper", ncols=1 if len(handles) <= 24 else 2
        )
    return figure


def _complete(distances: pd.DataFrame) -> pd.DataFrame:
    """Drop the label with most missing cells until none is missing."""
    frame = distances.copy()
    missing = frame.isna() | frame.T.isna()
    while missing.to_numpy().any():
        worst = missing.sum().idxmax()
        frame = frame.drop(index=worst, columns=worst)
        missing = missing.drop(index=worst, columns=worst)
    return frame


def _shapes(kinds: list[Kind]) -> dict[str, str]:
    tasks = list(dict.fromkeys(kind.task for kind in kinds if not kind.is_reference))
    return {task: TASK_MARKERS[i % len(TASK_MARKERS)] for i, task in enumerate(tasks)}


def _label_points(axes: Axes, labels: list[str], points: np.ndarray) -> None:
    """Write each name beside its point, below it where a neighbour's name is already there."""
    span = float(np.ptp(points, axis=0).max()) or 1.0
    placed: list[tuple[float, float]] = []
    for label, (x, y) in sorted(zip(labels, points, strict=True), key=lambda item: -item[1][1]):
        offset = 0.0
        while any(
            abs(x - px) < 0.22 * span and abs(y + offset - py) < 0.035 * span for px, py in placed
        ):
            offset -= 0.035 * span
        placed.append((x, y + offset))
        axes.annotate(
            label, (x, y), xytext=(x + 0.018 * span, y + offset), fontsize=7.5, color=INK,
            va="center", zorder=4,
        )  # fmt: skip
