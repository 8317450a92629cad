"""Small multiples of cost against distance: a panel a target, a point a source."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from behaviordist.drawing.style import INK, abbreviate, figure_style
from behaviordist.report.figures.labels import place_labels
from behaviordist.report.figures.panels import Panels
from behaviordist.report.figures.style import (
    ROLE_MARKERS,
    algorithm_colors,
    color_of,
    legend_above,
    legend_handles,
    mark,
    small_multiples,
)
from behaviordist.report.formatting import decimal
from behaviordist.report.kinds import Kind, Kinds, kind_of

PANEL = (2.25, 2.0)
# About what remains of a panel for its points, inches.
INSIDE = (1.8, 1.4)
# Up to this many sources every point is named where there is room; beyond it the nearest only.
NAMED_SOURCES, NAMED_OF_MANY = 8, 3


@figure_style()
def draw_cost_against_distance(
    distances: pd.DataFrame,
    costs: pd.DataFrame,
    censored: pd.DataFrame,
    panels: Panels,
    rho: dict[str, float],
    kinds: Kinds,
    unit: str = "steps",
) -> Figure:
    """Draw cost against distance for every target of `panels`.

    Parameters
    ----------
    distances, costs, censored
        Labelled tables; costs and censored shares: rows = source, columns = target. A point whose
        runs were censored, some or all, is hollow.
    panels
        Targets to draw.
    rho
        Correlation inside each target, written above its panel.
    kinds
        Colour and role of each source.
    unit
        Of the costs.
    """
    looks = [kind_of(str(label), kinds) for label in costs.index]
    colors = algorithm_colors(looks)
    figure, grid = small_multiples(len(panels.targets), PANEL)
    for axes, target in zip(grid, panels.targets, strict=True):
        points = source_points(distances, costs, censored, target)
        _set_axes(axes, points, target, rho.get(target, math.nan))
        for source, row in points.iterrows():
            _draw_point(axes, row, kind_of(str(source), kinds), colors)
        _name_points(axes, points)
    figure.supxlabel("distance from source to target", fontsize=9)
    figure.supylabel(f"mean {unit} to reach the target", fontsize=9)
    handles = legend_handles(looks, colors)
    if (censored.to_numpy(dtype=float) > 0).any():
        handles.append(mark("runs censored", INK, "o", hollow=True))
    legend_above(figure, handles)
    return figure


def source_points(
    distances: pd.DataFrame, costs: pd.DataFrame, censored: pd.DataFrame, target: str
) -> pd.DataFrame:
    """Return `distance`, `cost` and `censored` of every source with both, the nearest first."""
    columns = {
        name: frame[target] if target in frame else pd.Series(dtype=float)
        for name, frame in (("distance", distances), ("cost", costs), ("censored", censored))
    }
    points = pd.DataFrame(columns).reindex(costs.index).drop(index=target, errors="ignore")
    return points.dropna(subset=["distance", "cost"]).sort_values("distance", kind="stable")


def _set_axes(axes: Axes, points: pd.DataFrame, target: str, rho: float) -> None:
    name = abbreviate([target], 18)[0]
    axes.set_title(f"{name}   ρ = {decimal(rho)}" if math.isfinite(rho) else name, loc="left")
    if points.empty:
        axes.annotate("no source with both", (0.5, 0.5), xycoords="axes fraction", ha="center")
        return
    reach, top = float(points["distance"].max()) or 1.0, float(points["cost"].max()) or 1.0
    axes.set_xlim(-0.04 * reach, 1.1 * reach)
    axes.set_ylim(-0.03 * top, 1.12 * top)


def _draw_point(axes: Axes, row: pd.Series, kind: Kind, colors: dict[str, str]) -> None:
    color = color_of(kind, colors)
    marker = ROLE_MARKERS.get(kind.role, "X") if kind.is_reference else "o"
    hollow = bool(row["censored"] > 0)
    axes.plot(
        row["distance"], row["cost"], marker, color=color, markersize=9 if marker == "*" else 5.5,
        markerfacecolor="white" if hollow else color, markeredgewidth=1.1 if hollow else 0.4,
        markeredgecolor=color if hollow else "white", clip_on=False,
        zorder=4 if kind.is_reference else 3,
    )  # fmt: skip


def _name_points(axes: Axes, points: pd.DataFrame) -> None:
    if points.empty:
        return
    names = abbreviate([str(x) for x in points.index], 16)
    # References have marks of their own; names go to the nearest first.
    shown = names if len(names) <= NAMED_SOURCES else names[:NAMED_OF_MANY]
    # The others stand behind the named ones, so that names keep clear of them as well.
    place_labels(
        axes,
        shown + [""] * (len(names) - len(shown)),
        np.asarray(points[["distance", "cost"]], dtype=np.float64),
        INSIDE,
        fontsize=6.5,
    )
