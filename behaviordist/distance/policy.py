"""A policy: several metrics, on all probes or on those of a tag, each with the margin it must hold.

All are decided together. Holm's procedure steps down over the upper limits themselves: the metrics
still undecided, m of them, are held at level alpha / m, and those whose limit lies below their
margin are shown; with fewer left the level rises, until none is added (Holm 1979). So the
probability that any metric is called within though its candidate lies at the margin is alpha at
most, whatever the metrics have to do with one another.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import yaml
from pydantic import Field

from behaviordist.distance.comparison import Comparison, estimates_of
from behaviordist.distance.fingerprints.collector import groups_of
from behaviordist.distance.gate import (
    Gate,
    check_gate,
    check_probes,
    gate,
    limits,
    smallest_margin,
)
from behaviordist.errors import InputError, did_you_mean
from behaviordist.probes import ProbeSet
from behaviordist.store import write_text
from behaviordist.store.declared import Declared, held, read_yaml


class Check(Declared):
    """One metric that must be shown to be within its margin.

    Attributes
    ----------
    metric, margin, bound
        As for `gate`.
    tag
        Only probes with this tag; None: all.
    calibrated
        How the margin came about, where `calibrate` set it.
    """

    metric: Literal["distance", "kl", "agreement", "bits"]
    margin: float
    bound: float | None = None
    tag: str | None = None
    calibrated: str | None = None

    @property
    def name(self) -> str:
        """The metric, and the tag it is held to."""
        return self.metric if self.tag is None else f"{self.metric} on {self.tag}"


class Policy(Declared):
    """What a candidate must be shown to hold.

    Attributes
    ----------
    alpha
        Probability of calling any metric within that lies at its margin, at most.
    checks
        At least one, each a metric and tag of its own.
    """

    policy: Literal[1]
    alpha: Annotated[float, Field(gt=0, lt=0.5)] = 0.05
    checks: Annotated[tuple[Check, ...], Field(min_length=1)]

    @classmethod
    def load(cls, path: Path | str) -> Policy:
        """Read a YAML file.

        Raises
        ------
        InputError
            One line: what is wrong, with its key.
        """
        policy = held(cls, read_yaml(Path(path)), str(path))
        names = [check.name for check in policy.checks]
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise InputError(f"{path}: '{twice[0]}' stands twice; give it one margin")
        for check in policy.checks:
            try:
                check_gate(check.margin, check.metric, policy.alpha, bound=check.bound)
            except InputError as error:
                raise InputError(f"{path}, {check.name}: {error}") from None
        return policy

    def save(self, path: Path | str) -> None:
        """Write the YAML file; comments that it had are lost."""
        known = self.model_dump(mode="json", exclude_none=True)
        write_text(Path(path), yaml.safe_dump(known, sort_keys=False, allow_unicode=True))


@dataclass(frozen=True)
class Held:
    """A policy's decision: a `Gate` for each of its checks, in their order."""

    names: tuple[str, ...]
    gates: tuple[Gate, ...]

    @property
    def passed(self) -> bool:
        """Whether every metric is shown to be within its margin."""
        return all(one.equivalent for one in self.gates)


def check_policy(policy: Policy, probes: ProbeSet) -> list[str]:
    """Say, before any model is run, the smallest margin that each check can be shown to hold.

    Raises
    ------
    InputError
        For a tag that no probe has, or a margin that these probes cannot show.
    """
    groups = [groups_of(probes)[_members(check, probes)] for check in policy.checks]
    left, lines = list(range(len(groups))), {}
    while left:  # as `hold` steps down for a candidate that differs nowhere
        level = policy.alpha / len(left)
        lasting = []
        for k in left:
            check, group = policy.checks[k], groups[k]
            if smallest_margin(group, check.metric, level, check.bound) < check.margin:
                can = check_probes(group, check.margin, check.metric, level, check.bound)
                lines[k] = f"{check.name}: {can}"
            else:
                lasting.append(k)
        if lasting == left:
            check = policy.checks[left[0]]
            try:
                check_probes(groups[left[0]], check.margin, check.metric, level, check.bound)
            except InputError as error:
                raise InputError(f"{check.name}, {error}") from None
        left = lasting
    return [lines[k] for k in range(len(groups))]


