"""Where to start from, for a behavior one wants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from behaviordist.errors import InputError
from behaviordist.hypothesis.tables.pairs import Matrix, frame_of
from behaviordist.planning.advice import Chain, Plan, Start
from behaviordist.planning.model import (
    CostModel,
    History,
    Invalid,
    Skill,
    check_invalid,
    check_known,
    cross_validate,
    evidence,
    fit,
    history,
)
from behaviordist.planning.spread import FloatArray, Spread


def plan(
    target: str,
    distances: Matrix,
    costs: Matrix | None = None,
    *,
    base: str | None = None,
    have: Sequence[str] | None = None,
    reference_cost: float | None = None,
    invalid: Invalid | None = None,
    unit: str = "cost",
) -> Plan:
    """Rank starts for a target by predicted cost.

    Parameters
    ----------
    target
        Label of the behavior wanted: a column of `distances`. Costs towards it are not used.
    distances
        Rows = the checkpoints one has and those of past studies, columns = behaviors.
    costs
        Past costs, rows = source, columns = target; None: starts are ranked by distance alone.
    base
        Label of the start that savings are relative to; default the average source.
    have
        Labels one may start from; default all rows but the target and the base.
    reference_cost
        Cost from the reference start to this target, if known; default what it was expected to
        be from the past, whose spread over targets is then in the limits.
    invalid
        Sources that are no starts, for each target; pairs of past targets are not learnt from.
    unit
        Of the costs, for the sentence.

    Raises
    ------
    InputError
        Unknown labels, or no past target that can be used.
    """
    near, barred = frame_of(distances, "distances"), invalid or {}
    check_known([target], list(near.columns), "distances")
    if base is not None:
        check_known([base], list(near.index), "distances")
    if costs is None:
        at_hand = _own(near, target, base, have, barred)
        return _by_distance_alone(target, near.loc[at_hand, target], base, unit)
    past_costs = frame_of(costs, "costs")
    if base is not None:
        check_known([base], list(past_costs.index), "costs")
    others = past_costs.drop(index=target, columns=target, errors="ignore")
    check_invalid(barred, near)
    past = history(near, others, base, barred)
    if not past.targets:
        raise InputError("costs: no past target has costs from the reference start")
    at_hand = _own(near, target, base, have, barred)
    model, skill = fit(past), cross_validate(past)
    away = _reference_distance(near, target, base, at_hand)
    scale = model.reference_cost if reference_cost is None else reference_cost
    spread = skill.absolute if reference_cost is None else skill.relative
    starts = _starts(near.loc[at_hand, target], away, scale, model, skill, spread)
    starts = [replace(s, measured=_measured(past_costs, s.source, target)) for s in starts]
    enough, told = evidence(skill)
    chains = _chains(past, near[target], at_hand, away, scale, model, spread) if enough else []
    low, high = (float(scale * v[0]) for v in skill.reference.limits(np.ones(1)))
    if reference_cost is not None:
        low = high = float(reference_cost)
    return Plan(
        target,
        base if base is not None else "an average source",
        tuple(starts),
        tuple(chains),
        enough,
        told,
        float(scale),
        low,
        high,
        None if base is None else _measured(past_costs, base, target),
        unit,
    )


def _own(
    near: pd.DataFrame,
    target: str,
    base: str | None,
    have: Sequence[str] | None,
    invalid: Invalid,
) -> list[str]:
    """Return the labels one may start from."""
    starts = [s for s in near.index if s not in (target, base)] if have is None else list(have)
    check_known(starts, list(near.index), "distances")
    starts = [label for label in starts if label not in invalid.get(target, ())]
    if not starts:
        raise InputError(f"no start is left for '{target}'")
    return starts


def _measured(costs: pd.DataFrame, source: str, target: str) -> float | None:
    if source == target or source not in costs.index or target not in costs.columns:
        return None
    value = float(costs.loc[[source], [target]].to_numpy()[0, 0])
    return value if np.isfinite(value) else None


def _by_distance_alone(target: str, near: pd.Series[float], base: str | None, unit: str) -> Plan:
    """Return starts from the nearest to the farthest, without a cost."""
    nan = float("nan")
    away = _finite(near)
    starts = [
        Start(str(near.index[i]), float(away[i]), nan, nan, nan, nan, nan, nan)
        for i in np.argsort(away, kind="stable")
    ]
    told = "no past costs; starts are ranked by distance alone"
    reference = base if base is not None else "an average source"
    return Plan(target, reference, tuple(starts), (), False, told, nan, nan, nan, None, unit)


def _finite(near: pd.Series[float]) -> FloatArray:
    distance = np.asarray(near, dtype=np.float64)
    if not np.isfinite(distance).all():
        missing = near.index[~np.isfinite(distance)][0]
        raise InputError(f"distances: '{missing}' has no distance to '{near.name}'")
    return distance


def _reference_distance(
    near: pd.DataFrame, target: str, base: str | None, at_hand: Sequence[str]
) -> float:
    rows = [base] if base is not None else list(at_hand)
    away = float(near.loc[rows, [target]].to_numpy(dtype=np.float64).mean())
    if not away > 0:
        raise InputError(f"distances: '{target}' is at distance {away:g} from the reference start")
    return away


def _starts(
    near: pd.Series[float],
    away: float,
    scale: float,
    model: CostModel,
    skill: Skill,
    spread: Spread,
) -> list[Start]:
    distance = _finite(near)
    share = model.relative_cost(distance / away)
    low, high = spread.limits(share)
    # What is saved is a share of the reference's cost, whatever that is.
    least, most = skill.relative.limits(share)
    # Among equal predictions (isotonic steps are flat) the nearer one stands first.
    order = np.lexsort((distance, share))
    return [
        Start(
            source=str(near.index[i]),
            distance=float(distance[i]),
            cost=float(scale * share[i]),
            cost_low=float(scale * low[i]),
            cost_high=float(scale * high[i]),
            saving=float(1 - share[i]),
            saving_low=float(1 - most[i]),
            saving_high=float(1 - least[i]),
        )
        for i in order
    ]


def _chains(
    past: History,
    near: pd.Series[float],
    at_hand: Sequence[str],
    away: float,
    scale: float,
    model: CostModel,
    spread: Spread,
) -> list[Chain]:
    """Chains over behaviors one does not have, kept where even the upper limit beats direct."""
    chains = []
    for j, through in enumerate(past.targets):
        if through in at_hand or through not in near.index or not np.isfinite(near[through]):
            continue
        share = model.relative_cost(np.array([near[through] / away]))
        low, high = spread.limits(share)
        for source in at_hand:
            if source not in past.sources:
                continue
            leg = past.cost[past.sources.index(source), j]
            direct = scale * float(model.relative_cost(np.array([near[source] / away]))[0])
            total, least, most = (float(leg + scale * v[0]) for v in (share, low, high))
            if np.isfinite(leg) and most < direct:
                chains.append(Chain(source, through, total, least, most, direct))
    return sorted(chains, key=lambda chain: chain.cost)
