"""Small multiples of cost curves: score against steps, a panel a target, a line a source."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.typing import ColorType

from behaviordist.distance.matrix import DistanceMatrix
from behaviordist.drawing.panels import legend_above, mark, small_multiples
from behaviordist.drawing.style import INK, SOFT, abbreviate, figure_style
from behaviordist.record import Behavior
from behaviordist.report.figures.style import ROLE_COLORS, Behaviors, behavior_of

PANEL = (2.15, 1.9)
DASHES: dict[str, tuple[int, tuple[float, ...]]] = {"base": (0, (5, 2)), "random": (0, (1, 1.2))}
TAU_LINE: dict[str, Any] = {"color": INK, "linewidth": 0.7, "linestyle": (0, (1, 1.5))}


@figure_style()
def draw_cost_curves(
    transfers: pd.DataFrame,
    targets: Sequence[str],
    matrix: DistanceMatrix | None,
    behaviors: Behaviors,
) -> Figure:
    """Draw score against steps, a line a source (mean over seeds), coloured by its distance.

    Parameters
    ----------
    transfers
        Columns `source`, `target`, `seed`, `step`, `score`, and `tau` where it is known.
    targets
        A panel each.
    matrix
        A source without a distance is drawn grey.
    behaviors
        Which sources are references: drawn dashed (base) and dotted (random).
    """
    figure, grid = small_multiples(len(targets), PANEL)
    distances = pd.DataFrame() if matrix is None else matrix.to_pandas()
    scale = Normalize(0, _reach(distances, behaviors))
    top = float(transfers["score"].max()) or 1.0
    every = mean_curves(transfers[transfers["target"].isin(targets)])
    for axes, target in zip(grid, targets, strict=True):
        runs = transfers[transfers["target"] == target]
        for source, curve in every[every["target"] == target].groupby("source", observed=True):
            row = behavior_of(str(source), behaviors)
            known = source in distances.index and target in distances.columns
            distance = distances.loc[str(source)].to_dict()[target] if known else math.nan
            _draw_curve(axes, curve, row, _color(row, distance, scale))
        if "tau" in runs and runs["tau"].notna().any():
            axes.axhline(float(runs["tau"].iloc[0]), **TAU_LINE)
        axes.set_title(abbreviate([target], 26)[0], loc="left")
        axes.set_ylim(-0.04 * top, 1.06 * top)
    figure.supxlabel("training steps under the target's regime", fontsize=9)
    figure.supylabel("score on the target's held-out evaluation", fontsize=9)
    if len(distances):
        colors = ScalarMappable(scale, _palette())
        bar = figure.colorbar(colors, ax=grid, shrink=0.6, aspect=30, pad=0.01)
        bar.outline.set_visible(False)
        bar.set_label("distance from source to target")
    legend_above(figure, _legend(transfers, behaviors))
    return figure


def mean_curves(transfers: pd.DataFrame) -> pd.DataFrame:
    """Return scores averaged over seeds; a seed that has ended keeps its last score.

    Parameters
    ----------
    transfers
        Columns `source`, `target`, `seed`, `step`, `score`, and `tau` where it is known.

    Returns
    -------
    Columns `source`, `target`, `step`, `score`, and `stopped`: whether a seed of this source and
    target never reached tau.
    """
    pair = ["source", "target"]
    wide = transfers.pivot_table(index=[*pair, "step"], columns="seed", values="score")
    scores = wide.groupby(level=pair, observed=True).ffill().mean(axis=1).rename("score")
    if "tau" not in transfers:
        return scores.reset_index().assign(stopped=False)
    best = transfers.groupby([*pair, "seed"], observed=True)[["score", "tau"]].max()
    below = (best["score"] < best["tau"]).groupby(level=pair, observed=True).any()
    return scores.reset_index().merge(below.rename("stopped").reset_index(), on=pair)


def _palette() -> LinearSegmentedColormap:
    """Viridis without its palest end, which a thin line on white would lose. Dark = near."""
    colors = mpl.colormaps["viridis"](np.linspace(0, 0.9, 64))
    return LinearSegmentedColormap.from_list("near", colors)


def _reach(distances: pd.DataFrame, behaviors: Behaviors) -> float:
    """Largest distance between behaviors under study: references, often far, have own colours."""
    labels = [x for x in distances.index if not behavior_of(str(x), behaviors).is_reference]
    values = distances.loc[labels, labels].to_numpy(dtype=float)
    return float(np.nanmax(values)) if np.isfinite(values).any() else 1.0


def _color(behavior: Behavior, distance: float, scale: Normalize) -> ColorType:
    if behavior.is_reference:
        return ROLE_COLORS.get(behavior.role, SOFT)
    return tuple(_palette()(scale(distance))) if math.isfinite(distance) else SOFT


def _draw_curve(axes: Axes, curve: pd.DataFrame, behavior: Behavior, color: ColorType) -> None:
    front = behavior.is_reference
    axes.plot(
        curve["step"], curve["score"], color=color, linestyle=DASHES.get(behavior.role, "-"),
        linewidth=1.5 if front else 1.1, alpha=0.95, zorder=3 if front else 2,
    )  # fmt: skip
    if curve["stopped"].any():
        end = curve.iloc[-1]
        axes.plot(end["step"], end["score"], "x", color=color, markersize=5, zorder=4)


def _legend(transfers: pd.DataFrame, behaviors: Behaviors) -> list[Line2D]:
    roles = {behavior_of(str(s), behaviors).role for s in transfers["source"].unique()}
    handles = [Line2D([], [], color=SOFT, linewidth=1.1, label="a source")]
    for role in [name for name in DASHES if name in roles]:
        line = Line2D([], [], color=ROLE_COLORS[role], linestyle=DASHES[role], label=f"from {role}")
        handles.append(line)
    handles.append(Line2D([], [], label="tau", **TAU_LINE))
    handles.append(mark("a seed was censored", SOFT, "x"))
    return handles
