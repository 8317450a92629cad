"""Curves with intervals: any quantity against any other, or over named places."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, NullFormatter

from behaviordist.drawing.panels import DASHED, LINE, PALETTE, legend_above
from behaviordist.drawing.style import SOFT, abbreviate, figure_style, text_width
from behaviordist.record import Lines, Series

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "h")
NAME_LIMIT = 22


@figure_style()
def draw_lines(data: Lines) -> Figure:
    """Draw every series as a line with markers, intervals as bars.

    Bars rather than bands, unless the data ask for one: a few points with wide gaps are the rule
    here, and a band would claim to know what lies between them. Series share no
    place exactly: each is moved a little aside on a categorical axis, so that no bar hides another.
    """
    figure = Figure(figsize=(7.4, 3.9), layout="constrained")
    axes = figure.subplots()
    count = len(data.series)
    drawn = []
    for i, series in enumerate(data.series):
        aside = (i - (count - 1) / 2) * min(0.12, 0.6 / max(1, count)) if data.x_names else 0.0
        drawn.append(_draw_series(axes, series, i, aside, data.band))
    for name, level in data.levels:
        axes.axhline(level, color=SOFT, linewidth=0.9, linestyle=DASHED, zorder=1)
        axes.annotate(
            name, (1.0, level), xycoords=("axes fraction", "data"), xytext=(-2, 2),
            textcoords="offset points", ha="right", va="bottom", fontsize=7.5, color=SOFT,
        )  # fmt: skip
    for name, place in data.places:
        axes.axvline(place, color=SOFT, linewidth=0.9, linestyle=DASHED, zorder=1)
        axes.annotate(
            name, (place, 1.0), xycoords=("data", "axes fraction"), xytext=(-3, -2),
            textcoords="offset points", ha="right", va="top", fontsize=7.5, color=SOFT,
        )  # fmt: skip
    axes.set(xlabel=data.x, ylabel=data.y)
    _scales(axes, data)
    _limits(axes, data)
    axes.grid(axis="y", color=LINE, linewidth=0.6)
    axes.set_axisbelow(True)
    if count > 1:
        legend_above(figure, drawn)
    return figure


def _draw_series(axes: Axes, series: Series, index: int, aside: float, band: bool) -> Line2D:
    color = PALETTE[index % len(PALETTE)]
    x = np.asarray(series.x, float) + aside
    y = np.asarray(series.y, float)
    (line,) = axes.plot(
        x, y, linestyle="-", marker=MARKERS[index % len(MARKERS)], color=color, markersize=5,
        linewidth=1.4, zorder=3, label=abbreviate([series.label], 34)[0],
    )  # fmt: skip
    if series.low and series.high:
        low, high = np.asarray(series.low, float), np.asarray(series.high, float)
        if band:
            axes.fill_between(x, low, high, color=color, alpha=0.14, linewidth=0)
            return line
        known = np.isfinite(low) & np.isfinite(high)
        axes.vlines(x[known], low[known], high[known], color=color, linewidth=1.2, zorder=2)
    return line


def _scales(axes: Axes, data: Lines) -> None:
    places = sorted({value for series in data.series for value in series.x})
    if data.x_names:
        names = abbreviate(data.x_names, NAME_LIMIT)
        axes.set_xticks(range(len(names)), names)
        axes.set_xlim(-0.5, len(names) - 0.5)
        widest = max((text_width(name, 8) for name in names), default=0.0)
        if widest > 6.2 / max(1, len(names)):
            axes.tick_params(axis="x", labelrotation=35)
            for tick in axes.get_xticklabels():
                tick.set(ha="right", rotation_mode="anchor")
    elif data.x_scale == "log":
        axes.set_xscale("log")
    elif data.x_scale == "symlog" and any(value > 0 for value in places):
        axes.set_xscale("symlog", linthresh=min(value for value in places if value > 0))
    if data.x_scale != "linear" and not data.x_names and len(places) <= 9:
        axes.set_xticks(places, [f"{value:g}" for value in places])
        axes.minorticks_off()
    if data.y_scale == "log":
        axes.set_yscale("log")
        # The figures' type draws no mathematics, so no powers of ten as matplotlib writes them.
        plain = FuncFormatter(lambda value, _: f"{value:.0e}".replace("e+", "e"))
        axes.yaxis.set_major_formatter(plain)
        axes.yaxis.set_minor_formatter(NullFormatter())


def _limits(axes: Axes, data: Lines) -> None:
    """Show every value whole; a bar far beyond them all ends at the frame, or nothing is seen."""
    values = np.concatenate([np.asarray(series.y, float) for series in data.series])
    values = np.append(values, [level for _, level in data.levels])
    values = values[np.isfinite(values)]
    if not len(values):
        return
    low, high = float(values.min()), float(values.max())
    bottom, top = axes.get_ylim()
    if data.y_scale == "log":
        axes.set_ylim(max(bottom, low / 3), min(top, high * 3))
        return
    room = max(high - low, abs(high), 1e-12) * 0.6
    bottom = max(bottom, low - room)
    axes.set_ylim(max(bottom, -0.04 * high) if low >= 0 else bottom, min(top, high + room))