def hold(comparison: Comparison, policy: Policy, probes: ProbeSet) -> Held:
    """Decide a policy's checks together; see the module.

    Parameters
    ----------
    comparison
        From `compare`.
    policy
        What must hold.
    probes
        What was compared on: whose tags count.

    Raises
    ------
    InputError
        As `gate`, or for a tag that no probe has.
    """
    parts = [part_of(comparison, _members(check, probes)) for check in policy.checks]

    def at(k: int, level: float) -> Gate:
        check = policy.checks[k]
        return gate(parts[k], check.margin, check.metric, level, bound=check.bound)

    decided: dict[int, Gate] = {}
    while len(decided) < len(parts):
        left = [k for k in range(len(parts)) if k not in decided]
        gates = {k: at(k, policy.alpha / len(left)) for k in left}
        shown = {k: one for k, one in gates.items() if one.equivalent}
        decided |= shown or gates
    order = range(len(parts))
    return Held(tuple(c.name for c in policy.checks), tuple(decided[k] for k in order))


def calibrate(
    policy: Policy, replicate: Comparison, probes: ProbeSet, factor: float = 1.5
) -> Policy:
    """Return the policy with margins set by what the reference differs from itself.

    A margin is `factor` times the upper 95 % limit of a replicate (the reference under another
    engine, dtype or seed): what is farther is more than such a change explains. Called again with
    another replicate, the larger margin stays.

    Raises
    ------
    InputError
        For a factor below 1, or where a limit is infinite or the margin larger than the metric can
        be.
    """
    if not 1 <= factor < math.inf:
        raise InputError(f"the factor must be at least 1, not {factor:g}")
    checks = []
    for check in policy.checks:
        members = _members(check, probes)
        _, high = limits(part_of(replicate, members), check.metric, 0.05, check.bound)
        if not math.isfinite(high):
            raise InputError(
                f"{check.name}: '{replicate.candidate}' has no finite limit; raise the bound, or"
                " calibrate with another replicate"
            )
        margin = float(f"{factor * high:.3g}")
        if check.calibrated is None or margin > check.margin:
            check_gate(margin, check.metric, policy.alpha, bound=check.bound)
            how = (
                f"{factor:g} times {high:.4g}, the upper 95 % limit of {replicate.candidate}"
                f" against {replicate.reference}, {int(members.sum())} probes of {replicate.probes}"
            )
            check = check.model_copy(update={"margin": margin, "calibrated": how})
        checks.append(check)
    return policy.model_copy(update={"checks": tuple(checks)})


def part_of(comparison: Comparison, members: np.ndarray) -> Comparison:
    """Return a comparison of some of its probes, (n_probes,) booleans."""
    if members.all():
        return comparison
    values, group = comparison.values[members], comparison.group[members]
    count = int(members.sum())
    # One token each stays one token each; else positions of a part are not known, nor needed.
    positions = count if comparison.one_token_each else comparison.n_positions
    return replace(
        comparison,
        values=values,
        group=group,
        n_probes=count,
        n_positions=positions,
        overall=estimates_of(values, group),
    )


def _members(check: Check, probes: ProbeSet) -> np.ndarray:
    if check.tag is None:
        return np.ones(len(probes), dtype=bool)
    members = np.array([check.tag in one.tags for one in probes], dtype=bool)
    if not members.any():
        tags = sorted({tag for one in probes for tag in one.tags})
        raise InputError(f"no probe has the tag '{check.tag}'; {did_you_mean(check.tag, tags)}")
    return members
