"""A policy's checks are decided together.

Holm's procedure steps down over the limits themselves: the checks still undecided, m of them, are
held at level alpha / m, and those whose limit lies below their margin are shown; with fewer left
the level rises, until none is added (Holm 1979). So the probability that any metric is called
within though its candidate lies at the margin is alpha at most, whatever the metrics have to do
with one another.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from behaviordist.distance.gate import Gate
from behaviordist.errors import InputError
from behaviordist.evals import EvalGate
from behaviordist.policy.declared import Policy
from behaviordist.policy.questions import Known, question


@dataclass(frozen=True)
class Held:
    """A policy's decision: one for each of its checks, in their order."""

    names: tuple[str, ...]
    gates: tuple[Gate | EvalGate, ...]

    @property
    def passed(self) -> bool:
        """Whether every metric is shown to be within its margin."""
        return all(one.verdict == "within" for one in self.gates)


def check_policy(policy: Policy, known: Known) -> list[str]:
    """Say, before any model is run, the smallest margin that each check can be shown to hold.

    Raises
    ------
    InputError
        For a tag that nothing has, or a margin that so many probes or items cannot show.
    """
    asked = [question(check, known) for check in policy.checks]
    left, lines = list(range(len(asked))), dict[int, str]()
    while left:  # as `hold` steps down for a candidate that differs nowhere
        level = policy.alpha / len(left)
        shown = [k for k in left if asked[k].smallest(level) < asked[k].check.margin]
        if not shown:
            try:
                asked[left[0]].can(level)
            except InputError as error:
                raise InputError(f"{asked[left[0]].check.name}, {error}") from None
        after = "" if len(left) == len(asked) else ", once the other checks are shown"
        lines |= {k: f"{asked[k].check.name}: {asked[k].can(level)}{after}" for k in shown}
        left = [k for k in left if k not in shown]
    return [lines[k] for k in range(len(asked))]


def hold(policy: Policy, known: Known) -> Held:
    """Decide a policy's checks together; see the module.

    Raises
    ------
    InputError
        As `gate`, or for a tag that nothing has.
    """
    asked = [question(check, known) for check in policy.checks]
    decided: dict[int, Gate | EvalGate] = {}
    while len(decided) < len(asked):
        left = [k for k in range(len(asked)) if k not in decided]
        gates = {k: asked[k].decide(policy.alpha / len(left)) for k in left}
        shown = {k: one for k, one in gates.items() if one.verdict == "within"}
        decided |= shown or gates
    names = tuple(check.name for check in policy.checks)
    return Held(names, tuple(decided[k] for k in range(len(asked))))


def calibrate(policy: Policy, replicate: Known, factor: float = 1.5) -> Policy:
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
    checks, (reference, candidate) = [], replicate.names
    for check in policy.checks:
        asked = question(check, replicate)
        # By luck a replicate may lie nearer than one that differs nowhere.
        high = max(asked.decide(0.05).needed, asked.smallest(0.05))
        if not math.isfinite(high):
            raise InputError(
                f"{check.name}: '{candidate}' has no finite limit; raise the bound, or calibrate"
                " with another replicate"
            )
        margin = float(f"{factor * high:.3g}")
        if check.calibrated is None or margin > check.margin:
            how = (
                f"{factor:g} times {high:.4g}, the upper 95 % limit of {candidate} against"
                f" {reference}, {asked.of}"
            )
            check = check.model_copy(update={"margin": margin, "calibrated": how})
            try:
                check.check(policy.alpha)
            except InputError as error:
                raise InputError(f"{check.name}, calibrated: {error}") from None
        checks.append(check)
    return policy.model_copy(update={"checks": tuple(checks)})
