"""What study `growing` claims: does growth pay, and what does distance leave out?"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from behaviordist.record import Claim, Estimate, Verdict, decide
from behaviordist.studies.estimates import estimate
from behaviordist.studies.growing.measure import (
    ROUNDING,
    Measured,
)
from behaviordist.studies.growing.runs import fresh

RULE_NOT_ALL = (
    "'does not cost the same' is supported where one operator's interval, widened for the number of"
    " operators (Bonferroni), holds no zero; inconclusive otherwise"
)


def conclude(found: Measured) -> tuple[Claim, ...]:
    """Return the study's claims with their verdicts."""
    claims = [_left_claim(found), _unequal_claim(found), _savings_claim(found, found.exact)]
    if found.jumping:
        claims += [_savings_claim(found, found.jumping), _jump_claim(found)]
    return (*claims, _tuning_claim(found))


def _left_claim(found: Measured) -> Claim:
    left, largest = found.saved(found.exact, "left"), found.largest_jump(found.exact)
    verdict: Verdict = decide(left) if largest < ROUNDING else "inconclusive"
    return Claim.of(
        "Distance is not all: growth at distance 0 still leaves a cost to the large model's"
        " level.",
        left,
        f"the largest distance of a function-preserving growth from its small model is"
        f" {largest:.1g}, and {left.value:.0%} of the FLOPs from scratch are still to be paid"
        f" after it.",
        unit="share of the FLOPs from scratch, paid after growth", verdict=verdict,
    )  # fmt: skip


def _unequal_claim(found: Measured) -> Claim:
    """The operator whose steps differ most from the small model's, in standard errors."""
    each = {name: _widened(found.ratio("fresh", [name]), len(found.exact)) for name in found.exact}
    name = max(each, key=lambda key: _distinctness(each[key]))
    best = each[name]
    unequal = best.low > 0 or best.high < 0
    return Claim.of(
        "Two models at distance 0 do not cost the same to tune: the small one, and itself"
        " freshly grown.",
        best,
        f"after '{name}', the most telling of {len(each)} operators, post-training takes"
        f" {2**best.value:.2f} times the steps that it takes from the small model.",
        unit="log2 of steps freshly grown over steps small",
        verdict="supported" if unequal else "inconclusive", rule=RULE_NOT_ALL,
    )  # fmt: skip


def _savings_claim(found: Measured, operators: Sequence[str]) -> Claim:
    saved = found.saved(operators)
    part = found.savings[found.savings["operator"].isin(operators)]
    names = "Function-preserving growth" if operators == found.exact else "Growth with a jump"
    late, late_scratch = int(part["censored_growth"].sum()), int(part["censored_scratch"].sum())
    return Claim.of(
        f"{names} reaches the large model's level on fewer FLOPs than from scratch.",
        saved,
        f"savings, FLOPs from scratch over FLOPs via growth with the small model's included,"
        f" are {2**saved.value:.2f} (geometric mean over {', '.join(operators)}); {late} of"
        f" {len(part)} grown runs and {late_scratch} from scratch did not get there and count as"
        f" their budget.",
        unit="log2 of FLOPs from scratch over FLOPs via growth (above 0: pays)",
    )  # fmt: skip


def _jump_claim(found: Measured) -> Claim:
    jumps = found.jumps.pivot_table(index="seed", columns="name", values="distance")
    other = jumps["other seed"] if "other seed" in jumps else pd.Series(np.nan, jumps.index)
    names = [fresh(operator) for operator in found.jumping]
    further = estimate(np.log2(jumps[names].mean(axis=1) / other))
    return Claim.of(
        "Stacking and interpolation move the function further than another seed would.",
        further,
        f"their jump is {2**further.value:.2f} times the distance between small models of"
        f" two seeds.",
        unit="log2 of the jump over the distance between seeds",
    )  # fmt: skip


def _tuning_claim(found: Measured) -> Claim:
    ratio = found.ratio("trained", found.exact)
    return Claim.of(
        "At equal FLOPs, a model grown by a function-preserving operator is cheaper to"
        " post-train than the large one from scratch.",
        ratio,
        f"it takes {2**ratio.value:.2f} times the steps, over {', '.join(found.exact)} and"
        f" {', '.join(found.runs.study.post_training)}.",
        unit="log2 of steps grown over steps from scratch (below 0: cheaper)", above=False,
    )  # fmt: skip


def _widened(found: Estimate, tests: int) -> Estimate:
    """Return the estimate with an interval for the best of several (Bonferroni)."""
    from scipy import stats

    if found.n is None or found.n < 2:
        return found
    plain, wide = (stats.t.ppf(1 - 0.025 / k, found.n - 1) for k in (1, tests))
    half = (found.high - found.low) / 2 * float(wide / plain)
    effect = found.smallest_effect * float(
        (wide + stats.t.ppf(0.8, found.n - 1)) / (plain + stats.t.ppf(0.8, found.n - 1))
    )
    ends = {"low": found.value - half, "high": found.value + half, "smallest_effect": effect}
    return found.model_copy(update=ends)


def _distinctness(found: Estimate) -> float:
    half = (found.high - found.low) / 2
    if not math.isfinite(half):
        return abs(found.value)
    return abs(found.value) / half if half else math.inf * abs(found.value or 0.0)


def times(found: Estimate) -> str:
    """Return a log2 ratio as a factor with its interval."""
    return f"{2**found.value:.2f} [{2**found.low:.2f}, {2**found.high:.2f}]"
