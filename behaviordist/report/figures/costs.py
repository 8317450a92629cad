"""Transfer costs as a heatmap."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.figure import Figure

from behaviordist.drawing.cells import CellMark, Cells, draw_matrix
from behaviordist.drawing.style import figure_style

LEFT_OUT = "#a63c06"


@figure_style()
def draw_cost_heatmap(
    costs: pd.DataFrame, censored: pd.DataFrame, left_out: Sequence[str], unit: str = "steps"
) -> Figure:
    """Draw costs in the given order, rows = source, columns = target, light = cheap.

    Parameters
    ----------
    costs
        Labelled; NaN is drawn as missing.
    censored
        Share of runs censored, same labels: a ring where some were, hatching where all were.
    left_out
        Targets that the statistic leaves out; their names are set in red.
    unit
        Of the costs.
    """
    shares = censored.reindex(index=costs.index, columns=costs.columns).to_numpy(dtype=float)
    marks = (
        CellMark((shares > 0) & (shares < 1), "ring", "some runs censored"),
        CellMark(shares >= 1, "hatch", "every run censored"),
    )
    scale = f"mean {unit}\n(light = cheap)"
    figure = draw_matrix(Cells(costs, _numbers(costs, shares), "rocket_r", scale, marks))
    axes = figure.axes[0]
    axes.set(xlabel="target", ylabel="source")
    for tick, target in zip(axes.get_xticklabels(), costs.columns, strict=True):
        if target in left_out:
            tick.set_color(LEFT_OUT)
    return figure


def _numbers(costs: pd.DataFrame, shares: npt.NDArray[np.float64]) -> npt.NDArray[np.str_]:
    """Return the cells' text; a cost of censored runs only is a bound."""
    values = costs.to_numpy(dtype=float)
    return np.array(
        [
            [
                ("≥" if share >= 1 else "") + f"{value:.0f}"
                for value, share in zip(*row, strict=True)
            ]
            for row in zip(values, shares, strict=True)
        ]
    )
