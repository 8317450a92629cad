"""Behaviors as points: principal coordinates of their distances."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from behaviordist.distance.analysis.ordination import Ordination
from behaviordist.drawing.labels import place_labels
from behaviordist.drawing.panels import LINE, mark
from behaviordist.drawing.style import INK, abbreviate, figure_style
from behaviordist.record import Behavior
from behaviordist.report.figures.style import (
    ROLE_MARKERS,
    TASK_MARKERS,
    Behaviors,
    algorithm_colors,
    behavior_of,
    color_of,
    legend_handles,
)

# Inches: width of the map, bounds of its height, and the column of the legend.
MAP_WIDTH, LOWEST, HIGHEST, LEGEND_WIDTH = 6.0, 2.6, 6.0, 1.5


@figure_style()
def draw_ordination(ordination: Ordination, behaviors: Behaviors) -> tuple[Figure, list[str]]:
    """Draw the map: colour = algorithm, marker = task, references with marks of their own.

    Returns
    -------
    The figure, and the behaviors whose names found no room in it.
    """
    look = [behavior_of(label, behaviors) for label in ordination.labels]
    colors, shapes = algorithm_colors(look), _shapes(look)
    points = ordination.coordinates[:, :2]
    limits = _limits(points)
    size = _map_size(limits)
    figure = Figure(figsize=(size[0] + LEGEND_WIDTH + 0.7, size[1] + 0.6), layout="constrained")
    axes = figure.subplots()
    for row, (x, y) in zip(look, points, strict=True):
        marker = ROLE_MARKERS.get(row.role, "X") if row.is_reference else shapes[row.task]
        axes.scatter(
            x, y, s=110 if row.is_reference else 52, marker=marker, color=color_of(row, colors),
            edgecolors="white", linewidths=0.6, zorder=3, alpha=0.9,
        )  # fmt: skip
    _set_axes(axes, ordination, limits)
    names = abbreviate(list(ordination.labels), 24)
    crowded = place_labels(axes, names, points, size, fontsize=7.5)
    tasks = [mark(task, INK, shape, hollow=True) for task, shape in shapes.items() if task]
    handles = legend_handles(look, colors) + (tasks if len(shapes) > 1 else [])
    if handles:
        figure.legend(handles=handles, loc="outside right upper")
    # An equal aspect moves the ticks once they are drawn; the second layout knows their widths.
    figure.draw_without_rendering()
    return figure, crowded


def _limits(points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return [[x low, x high], [y low, y high]] with air around the points."""
    low, high = points.min(axis=0), points.max(axis=0)
    air = 0.09 * float((high - low).max() or 1.0)
    return np.stack([low - air, high + air], axis=1)


def _map_size(limits: npt.NDArray[np.float64]) -> tuple[float, float]:
    across, up = np.diff(limits, axis=1)[:, 0]
    return MAP_WIDTH, float(np.clip(MAP_WIDTH * up / across, LOWEST, HIGHEST))


def _set_axes(axes: Axes, ordination: Ordination, limits: npt.NDArray[np.float64]) -> None:
    axes.set(xlim=limits[0], ylim=limits[1])
    # One unit of distance is as long upward as it is across, or the map lies.
    axes.set_aspect("equal", adjustable="box")
    axes.axhline(0, color=LINE, linewidth=0.8, zorder=0)
    axes.axvline(0, color=LINE, linewidth=0.8, zorder=0)
    axes.set_xlabel(f"axis 1 ({ordination.explained[0]:.0%} of squared distance)")
    axes.set_ylabel(f"axis 2 ({ordination.explained[1]:.0%})")


def _shapes(behaviors: list[Behavior]) -> dict[str, str]:
    tasks = list(dict.fromkeys(row.task for row in behaviors if not row.is_reference))
    return {task: TASK_MARKERS[i % len(TASK_MARKERS)] for i, task in enumerate(tasks)}
