"""A plan in steps: nats from each start, through the fitted law of a past study.

The line of a target never tried has an unknown intercept (how hard its regime is). A prediction is
the mean intercept of past targets plus slope times nats; its interval holds what a new target's
intercept, the scatter of single costs and the error of the slope add, and is Student's t with the
past targets' units less one as degrees of freedom. A pilot of k runs replaces the guess of the
intercept by what the runs cost.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from behaviordist.errors import InputError
from behaviordist.hypothesis.models.law import Law, fit_law
from behaviordist.store.numbers import with_nulls

FloatArray = NDArray[np.float64]
LEVEL = 0.9
MOST_PILOT = 50


@dataclass(frozen=True)
class LawStart:
    """One checkpoint as a start: nats to the target, predicted steps and 90 % limits."""

    source: str
    nats: float
    steps: float
    low: float
    high: float


@dataclass(frozen=True)
class LawPlan:
    """Starts from the cheapest to the dearest.

    Attributes
    ----------
    target, algorithm
        The behavior wanted, and how it is to be reached.
    starts
        Ranked; the base is one of them.
    slope, slope_low, slope_high
        Steps per nat of the past study.
    pilot
        Runs that the intercept rests on; 0: on past targets.
    halving
        Pilot runs that halve the interval of the best start; None where none does.
    farthest
        Largest distance that the line was fitted on, nats; beyond it steps are extrapolated.
    """

    target: str
    algorithm: str
    starts: tuple[LawStart, ...]
    slope: float
    slope_low: float
    slope_high: float
    pilot: int
    halving: int | None
    farthest: float = math.inf

    def sentence(self) -> str:
        """Return the advice in one plain sentence."""
        if not self.slope_low > 0:
            return (
                f"Not enough evidence to plan: the past study's slope is {self.slope:.2g}"
                f" [{self.slope_low:.2g}, {self.slope_high:.2g}] steps a nat."
            )
        best = self.starts[0]
        more = (
            f" A pilot of {self.halving} run(s) halves this interval."
            if self.halving is not None
            else " No pilot halves this interval: what is left is how single runs scatter."
        )
        if best.nats > self.farthest:
            more += (
                f" It lies beyond the {self.farthest:.2g} nats that the line was fitted on: its"
                " steps are extrapolated, and the interval does not know by how much they may err."
            )
        return (
            f"Start from {best.source}: {best.nats:.2f} nats, about {best.steps:.0f} steps of"
            f" {self.algorithm} ({best.low:.0f} to {best.high:.0f}, 90 %).{more}"
        )

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able record."""
        return {"schema": 1, **with_nulls(asdict(self)), "sentence": self.sentence()}


def plan_by_law(
    nats: Mapping[str, float],
    past_nats: pd.DataFrame,
    past_costs: pd.DataFrame,
    *,
    target: str = "wanted",
    algorithm: str = "",
    censored: pd.DataFrame | None = None,
    units: Mapping[str, str] | None = None,
    pilot: Mapping[str, float] | None = None,
) -> LawPlan:
    """Predict the steps from each start to a target.

    Parameters
    ----------
    nats
        Start -> KL(f_B || f_A), or cross-entropy under it, in nats an answer.
    past_nats, past_costs, censored, units
        Of a past study, one algorithm: as `fit_law` takes them.
    target, algorithm
        Names for the advice.
    pilot
        Start -> steps that it took, of starts in `nats` that were tried.

    Raises
    ------
    InputError
        No start, a start at an unknown or infinite distance, a pilot of unknown starts, or a past
        that `fit_law` refuses.
    """
    for start, value in nats.items():
        if not math.isfinite(value):
            raise InputError(f"'{start}' lies {value} nats from '{target}': no steps are predicted")
    if not nats:
        raise InputError("no start to plan from: give at least one")
    law = fit_law(past_nats, past_costs, censored=censored, units=units)
    tried = dict(pilot or {})
    unknown = set(tried) - set(nats)
    if unknown:
        raise InputError(f"pilot: '{min(unknown)}' is none of the starts")
    x = np.array(list(nats.values()), dtype=np.float64)
    level, of_level = _level(law, nats, tried)
    centre = float(np.nanmean(past_nats.to_numpy(dtype=np.float64)))
    half = _half(law, x - centre, of_level)
    steps = level + law.slope * x
    starts = [
        LawStart(name, float(x[i]), *(max(float(v), 0.0) for v in (s, s - h, s + h)))
        for i, (name, s, h) in enumerate(zip(nats, steps, half, strict=True))
    ]
    best = int(np.argmin(x))
    return LawPlan(
        target,
        algorithm,
        tuple(sorted(starts, key=lambda start: start.nats)),
        law.slope,
        law.low,
        law.high,
        len(tried),
        _halving(law, float(x[best] - centre), float(half[best])),
        float(np.nanmax(past_nats.to_numpy(dtype=np.float64))),
    )


