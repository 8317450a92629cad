"""A forest plot: values with their intervals, sorted, against zero and a ceiling."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from behaviordist.drawing.panels import ACCENT, DASHED, LINE
from behaviordist.drawing.style import INK, SOFT, abbreviate, figure_style
from behaviordist.record import Estimate, Intervals


@figure_style()
def draw_forest(data: Intervals) -> Figure:
    """Draw groups of estimates, each sorted from the largest, with a line at zero.

    A group without finite values is not drawn.
    """
    kept = [(name, _sorted(rows)) for name, rows in data.groups]
    kept = [(name, rows) for name, rows in kept if rows]
    lines = sum(len(rows) + 1 for _, rows in kept)
    figure = Figure(figsize=(7.4, 0.27 * lines + 1.0), layout="constrained")
    axes = figure.subplots()
    ticks: list[tuple[float, str, bool]] = []
    position = 0.0
    for name, rows in kept:
        ticks.append((position, name, True))
        names = abbreviate([row.label for row in rows], 34)
        for row, label in zip(rows, names, strict=True):
            position += 1
            _draw_estimate(axes, row, position, row.label in data.main)
            ticks.append((position, label, False))
        position += 1
    axes.axvline(0, color=INK, linewidth=0.9, zorder=1)
    for name, level in data.levels:
        axes.axvline(level, color=SOFT, linewidth=0.9, linestyle=DASHED, zorder=1)
        axes.annotate(
            f"{name} {level:.2f}", (level, -0.9), xytext=(-4, 0), fontsize=7.5,
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
    axes.set_xlabel(data.unit)
    return figure


def _sorted(rows: Sequence[Estimate]) -> list[Estimate]:
    return sorted((row for row in rows if row.is_known), key=lambda row: -row.value)


def _draw_estimate(axes: Axes, row: Estimate, position: float, main: bool) -> None:
    color = ACCENT if main else SOFT
    if row.has_interval:
        axes.plot([row.low, row.high], [position] * 2, color=color, linewidth=2 if main else 1.4)
    axes.plot(row.value, position, "D" if main else "o", color=color, markersize=6 if main else 5)
