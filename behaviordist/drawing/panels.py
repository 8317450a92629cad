"""Colours, marks, grids of panels and legends that figures share."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D

from behaviordist.drawing.style import abbreviate, text_width

LINE = "#dfe2e7"
ACCENT = "#24527a"
WARNING = "#a63c06"
# Okabe and Ito's palette, which stays apart under every common colour blindness.
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8a7a00", "#444444")
DASHED = (0, (4, 3))


def mark(label: str, color: str, marker: str, hollow: bool = False) -> Line2D:
    """Return one legend entry that is a marker."""
    return Line2D(
        [],
        [],
        linestyle="none",
        marker=marker,
        markersize=9 if marker == "*" else 6,
        color=color,
        markerfacecolor="white" if hollow else color,
        label=abbreviate([label], 24)[0],
    )


def small_multiples(n: int, size: tuple[float, float]) -> tuple[Figure, list[Axes]]:
    """Return a figure of `n` panels in a grid, `size` (inches) each: width, height."""
    columns = n if n <= 4 else 3 if n <= 6 else 4
    rows = math.ceil(n / columns)
    # A legend needs its width even above one panel.
    width, height = max(columns * size[0] + 0.5, 5.2), rows * size[1] + 0.8
    layout = ConstrainedLayoutEngine(h_pad=0.07, w_pad=0.05)
    figure = Figure(figsize=(width, height), layout=layout)
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat[n:]:
        axes.set_axis_off()
    return figure, list(grid.flat[:n])


def legend_above(figure: Figure, handles: Sequence[Line2D]) -> None:
    """Put one legend for all panels on top, in as many columns as the width holds."""
    if handles:
        # A mark and its gaps take about 0.55 inches beside the longest name.
        width = 0.55 + max(text_width(str(handle.get_label()), 8) for handle in handles)
        columns = max(1, min(len(handles), int(figure.get_figwidth() / width)))
        figure.legend(handles=list(handles), loc="outside upper left", ncols=columns)