def _level(law: Law, nats: Mapping[str, float], tried: Mapping[str, float]) -> tuple[float, float]:
    """Return the intercept that is expected of the target, and the variance of that guess."""
    if tried:
        gaps = [cost - law.slope * nats[start] for start, cost in tried.items()]
        return float(np.mean(gaps)), law.spread**2 / len(gaps)
    known = np.array(list(law.intercepts.values()))
    n = len(known)
    if n < 2:
        raise InputError("a past study of one target says nothing of others: give a pilot")
    return float(known.mean()), float(known.var(ddof=1)) * (1 + 1 / n)


def _half(law: Law, away: FloatArray, of_level: float) -> FloatArray:
    """Half widths of the 90 % interval of a single cost, (n,)."""
    freedom = max(min(len(law.intercepts), law.degrees_of_freedom) - 1, 1)
    variance = of_level + law.spread**2 + (law.standard_error * away) ** 2
    return np.asarray(stats.t.ppf((1 + LEVEL) / 2, freedom) * np.sqrt(variance))


def _halving(law: Law, away: float, half: float) -> int | None:
    """Return the smallest pilot after which the interval is at most half as wide."""
    for k in range(1, MOST_PILOT + 1):
        if _half(law, np.array([away]), law.spread**2 / k)[0] <= half / 2:
            return k
    return None


@dataclass(frozen=True)
class LawBacktest:
    """Mean steps of always following one habit, over held-out targets; and how intervals covered.

    Attributes
    ----------
    strategies
        Name -> (mean steps, low, high) with Student's 95 % limits over units of targets; a run that
        never arrived counts as its budget.
    coverage
        Share of the costs of held-out targets that lay in the 90 % interval.
    n_units, n_cells
        Units of targets; cells predicted.
    """

    strategies: Mapping[str, tuple[float, float, float]]
    coverage: float
    n_units: int
    n_cells: int


def backtest_law(
    nats: pd.DataFrame,
    costs: pd.DataFrame,
    *,
    censored: pd.DataFrame,
    units: Mapping[str, str],
    base: str,
    others: Mapping[str, pd.DataFrame],
    learnt_from: list[str] | None = None,
    starts: list[str] | None = None,
) -> LawBacktest:
    """Plan for every target as if neither it nor its unit had been seen.

    Parameters
    ----------
    nats, costs, censored, units
        Of a past study, one algorithm; rows = source, columns = target.
    base
        The start that is always there.
    others
        Further distances by name, such as weights: "nearest in NAME" is a habit each.
    learnt_from, starts
        Sources that the line is fitted on, and those that may be started from; default all.
        Disjoint lists hold a whole base out.

    Raises
    ------
    InputError
        As `fit_law`, where a unit of targets is left out.
    """
    fitted = list(costs.index) if learnt_from is None else learnt_from
    usable = list(costs.index) if starts is None else starts
    inside, chosen = [], {}
    for target in costs.columns:
        unit = units.get(target, target)
        rest = [t for t in costs.columns if units.get(t, t) != unit]
        plan = plan_by_law(
            nats.loc[usable, target].to_dict(),
            nats.loc[fitted, rest],
            costs.loc[fitted, rest],
            censored=censored.loc[fitted, rest],
            units=units,
        )
        cost, late = costs.loc[usable, target], censored.loc[usable, target]
        for start in plan.starts:
            seen, never = cost[start.source], late[start.source] > 0.5
            inside.append(start.high >= seen if never else start.low <= seen <= start.high)
        near = {f"nearest in {n}": f.loc[usable, target].idxmin() for n, f in others.items()}
        quality = costs.loc[usable, rest].rank().mean(axis=1).idxmin()
        chosen[target] = {
            "plan": cost[plan.starts[0].source],
            **{name: cost[source] for name, source in near.items()},
            "best source quality": cost[quality],
            "base": costs.loc[base, target],
            "random": cost.mean(),
            "oracle": cost.min(),
        }
    frame = pd.DataFrame(chosen).T.astype(np.float64)
    by_unit = frame.groupby(lambda t: units.get(t, t)).mean()
    n = len(by_unit)
    half = stats.t.ppf(0.975, n - 1) * by_unit.std(ddof=1) / np.sqrt(n)
    means = by_unit.mean()
    return LawBacktest(
        {str(k): (float(means[k]), float(means[k] - half[k]), float(means[k] + half[k]))
         for k in means.sort_values().index},
        float(np.mean(inside)),
        n,
        len(inside),
    )  # fmt: skip
