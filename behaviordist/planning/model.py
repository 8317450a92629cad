"""What a start is expected to cost, learnt from past studies.

A target is harder or easier as a whole, so both axes are taken relative to a *reference start* of
the same target (the base; without one, the average source): with x the distance of a start
relative to the reference's distance and y its cost relative to the reference's cost, y is a
rising function of x. It is fitted by isotonic regression, every target weighing the same.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from behaviordist.errors import InputError, did_you_mean
from behaviordist.hypothesis.permutation.ranks import ratio
from behaviordist.planning.spread import Spread, scaled, spread_of

FloatArray = npt.NDArray[np.float64]
Invalid = Mapping[str, Collection[str]]
MIN_TARGETS = 4


@dataclass(frozen=True)
class History:
    """Past distances and costs, rows = source, columns = target, in the same order.

    Attributes
    ----------
    sources, targets
        Labels of the rows (S) and columns (T); the reference is not among the sources.
    distance, cost
        (S, T); NaN where there is no pair.
    reference_distance, reference_cost
        (T,) of the reference start; NaN where it is not known.
    """

    sources: tuple[str, ...]
    targets: tuple[str, ...]
    distance: FloatArray
    cost: FloatArray
    reference_distance: FloatArray
    reference_cost: FloatArray

    def without(self, target: int) -> History:
        """Return what was known before a target was studied: neither its column nor its row."""
        keep = [i for i in range(len(self.targets)) if i != target]
        rows = [i for i, label in enumerate(self.sources) if label != self.targets[target]]
        return History(
            tuple(self.sources[i] for i in rows),
            tuple(self.targets[i] for i in keep),
            self.distance[np.ix_(rows, keep)],
            self.cost[np.ix_(rows, keep)],
            self.reference_distance[keep],
            self.reference_cost[keep],
        )


def history(
    distances: pd.DataFrame, costs: pd.DataFrame, base: str | None, invalid: Invalid | None = None
) -> History:
    """Align two labelled frames; targets without any cost or without a reference are dropped.

    `invalid` names, for each target, the sources whose pairs do not count.

    Raises
    ------
    InputError
        A source or a target of the costs that the distances do not have, on that side; a cost
        below 0, of which no multiple is a plan.
    """
    check_known(list(costs.index), list(distances.index), "distances")
    goals = [target for target in costs.columns if target != base]
    check_known(goals, list(distances.columns), "distances")
    sources = [label for label in costs.index if label != base]
    targets = [t for t in goals if costs[t].notna().any()]
    distance, cost = (
        frame.loc[sources, targets].to_numpy(dtype=np.float64, copy=True)
        for frame in (distances, costs)
    )
    below = np.argwhere(cost < 0)
    if len(below):
        s, t = below[0]
        raise InputError(
            f"costs: row '{sources[s]}', column '{targets[t]}' is {cost[s, t]:g}; a plan needs"
            " costs of 0 or more (steps, tokens, FLOPs)"
        )
    barred = np.zeros(cost.shape, dtype=bool)
    for j, t in enumerate(targets):
        barred[:, j] = [s == t or s in (invalid or {}).get(t, ()) for s in sources]
    distance[barred] = cost[barred] = np.nan
    if base is None:
        both = np.isfinite(distance) & np.isfinite(cost)
        reference = [ratio(np.where(both, m, 0).sum(axis=0), both.sum(axis=0), np.nan)
                     for m in (distance, cost)]  # fmt: skip
    else:
        frames = (distances, costs)
        reference = [f.loc[[base], targets].to_numpy(dtype=np.float64)[0] for f in frames]
    # Also a target for which nothing but the reference is left has nothing to choose from.
    usable = (reference[0] > 0) & (reference[1] > 0) & np.isfinite(cost).any(axis=0)
    return History(
        tuple(sources),
        tuple(t for t, ok in zip(targets, usable, strict=True) if ok),
        distance[:, usable],
        cost[:, usable],
        reference[0][usable],
        reference[1][usable],
    )


@dataclass(frozen=True)
class CostModel:
    """A fitted rising curve of relative cost against relative distance, and its own scale.

    Attributes
    ----------
    knots_x, knots_y
        Relative distance and relative cost; linear between knots, flat outside.
    reference_cost
        What the reference start is expected to cost for a target never tried (geometric mean).
    """

    knots_x: FloatArray
    knots_y: FloatArray
    reference_cost: float

    def relative_cost(self, relative_distance: FloatArray) -> FloatArray:
        """Return expected cost as a share of the reference start's cost."""
        return np.asarray(np.interp(relative_distance, self.knots_x, self.knots_y))


