"""Small multiples, one panel a target: cost against distance, and the cost curves themselves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from behaviordist.report.figures.style import (
    INK,
    ROLE_COLORS,
    ROLE_MARKERS,
    SOFT,
    abbreviate,
    algorithm_colors,
    color_of,
    figure_style,
    legend_handles,
    mark,
    small_multiples,
)
from behaviordist.report.kinds import Kind, Kinds, kind_of

PANELS_LIMIT = 20
PANELS_KEPT = 12
# Up to this many sources every point is named; beyond it only the nearest and the cheapest.
NAMED_SOURCES = 7
RANDOM_DASH, BASE_DASH = (0, (1, 1.2)), (0, (5, 2))


@dataclass(frozen=True)
class Panels:
    """Which targets are drawn, in order, and how many there were."""

    targets: tuple[str, ...]
    total: int

    @property
    def note(self) -> str:
        """Say which targets are shown, where not all are."""
        if len(self.targets) == self.total:
            return ""
        third = PANELS_KEPT // 3
        return (
            f" Shown are {len(self.targets)} of {self.total} targets: the {third} with the highest "
            f"correlation, {third} around the median, and the {third} with the lowest; the table "
            "per target has all of them."
        )


def choose_panels(targets: Sequence[str], rho: dict[str, float]) -> Panels:
    """Return all targets where they fit a page, else the best, the middle and the worst by rho."""
    if len(targets) <= PANELS_LIMIT:
        return Panels(tuple(targets), len(targets))
    known = sorted(
        (t for t in targets if t in rho and math.isfinite(rho[t])), key=lambda t: -rho[t]
    )
    ranked = known + [t for t in targets if t not in known]
    third, middle = PANELS_KEPT // 3, len(known) // 2
    start = max(third, middle - third // 2)
    kept = ranked[:third] + ranked[start : start + third] + known[-third:]
    return Panels(tuple(dict.fromkeys(kept)), len(targets))


@figure_style()
def draw_cost_against_distance(
    distances: pd.DataFrame,
    costs: pd.DataFrame,
    censored: pd.DataFrame,
    panels: Panels,
    rho: dict[str, float],
    kinds: Kinds,
    unit: str = "steps",
) -> Figure:
    """Draw cost against distance, a point a source; hollow points hold censored runs."""
    looks = [kind_of(str(label), kinds) for label in costs.index]
    colors = algorithm_colors(looks)
    columns = _columns(len(panels.targets))
    figure, grid = small_multiples(len(panels.targets), columns, 2.2, 2.0)
    finite = distances.to_numpy(dtype=float)
    reach = float(np.nanmax(finite)) if np.isfinite(finite).any() else 1.0
    for axes, target in zip(grid, panels.targets, strict=True):
        points = _points(distances, costs, censored, target)
        for source, row in points.iterrows():
            _draw_point(axes, row, kind_of(str(source), kinds), colors)
        _name_points(axes, points)
        _panel_title(axes, target, rho.get(target, math.nan))
        axes.set_xlim(-0.03 * reach, 1.08 * reach)
        axes.set_ylim(0, 1.15 * max(points["cost"].max(), 1) if len(points) else 1)
    figure.supxlabel("distance from source to target", fontsize=9)
    figure.supylabel(f"mean {unit} to reach the target", fontsize=9)
    handles = legend_handles(looks, colors)
    if (censored.to_numpy(dtype=float) > 0).any():
        handles.append(mark("some runs censored", INK, "o", hollow=True))
    _legend_below(figure, handles)
    return figure


@figure_style()
def draw_cost_curves(
    transfers: pd.DataFrame, distances: pd.DataFrame, panels: Panels, kinds: Kinds
) -> Figure:
    """Draw score against steps, a line a source (mean over seeds), coloured by distance.

    Parameters
    ----------
    transfers
        Columns `source`, `target`, `seed`, `step`, `score`, and `tau` where it is known.
    distances
        Square, labelled; a source without a distance is drawn grey.
    panels
        Targets to draw.
    kinds
        Which sources are references; they are drawn dashed (base) and dotted (random).
    """
    figure, grid = small_multiples(len(panels.targets), _columns(len(panels.targets)), 2.2, 1.9)
    finite = distances.to_numpy(dtype=float)
    reach = float(np.nanmax(finite)) if np.isfinite(finite).any() else 1.0
    scale = Normalize(0, reach)
    top = float(transfers["score"].max())
    for axes, target in zip(grid, panels.targets, strict=True):
        runs = transfers[transfers["target"] == target]
        for source, curves in runs.groupby("source", observed=True):
            kind = kind_of(str(source), kinds)
            color = _curve_color(str(source), target, kind, distances, scale)
            _draw_curve(axes, curves, kind, color)
        if "tau" in runs and runs["tau"].notna().any():
            axes.axhline(
                float(runs["tau"].iloc[0]), color=INK, linewidth=0.7, linestyle=(0, (1, 1))
            )
        _panel_title(axes, target)
        axes.set_ylim(-0.04 * top, 1.06 * top)
    figure.supxlabel("training steps under the target's regime", fontsize=9)
    figure.supylabel("score on the target's held-out evaluation", fontsize=9)
    bar = figure.colorbar(
        mpl.cm.ScalarMappable(scale, _curve_palette()), ax=grid, shrink=0.5, aspect=30, pad=0.01
    )
    bar.outline.set_visible(False)
    bar.set_label("distance from source to target")
    _legend_below(figure, _curve_legend(transfers, kinds))
    return figure


def mean_curve(curves: pd.DataFrame) -> pd.DataFrame:
    """Return score over steps, averaged over seeds; a seed that has ended keeps its last score.

    Parameters
    ----------
    curves
        Columns `seed`, `step`, `score` of one source and one target.
    """
    wide = curves.pivot_table(index="step", columns="seed", values="score", aggfunc="mean")
    return wide.sort_index().ffill().mean(axis=1).rename("score").reset_index()


def _columns(n: int) -> int:
    return n if n <= 4 else 3 if n <= 6 else 4


def _points(
    distances: pd.DataFrame, costs: pd.DataFrame, censored: pd.DataFrame, target: str
) -> pd.DataFrame:
    columns = {
        name: frame[target] if target in frame else pd.Series(dtype=float)
        for name, frame in (("distance", distances), ("cost", costs), ("censored", censored))
    }
    points = pd.DataFrame(columns).reindex(costs.index).drop(index=target, errors="ignore")
    return points.dropna(subset=["distance", "cost"])


def _draw_point(axes: Axes, row: pd.Series, kind: Kind, colors: dict[str, str]) -> None:
    color = color_of(kind, colors)
    marker = ROLE_MARKERS.get(kind.role, "X") if kind.is_reference else "o"
    hollow = row["censored"] > 0
    axes.plot(
        row["distance"], row["cost"], marker, color=color, markersize=9 if marker == "*" else 5.5,
        markerfacecolor="white" if hollow else color, markeredgewidth=1.1 if hollow else 0.4,
        markeredgecolor=color if hollow else "white", clip_on=False, zorder=3,
    )  # fmt: skip


def _name_points(axes: Axes, points: pd.DataFrame) -> None:
    if not len(points):
        axes.annotate("no pair with both", (0.5, 0.5), xycoords="axes fraction", ha="center")
        return
    named = points.index if len(points) <= NAMED_SOURCES else _extremes(points)
    for source in dict.fromkeys(named):
        row = points.loc[source]
        middle = (points["distance"].max() + points["distance"].min()) / 2
        right = row["distance"] > middle
        axes.annotate(
            abbreviate([str(source)], 14)[0], (row["distance"], row["cost"]), fontsize=6.5,
            xytext=(-4 if right else 4, 4), textcoords="offset points", ha="right" if right else "left",
            color=SOFT,
        )  # fmt: skip


def _extremes(points: pd.DataFrame) -> list[str]:
    return [points["distance"].idxmin(), points["cost"].idxmin()]


def _panel_title(axes: Axes, target: str, rho: float = math.nan) -> None:
    name = abbreviate([target], 24)[0]
    axes.set_title(
        f"{name}   ρ = {rho:.2f}".replace("-", "−") if math.isfinite(rho) else name, loc="left"
    )


def _legend_below(figure: Figure, handles: list[Line2D]) -> None:
    if handles:
        figure.legend(handles=handles, loc="outside lower center", ncols=min(len(handles), 6))


def _curve_palette() -> LinearSegmentedColormap:
    """Viridis without its palest end, which a thin line on white would lose. Dark = near."""
    return LinearSegmentedColormap.from_list(
        "near", mpl.colormaps["viridis"](np.linspace(0, 0.9, 64))
    )


def _curve_color(
    source: str, target: str, kind: Kind, distances: pd.DataFrame, scale: Normalize
) -> object:
    if kind.is_reference:
        return ROLE_COLORS.get(kind.role, SOFT)
    if source not in distances.index or target not in distances.columns:
        return SOFT
    distance = float(distances.loc[source, target])
    return _curve_palette()(scale(distance)) if math.isfinite(distance) else SOFT


def _draw_curve(axes: Axes, curves: pd.DataFrame, kind: Kind, color: object) -> None:
    mean = mean_curve(curves)
    dash = {"base": BASE_DASH, "random": RANDOM_DASH}.get(kind.role, "-")
    axes.plot(
        mean["step"], mean["score"], color=color, linestyle=dash, linewidth=1.5 if kind.is_reference else 1.1,
        alpha=0.95, zorder=3 if kind.is_reference else 2,
    )  # fmt: skip
    if _never_arrives(curves):
        axes.plot(
            mean["step"].iloc[-1], mean["score"].iloc[-1], "x", color=color, markersize=5, zorder=4
        )


def _never_arrives(curves: pd.DataFrame) -> bool:
    """Whether some seed of the source ended below tau."""
    if "tau" not in curves:
        return False
    best = curves.groupby("seed", observed=True)[["score", "tau"]].max()
    return bool((best["score"] < best["tau"]).any())


def _curve_legend(transfers: pd.DataFrame, kinds: Kinds) -> list[Line2D]:
    roles = {kind_of(str(s), kinds).role for s in transfers["source"].unique()}
    handles = [Line2D([], [], color=SOFT, linewidth=1.1, label="a source, coloured by distance")]
    for role, dash in (("base", BASE_DASH), ("random", RANDOM_DASH)):
        if role in roles:
            handles.append(
                Line2D([], [], color=ROLE_COLORS[role], linestyle=dash, label=f"from {role}")
            )
    handles.append(Line2D([], [], color=INK, linewidth=0.7, linestyle=(0, (1, 1)), label="tau"))
    handles.append(mark("a seed was censored", SOFT, "x"))
    return handles
