"""Would the plan have helped? Each past target in turn is planned for as if it were new."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from behaviordist.errors import InputError
from behaviordist.hypothesis.inference.baselines import source_quality
from behaviordist.hypothesis.tables.pairs import Matrix, frame_of
from behaviordist.planning.model import (
    FloatArray,
    History,
    Invalid,
    check_invalid,
    check_known,
    cross_validate,
    evidence,
    fit,
    history,
)
from behaviordist.store.numbers import with_nulls

MIN_TARGETS = 3


@dataclass(frozen=True)
class StrategyResult:
    """Mean cost over held-out targets of always following one strategy, with 95 % limits.

    `versus_base` is the paired difference to starting from the reference, negative: cheaper.
    """

    strategy: str
    cost: float
    cost_low: float
    cost_high: float
    versus_base: float
    versus_base_low: float
    versus_base_high: float


@dataclass(frozen=True)
class Backtest:
    """Strategies from the cheapest to the dearest, over `n_targets` held-out targets.

    `n_planned` is the number of targets for which the rest gave enough evidence for a plan.
    """

    rows: tuple[StrategyResult, ...]
    n_targets: int
    n_planned: int

    def to_pandas(self) -> pd.DataFrame:
        """Return one row a strategy."""
        return pd.DataFrame([asdict(row) for row in self.rows])

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able record."""
        return dict(with_nulls(asdict(self)))


def backtest(
    distances: Matrix,
    costs: Matrix,
    *,
    base: str | None = None,
    have: Sequence[str] | None = None,
    others: Mapping[str, Matrix] | None = None,
    invalid: Invalid | None = None,
) -> Backtest:
    """Compare following the plan with simpler habits, on targets held out one at a time.

    Parameters
    ----------
    distances, costs, base, have
        As in `plan`.
    others
        Further distances by name, such as weight space: "nearest in NAME" is a strategy each.
    invalid
        Sources that are no starts, for each target: those that were made with it, say. Their pairs
        are not learnt from either.

    Notes
    -----
    Strategies: ``plan`` (the start with the lowest predicted cost; the base where that is lowest,
    or where the plan is "not enough evidence"), ``nearest``, nearest in each of `others`, ``best
    source quality`` (lowest mean rank on the other targets), ``base``, ``random`` (the expected
    cost of a random source) and ``oracle`` (the cheapest start in hindsight, the base included).
    Without a base, a plan without evidence still takes what it ranks first. Limits: Student's t
    over targets.

    Raises
    ------
    InputError
        Fewer than three targets with costs from the reference start.
    """
    near, past_costs = frame_of(distances, "distances"), frame_of(costs, "costs")
    if have is not None:
        kept = [*have, *([base] if base is not None and base not in have else [])]
        check_known(kept, list(past_costs.index), "costs")
        past_costs = past_costs.loc[kept]
    if base is not None:
        check_known([base], list(past_costs.index), "costs")
    check_invalid(invalid or {}, near)
    past = history(near, past_costs, base, invalid)
    if len(past.targets) < MIN_TARGETS:
        raise InputError(f"costs: {len(past.targets)} usable targets; a backtest needs 3")
    enough = [evidence(cross_validate(past.without(t)))[0] for t in range(len(past.targets))]
    spent = _spent(past, base is not None, enough)
    for name, matrix in (others or {}).items():
        frame = frame_of(matrix, f"'{name}'").reindex(index=past.sources, columns=past.targets)
        spent[f"nearest in {name}"] = _taken(past.cost, frame.to_numpy(dtype=np.float64))
    reference = spent["base" if base is not None else "random"]
    rows = [_summary(name, cost, reference) for name, cost in spent.items()]
    return Backtest(tuple(sorted(rows, key=lambda row: row.cost)), len(past.targets), sum(enough))


def _spent(past: History, has_base: bool, enough: Sequence[bool]) -> dict[str, FloatArray]:
    """Cost (T,) of each strategy on each target."""
    followed = [_planned(past, t, has_base, sure) for t, sure in enumerate(enough)]
    best = np.nanmin(past.cost, axis=0)
    spent = {
        "plan": np.array(followed),
        "nearest": _taken(past.cost, past.distance),
        "best source quality": _taken(past.cost, source_quality(past.cost)),
        "random": np.nanmean(past.cost, axis=0),
    }
    if not has_base:
        return spent | {"oracle": best}
    return spent | {
        "base": past.reference_cost,
        "oracle": np.minimum(best, past.reference_cost),
    }


def _planned(past: History, t: int, has_base: bool, enough: bool) -> float:
    curve = fit(past.without(t))
    distance = np.where(np.isfinite(past.cost[:, t]), past.distance[:, t], np.nan)
    share = curve.relative_cost(distance / past.reference_distance[t])
    share = np.where(np.isfinite(distance), share, np.inf)
    best = int(np.lexsort((distance, share))[0])
    if has_base and not (enough and share[best] < 1):
        return float(past.reference_cost[t])
    return float(past.cost[best, t])


def _taken(cost: FloatArray, predictor: FloatArray) -> FloatArray:
    """Cost (T,) of the source that a predictor puts first, among those with a cost."""
    usable = np.where(np.isfinite(cost) & np.isfinite(predictor), predictor, np.inf)
    return np.asarray(cost[usable.argmin(axis=0), np.arange(cost.shape[1])])


def _summary(name: str, cost: FloatArray, reference: FloatArray) -> StrategyResult:
    limits = [_mean_with_limits(values) for values in (cost, cost - reference)]
    return StrategyResult(name, *limits[0], *limits[1])


def _mean_with_limits(values: FloatArray) -> tuple[float, float, float]:
    n = len(values)
    mean = float(values.mean())
    with np.errstate(over="ignore"):  # costs whose squares no float holds have no limits
        half = float(stats.t.ppf(0.975, n - 1) * values.std(ddof=1) / np.sqrt(n))
    return mean, mean - half, mean + half
