"""What study `growing` claims: does growth pay, and what does distance leave out?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from behaviordist.record import Claim, Estimate
from behaviordist.studies.claims import TOGETHER, few, mean_claim, median_claim, together
from behaviordist.studies.exact import ALPHA
from behaviordist.studies.growing.measure import (
    ROUNDING,
    Measured,
)
from behaviordist.studies.growing.runs import fresh

RULE_NOT_ALL = (
    "'does not cost the same' is supported where one operator's sign test over seeds, times the"
    f" number of operators (Bonferroni), lies below {ALPHA:g}; inconclusive otherwise; {TOGETHER}"
)


def conclude(measured: Measured) -> tuple[Claim, ...]:
    """Return the study's claims with their verdicts."""
    claims = [_left_claim(measured), _unequal_claim(measured)]
    claims.append(_savings_claim(measured, measured.exact))
    if measured.jumping:
        claims += [_savings_claim(measured, measured.jumping), _jump_claim(measured)]
    return together([*claims, _tuning_claim(measured)])


def _left_claim(measured: Measured) -> Claim:
    left, largest = measured.saving(measured.exact, "left"), measured.largest_jump(measured.exact)
    claim = median_claim(
        "Distance is not all: growth at distance 0 still leaves a cost to the large model's level.",
        left,
        "the largest distance of a function-preserving growth from its small model is"
        f" {largest:.1g}, and {left.median().value:.0%} of the FLOPs from scratch are still to be"
        " paid after it.",
        unit="share of the FLOPs from scratch, paid after growth",
    )
    return claim if largest < ROUNDING else claim.model_copy(update={"verdict": "inconclusive"})


def _unequal_claim(measured: Measured) -> Claim:
    """The operator whose seeds agree most on another number of steps than the small model's."""
    ratios = {name: measured.ratio("fresh", [name]) for name in measured.exact}
    name = min(ratios, key=lambda key: (ratios[key].p_value(), -abs(ratios[key].median().value)))
    p_value = min(1.0, len(ratios) * ratios[name].p_value())
    ratio = ratios[name].median().model_copy(update={"p_value": p_value})
    return Claim.of(
        "Two models at distance 0 do not cost the same to tune: the small one, and itself freshly"
        " grown.",
        ratio,
        f"after '{name}', the most telling of {len(ratios)} operators, post-training takes"
        f" {2**ratio.value:.2f} times the steps that it takes from the small model."
        + few(ratio.n or 0),
        unit="log2 of steps freshly grown over steps small",
        verdict="supported" if p_value <= ALPHA else "inconclusive",
        rule=RULE_NOT_ALL,
    )


def _savings_claim(measured: Measured, operators: Sequence[str]) -> Claim:
    saving = measured.saving(operators)
    part = measured.savings[measured.savings["operator"].isin(operators)]
    names = "Function-preserving growth" if operators == measured.exact else "Growth with a jump"
    late, late_scratch = int(part["censored_growth"].sum()), int(part["censored_scratch"].sum())
    return median_claim(
        f"{names} reaches the large model's level on fewer FLOPs than from scratch.",
        saving,
        "savings, FLOPs from scratch over FLOPs via growth with the small model's included, are"
        f" {2 ** saving.median().value:.2f} in the median seed (geometric mean over"
        f" {', '.join(operators)}); {late} of {len(part)} grown runs and {late_scratch} from"
        " scratch did not get there and bound it.",
        unit="log2 of FLOPs from scratch over FLOPs via growth (above 0: pays)",
    )


def _jump_claim(measured: Measured) -> Claim:
    jumps = measured.jumps.pivot_table(index="seed", columns="name", values="distance")
    other = jumps["other seed"] if "other seed" in jumps else pd.Series(np.nan, jumps.index)
    names = [fresh(operator) for operator in measured.jumping]
    further = np.log2(jumps[names].mean(axis=1) / other)
    # A distance of untrained growth cannot fail: it varies smoothly from seed to seed.
    return mean_claim(
        "Stacking and interpolation move the function further than another seed would.",
        further,
        f"their jump is {2 ** float(further.mean()):.2f} times the distance between small models"
        " of two seeds.",
        unit="log2 of the jump over the distance between seeds",
    )


def _tuning_claim(measured: Measured) -> Claim:
    ratio = measured.ratio("trained", measured.exact)
    return median_claim(
        "At equal FLOPs, a model grown by a function-preserving operator is cheaper to post-train"
        " than the large one from scratch.",
        ratio,
        f"it takes {2 ** ratio.median().value:.2f} times the steps in the median seed, over"
        f" {', '.join(measured.exact)} and {', '.join(measured.runs.study.post_training)}.",
        unit="log2 of steps grown over steps from scratch (below 0: cheaper)",
        above=False,
    )


def times(ratio: Estimate) -> str:
    """Return a log2 ratio as a factor with its interval."""
    if not ratio.has_interval:
        return f"{2**ratio.value:.2f}"
    return f"{2**ratio.value:.2f} [{2**ratio.low:.2f}, {2**ratio.high:.2f}]"
