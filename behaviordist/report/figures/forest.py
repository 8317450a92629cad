"""A forest plot: values with their intervals, sorted, against zero and a ceiling."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from behaviordist.drawing.style import INK, SOFT, abbreviate, figure_style
from behaviordist.report.figures.style import ACCENT, LINE


@dataclass(frozen=True)
class Estimate:
    """A value with its interval; NaN bounds where there is none. `main` is drawn in colour."""

    name: str
    value: float
    low: float = math.nan
    high: float = math.nan
    main: bool = False


@figure_style()
def draw_forest(
    groups: Sequence[tuple[str, Sequence[Estimate]]], unit: str, ceiling: float = math.nan
) -> Figure:
    """Draw groups of estimates, each sorted from the largest, with a line at zero.

    Parameters
    ----------
    groups
        Title and estimates; a group without finite values is not drawn.
    unit
        Label of the axis.
    ceiling
        The largest value the noise of the data allows; a dashed line, none where NaN.
    """
    kept = [(name, _sorted(rows)) for name, rows in groups]
    kept = [(name, rows) for name, rows in kept if rows]
    lines = sum(len(rows) + 1 for _, rows in kept)
    figure = Figure(figsize=(7.4, 0.27 * lines + 1.0), layout="constrained")
    axes = figure.subplots()
    ticks: list[tuple[float, str, bool]] = []
    position = 0.0
    for name, rows in kept:
        ticks.append((position, name, True))
        names = abbreviate([row.name for row in rows], 34)
        for row, label in zip(rows, names, strict=True):
            position += 1
            _draw_estimate(axes, row, position)
            ticks.append((position, label, False))
        position += 1
    axes.axvline(0, color=INK, linewidth=0.9, zorder=1)
    if math.isfinite(ceiling):
        axes.axvline(ceiling, color=SOFT, linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)
        axes.annotate(
            f"noise ceiling {ceiling:.2f}", (ceiling, -0.9), xytext=(-4, 0), fontsize=7.5,
            textcoords="offset points", ha="right", va="center", color=SOFT,
        )  # fmt: skip
    axes.set_ylim(position - 0.3, -1.4)
    axes.set_yticks([t[0] for t in ticks], [t[1] for t in ticks])
    for tick, (_, _, heading) in zip(axes.get_yticklabels(), ticks, strict=True):
        tick.set_fontweight("bold" if heading else "normal")
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x", color=LINE, linewidth=0.6, zorder=0)
    axes.set_axisbelow(True)
    axes.set_xlabel(unit)
    return figure


def _sorted(rows: Sequence[Estimate]) -> list[Estimate]:
    return sorted((row for row in rows if math.isfinite(row.value)), key=lambda row: -row.value)


def _draw_estimate(axes: Axes, row: Estimate, position: float) -> None:
    color = ACCENT if row.main else SOFT
    if math.isfinite(row.low) and math.isfinite(row.high):
        axes.plot(
            [row.low, row.high], [position] * 2, color=color, linewidth=2 if row.main else 1.4
        )
    axes.plot(
        row.value, position, "D" if row.main else "o", color=color, markersize=6 if row.main else 5
    )
