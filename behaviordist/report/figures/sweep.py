"""The statistic against the share of the target's level that counts as arrived."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from behaviordist.drawing.style import INK, SOFT, figure_style
from behaviordist.report.figures.style import ACCENT, LINE
from behaviordist.report.formatting import count


@figure_style()
def draw_tau_sweep(sweep: pd.DataFrame, chosen: float, unit: str) -> Figure:
    """Draw value and interval over `share`, the number censored written above each point.

    Parameters
    ----------
    sweep
        Columns `share`, `value`, `ci_low`, `ci_high`, and `n_censored` where it is known.
    chosen
        The share the study fixed; a vertical line, none where NaN.
    unit
        Label of the vertical axis.
    """
    rows = sweep.sort_values("share")
    figure = Figure(figsize=(6.0, 3.2), layout="constrained")
    axes = figure.subplots()
    low, high = rows["ci_low"].astype(float), rows["ci_high"].astype(float)
    axes.fill_between(rows["share"], low, high, color=ACCENT, alpha=0.14, linewidth=0)
    axes.plot(rows["share"], rows["value"].astype(float), "o-", color=ACCENT, markersize=5)
    axes.axhline(0, color=INK, linewidth=0.9)
    if chosen == chosen:
        axes.axvline(chosen, color=SOFT, linewidth=0.9, linestyle=(0, (4, 3)), zorder=0)
    axes.grid(axis="y", color=LINE, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.set(xlabel="tau, as a share of the target's own level", ylabel=unit)
    axes.margins(x=0.06)
    if "n_censored" in rows:
        for share, number in zip(rows["share"], rows["n_censored"], strict=True):
            axes.annotate(
                f"{count(number)}\ncensored", (share, 1.0), xycoords=("data", "axes fraction"),
                ha="center", va="bottom", fontsize=7, color=SOFT,
            )  # fmt: skip
    return figure
