"""Points in small multiples: cost against distance, a panel a target, and the like."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from behaviordist.drawing.labels import place_labels
from behaviordist.drawing.panels import ACCENT, PALETTE, legend_above, mark, small_multiples
from behaviordist.drawing.style import INK, abbreviate, figure_style
from behaviordist.record import Panel, Points, Scatter, Series
from behaviordist.report.figures.style import ROLE_COLORS, ROLE_MARKERS

SMALL, LARGE = (2.25, 2.0), (4.6, 3.4)
# Up to so many panels each is large; up to so many points each is named where there is room,
# beyond it the first of each kind only.
FEW_PANELS, NAMED, NAMED_OF_MANY = 2, 8, 3


@figure_style()
def draw_scatter(data: Scatter) -> Figure:
    """Draw every panel; points that are bounds are hollow, the first of them are named."""
    size = LARGE if len(data.panels) <= FEW_PANELS else SMALL
    figure, grid = small_multiples(len(data.panels), size)
    kinds = list(dict.fromkeys(points.label for panel in data.panels for points in panel.points))
    colors = _colors(kinds)
    tops = [_reach(panel)[1] for panel in data.panels]
    for axes, panel, top in zip(grid, data.panels, tops, strict=True):
        _set_axes(axes, panel, max(tops) if data.shared else top)
        for points in panel.points:
            _draw_points(axes, points, colors[points.label])
        for line in panel.lines:
            _draw_line(axes, line)
        _name_points(axes, panel, size)
    figure.supxlabel(data.x, fontsize=9)
    figure.supylabel(data.y, fontsize=9)
    handles = [mark(k, colors[k], ROLE_MARKERS.get(k, "o")) for k in kinds if k]
    if data.bound and any(any(p.bound) for panel in data.panels for p in panel.points):
        handles.append(mark(data.bound, INK, "o", hollow=True))
    legend_above(figure, handles)
    return figure


def _colors(kinds: Sequence[str]) -> dict[str, str]:
    plain = [kind for kind in kinds if kind not in ROLE_COLORS]
    return {**ROLE_COLORS, **{k: PALETTE[i % len(PALETTE)] for i, k in enumerate(plain)}}


def _reach(panel: Panel) -> tuple[float, float]:
    """Return the largest finite x and y of a panel, 1 where there is none."""
    x, y = (
        max((v for p in panel.points for v in getattr(p, axis) if math.isfinite(v)), default=1.0)
        for axis in ("x", "y")
    )
    return x or 1.0, y or 1.0


def _set_axes(axes: Axes, panel: Panel, top: float) -> None:
    name = abbreviate([panel.title], 18)[0]
    axes.set_title(f"{name}   {panel.remark}" if panel.remark else name, loc="left")
    values = [v for p in panel.points for pair in (p.x, p.y) for v in pair if math.isfinite(v)]
    if not values:
        axes.annotate("no source with both", (0.5, 0.5), xycoords="axes fraction", ha="center")
        return
    reach, _ = _reach(panel)
    lowest = min(0.0, *(v for p in panel.points for v in p.x if math.isfinite(v)))
    bottom = min(0.0, *(v for p in panel.points for v in p.y if math.isfinite(v)))
    axes.set_xlim(lowest - 0.04 * (reach - lowest), reach + 0.1 * (reach - lowest))
    axes.set_ylim(bottom - 0.03 * (top - bottom), top + 0.12 * (top - bottom))


def _draw_points(axes: Axes, points: Points, color: str) -> None:
    marker = ROLE_MARKERS.get(points.label, "o")
    front = points.label in ROLE_MARKERS
    for i, (x, y) in enumerate(zip(points.x, points.y, strict=True)):
        hollow = bool(points.bound) and points.bound[i]
        axes.plot(
            x, y, marker, color=color, markersize=9 if marker == "*" else 5.5,
            markerfacecolor="white" if hollow else color, markeredgewidth=1.1 if hollow else 0.4,
            markeredgecolor=color if hollow else "white", clip_on=False, zorder=4 if front else 3,
        )  # fmt: skip


def _draw_line(axes: Axes, line: Series) -> None:
    axes.plot(line.x, line.y, color=ACCENT, linewidth=1.2, zorder=2)
    if line.low and line.high:
        axes.fill_between(line.x, line.low, line.high, color=ACCENT, alpha=0.14, linewidth=0)


def _name_points(axes: Axes, panel: Panel, size: tuple[float, float]) -> None:
    named = [
        (name, x, y)
        for points in panel.points
        for name, x, y in zip(points.names, points.x, points.y, strict=False)
        if math.isfinite(x) and math.isfinite(y)
    ]
    if not named:
        return
    named.sort(key=lambda row: row[1])
    names = abbreviate([name for name, _, _ in named], 16)
    shown = names if len(names) <= NAMED else names[:NAMED_OF_MANY]
    # The others stand behind the named ones, so that names keep clear of them as well.
    place_labels(
        axes,
        shown + [""] * (len(names) - len(shown)),
        np.array([(x, y) for _, x, y in named], np.float64),
        (size[0] * 0.8, size[1] * 0.7),
        fontsize=6.5,
    )