def fit(past: History) -> CostModel:
    """Fit the curve to all pairs of the past, every target with the same weight."""
    from sklearn.isotonic import IsotonicRegression

    both = np.isfinite(past.distance) & np.isfinite(past.cost)
    x = (past.distance / past.reference_distance)[both]
    y = (past.cost / past.reference_cost)[both]
    weight = np.broadcast_to(1 / np.maximum(both.sum(axis=0), 1), both.shape)[both]
    curve = IsotonicRegression(out_of_bounds="clip").fit(x, y, sample_weight=weight)
    return CostModel(
        np.asarray(curve.X_thresholds_, dtype=np.float64),
        np.asarray(curve.y_thresholds_, dtype=np.float64),
        float(np.exp(np.log(past.reference_cost).mean())),
    )


@dataclass(frozen=True)
class Skill:
    """How well the curve predicts targets it has not seen.

    Attributes
    ----------
    relative
        Spread of costs about their prediction where the target's reference cost is known.
    absolute
        The same where the target was never tried: how hard it is is not known either.
    reference
        Spread of the reference start's own cost over targets.
    error, error_constant
        Mean absolute error of the curve, and of "every start costs what an average start costs".
    better_by
        One-sided 95 % lower limit of how much less the curve errs, over held-out targets.
    n_targets
        Held-out targets.
    """

    relative: Spread
    absolute: Spread
    reference: Spread
    error: float
    error_constant: float
    better_by: float
    n_targets: int


def cross_validate(past: History) -> Skill:
    """Hold out each target in turn (as source too), predict its column, and compare."""
    relative, absolute, level, ours, constant = [], [], [], [], []
    for t in range(len(past.targets)):
        rest = past.without(t)
        both = np.isfinite(past.distance[:, t]) & np.isfinite(past.cost[:, t])
        known = np.isfinite(rest.distance) & np.isfinite(rest.cost)
        if not both.any() or not known.any():
            continue
        model = fit(rest)
        y = past.cost[both, t] / past.reference_cost[t]
        expected = model.relative_cost(past.distance[both, t] / past.reference_distance[t])
        harder = past.reference_cost[t] / model.reference_cost
        relative.append(scaled(y) - scaled(expected))
        absolute.append(scaled(y * harder) - scaled(expected))
        level.append(scaled(np.array([harder])) - scaled(np.ones(1)))
        average = np.nanmean(np.where(known, rest.cost / rest.reference_cost, np.nan))
        ours.append(np.abs(y - expected).mean())
        constant.append(np.abs(y - average).mean())
    return Skill(
        relative=spread_of(relative),
        absolute=spread_of(absolute),
        reference=spread_of(level),
        error=float(np.mean(ours)) if ours else np.nan,
        error_constant=float(np.mean(constant)) if ours else np.nan,
        better_by=_lower_limit(np.array(constant) - np.array(ours)),
        n_targets=len(ours),
    )


def _lower_limit(gained: FloatArray) -> float:
    """One-sided 95 % lower limit of a mean (Student's t); NaN for a single value."""
    n = len(gained)
    if n < 2:
        return float("nan")
    return float(gained.mean() - stats.t.ppf(0.95, n - 1) * gained.std(ddof=1) / np.sqrt(n))


def evidence(skill: Skill) -> tuple[bool, str]:
    """Say whether the past supports a plan, and why: distances must beat the average start."""
    if skill.n_targets < MIN_TARGETS:
        return False, f"only {skill.n_targets} past targets, at least {MIN_TARGETS} are needed"
    told = (
        f"on {skill.n_targets} held-out targets the error of relative cost is {skill.error:.2f}"
        f" with distances and {skill.error_constant:.2f} without (gain at least"
        f" {skill.better_by:.2f}, 95 %)"
    )
    return skill.better_by > 0, told


def check_known(labels: Sequence[str], known: Collection[str], name: str) -> None:
    """Raise `InputError` for the first label that a table does not have."""
    for label in labels:
        if label not in known:
            raise InputError(f"'{label}' is not in {name}; {did_you_mean(label, known)}")


def check_invalid(invalid: Invalid, table: pd.DataFrame) -> None:
    """Raise `InputError` for a target or a source that a table of distances does not have."""
    for target, barred in invalid.items():
        check_known([target], list(table.columns), "distances")
        check_known(list(barred), list(table.index), "distances")
