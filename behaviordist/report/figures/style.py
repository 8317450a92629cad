"""Colours, marks and grids of the report's figures; see `drawing.style` for type and ink."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D

from behaviordist.drawing.style import SOFT, abbreviate, text_width
from behaviordist.report.kinds import Kind

LINE = "#dfe2e7"
ACCENT = "#24527a"
# Okabe and Ito's palette, which stays apart under every common colour blindness.
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8a7a00", "#444444")
ROLE_COLORS = {"base": "#000000", "random": "#8a8a8a"}
ROLE_MARKERS = {"base": "*", "random": "X"}
TASK_MARKERS = ("o", "s", "^", "D", "v", "P", "<", ">", "p", "h", "d", "H")


def algorithm_colors(kinds: Sequence[Kind]) -> dict[str, str]:
    """Return a colour for every algorithm of the behaviors under study, in order of appearance."""
    names = list(dict.fromkeys(kind.algorithm for kind in kinds if not kind.is_reference))
    return {name: PALETTE[i % len(PALETTE)] for i, name in enumerate(names)}


def color_of(kind: Kind, colors: dict[str, str]) -> str:
    """Return the colour of a behavior: its algorithm's, or that of its role."""
    if kind.is_reference:
        return ROLE_COLORS.get(kind.role, SOFT)
    return colors.get(kind.algorithm, PALETTE[0])


def legend_handles(kinds: Sequence[Kind], colors: dict[str, str]) -> list[Line2D]:
    """Return legend entries: a dot for each named algorithm, a mark for each reference role."""
    present = [name for name in colors if name]
    roles = list(dict.fromkeys(kind.role for kind in kinds if kind.is_reference))
    return [mark(name, colors[name], "o") for name in present] + [
        mark(role, ROLE_COLORS.get(role, SOFT), ROLE_MARKERS.get(role, "X")) for role in roles
    ]


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
