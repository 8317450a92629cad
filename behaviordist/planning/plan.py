"""Where to start from, for a behavior one wants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from behaviordist.errors import InputError
from behaviordist.hypothesis.tables.pairs import Matrix, frame_of
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
from behaviordist.store import write_json


@dataclass(frozen=True)
class Start:
    """One checkpoint as a start.

    Attributes
    ----------
    source, distance
        Its label and its distance to the target.
    cost, cost_low, cost_high
        Predicted cost and 90 % limits, in the unit of the past costs.
    saving, saving_low, saving_high
        Share of the reference start's cost that is saved; negative: dearer.
    """

    source: str
    distance: float
    cost: float
    cost_low: float
    cost_high: float
    saving: float
    saving_low: float
    saving_high: float


@dataclass(frozen=True)
class Chain:
    """Going through another behavior: measured cost of the first leg, predicted of the second."""

    source: str
    through: str
    cost: float
    cost_low: float
    cost_high: float
    direct_cost: float


@dataclass(frozen=True)
class Plan:
    """Starts from the best to the worst.

    Attributes
    ----------
    target, reference
        The behavior wanted; what savings are relative to (the base, or an average source).
    starts, chains
        Ranked starts; chains whose upper limit lies below the direct cost.
    enough, evidence
        Whether the past supports a plan, and what it says.
    reference_cost
        Expected cost from the reference start.
    """

    target: str
    reference: str
    starts: tuple[Start, ...]
    chains: tuple[Chain, ...]
    enough: bool
    evidence: str
    reference_cost: float

    def sentence(self) -> str:
        """Return the advice in one plain sentence."""
        if not self.enough:
            return f"Not enough evidence to plan: {self.evidence}."
        best = self.starts[0]
        if best.saving <= 0:
            return f"Start from {self.reference}: no checkpoint is expected to be cheaper."
        sure = "" if best.saving_low > 0 else ", which may be nothing"
        return (
            f"Start from {best.source}: about {best.cost:.3g} ({best.cost_low:.3g} to"
            f" {best.cost_high:.3g}), {best.saving:.0%} less than from {self.reference}"
            f" ({best.saving_low:.0%} to {best.saving_high:.0%}{sure})."
        )

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able record."""
        return {"schema": 1, **asdict(self), "sentence": self.sentence()}

    def save(self, path: str | Path) -> None:
        """Write `to_json` to `path`, atomically."""
        write_json(Path(path), self.to_json())


def plan(
    target: str,
    distances: Matrix,
    costs: Matrix,
    *,
    base: str | None = None,
    have: Sequence[str] | None = None,
    reference_cost: float | None = None,
    invalid: Invalid | None = None,
) -> Plan:
    """Rank starts for a target by predicted cost.

    Parameters
    ----------
    target
        Label of the behavior wanted: a column of `distances`. Costs towards it are not used.
    distances
        Rows = the checkpoints one has and those of past studies, columns = behaviors.
    costs
        Past costs, rows = source, columns = target.
    base
        Label of the start that savings are relative to; default the average source.
    have
        Labels one may start from; default all rows but the target and the base.
    reference_cost
        Cost from the reference start to this target, if known; default the median of the past.
    invalid
        Sources that are no starts, for each target; pairs of past targets are not learnt from.

    Raises
    ------
    InputError
        Unknown labels, or no past target that can be used.
    """
    near, past_costs = frame_of(distances, "distances"), frame_of(costs, "costs")
    check_known([target], list(near.columns), "distances")
    if base is not None:
        check_known([base], list(near.index), "distances")
        check_known([base], list(past_costs.index), "costs")
    others = past_costs.drop(index=target, columns=target, errors="ignore")
    check_known([*others.index, *others.columns], {*near.index, *near.columns}, "distances")
    check_invalid(invalid or {}, near)
    past = history(near, others, base, invalid)
    if not past.targets:
        raise InputError("costs: no past target has costs from the reference start")
    own = [s for s in near.index if s not in (target, base)] if have is None else list(have)
    check_known(own, list(near.index), "distances")
    own = [label for label in own if label not in (invalid or {}).get(target, ())]
    if not own:
        raise InputError(f"no start is left for '{target}'")
    model, skill = fit(past), cross_validate(past)
    away = _reference_distance(near, target, base, own)
    scale = model.reference_cost if reference_cost is None else reference_cost
    starts = _starts(near.loc[own, target], away, scale, model, skill)
    enough, told = evidence(skill)
    chains = _chains(past, near[target], own, away, scale, model, skill) if enough else []
    reference = base if base is not None else "an average source"
    return Plan(target, reference, tuple(starts), tuple(chains), enough, told, float(scale))


def _reference_distance(
    near: pd.DataFrame, target: str, base: str | None, own: Sequence[str]
) -> float:
    rows = [base] if base is not None else list(own)
    away = float(near.loc[rows, [target]].to_numpy(dtype=np.float64).mean())
    if not away > 0:
        raise InputError(f"distances: '{target}' is at distance {away:g} from the reference start")
    return away


def _starts(
    near: pd.Series[float], away: float, scale: float, model: CostModel, skill: Skill
) -> list[Start]:
    distance = np.asarray(near, dtype=np.float64)
    if not np.isfinite(distance).all():
        missing = near.index[~np.isfinite(distance)][0]
        raise InputError(f"distances: '{missing}' has no distance to '{near.name}'")
    share = model.relative_cost(distance / away)
    low, high = skill.interval(share) if skill.n_targets else (share * np.nan, share * np.nan)
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
            saving_low=float(1 - high[i]),
            saving_high=float(1 - low[i]),
        )
        for i in order
    ]


def _chains(
    past: History,
    near: pd.Series[float],
    own: Sequence[str],
    away: float,
    scale: float,
    model: CostModel,
    skill: Skill,
) -> list[Chain]:
    """Chains over behaviors one does not have, kept where even the upper limit beats direct."""
    chains = []
    for j, through in enumerate(past.targets):
        if through in own or through not in near.index or not np.isfinite(near[through]):
            continue
        share = model.relative_cost(np.array([near[through] / away]))
        low, high = skill.interval(share)
        for source in own:
            if source not in past.sources:
                continue
            leg = past.cost[past.sources.index(source), j]
            direct = scale * float(model.relative_cost(np.array([near[source] / away]))[0])
            total, least, most = (float(leg + scale * v[0]) for v in (share, low, high))
            if np.isfinite(leg) and most < direct:
                chains.append(Chain(source, through, total, least, most, direct))
    return sorted(chains, key=lambda chain: chain.cost)
