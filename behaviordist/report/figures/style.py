"""The look that all figures share: type, palettes, marks, and labels that fit."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from behaviordist.report.kinds import Kind

INK = "#1d2025"
SOFT = "#5b626d"
LINE = "#dfe2e7"
MISSING_FILL = "#e4e4e4"
ACCENT = "#24527a"
# Okabe and Ito's palette, which stays apart under every common colour blindness.
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8a7a00", "#444444")
ROLE_COLORS = {"base": "#000000", "random": "#8a8a8a"}
ROLE_MARKERS = {"base": "*", "random": "X"}
TASK_MARKERS = ("o", "s", "^", "D", "v", "P", "<", ">", "p", "h", "d", "H")


@contextmanager
def figure_style() -> Iterator[None]:
    """Draw inside this: labels are never read as mathematics, and the same input gives same bytes."""
    settings = {
        "font.family": "DejaVu Sans",
        "font.size": 8.5,
        "axes.titlesize": 9,
        "axes.titleweight": "normal",
        "axes.labelsize": 8.5,
        "axes.edgecolor": "#9aa0a8",
        "axes.labelcolor": INK,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": False,
        "axes.unicode_minus": True,
        "xtick.color": SOFT,
        "ytick.color": SOFT,
        "xtick.labelcolor": INK,
        "ytick.labelcolor": INK,
        "xtick.labelsize": 8,
        "ytick.labelsize": 8,
        "legend.frameon": False,
        "legend.fontsize": 8,
        "text.color": INK,
        "text.parse_math": False,
        "hatch.color": "#9aa0a8",
        "hatch.linewidth": 0.6,
        "svg.fonttype": "path",
        "svg.hashsalt": "behaviordist",
        "figure.facecolor": "white",
        "savefig.facecolor": "white",
    }
    with mpl.rc_context(settings):
        yield


def abbreviate(labels: Sequence[str], limit: int) -> list[str]:
    """Return the labels cut in their middle to `limit` characters, still telling one from another.

    Control characters become blanks. Labels that a cut makes equal get a number.
    """
    clean = [re.sub(r"[\x00-\x1f\x7f\s]+", " ", label).strip() or "(blank)" for label in labels]
    head, tail = (limit - 1 + 1) // 2, (limit - 1) // 2
    short = [x if len(x) <= limit else f"{x[:head]}…{x[-tail:]}" for x in clean]
    seen: dict[str, int] = {}
    result = []
    for text in short:
        seen[text] = seen.get(text, 0) + 1
        result.append(text if seen[text] == 1 else f"{text} ({seen[text]})")
    return result


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


def small_multiples(n: int, columns: int, width: float, height: float) -> tuple[Figure, list[Axes]]:
    """Return a figure of `n` panels in a grid; `width` and `height` (inches) are a panel's."""
    columns = min(columns, n)
    rows = math.ceil(n / columns)
    # No panel may be wider than it is when four share a row, nor the legend be cut off.
    figure = Figure(figsize=(max(columns * width, 5.2), rows * height + 0.5), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat[n:]:
        axes.set_axis_off()
    return figure, list(grid.flat[:n])
