"""Claims over seeds: about the median seed, by exact tests, all claims of a page together."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from behaviordist.record import Claim, Estimate, Verdict
from behaviordist.store.step_down import holm
from behaviordist.studies.estimates import estimate
from behaviordist.studies.exact import (
    ALPHA,
    SeedValues,
    seeds_needed,
    share_limits,
    share_p_value,
)

TOGETHER = (
    "all verdicts of this page hold together with probability 95 % (Holm's step-down over its"
    " claims); each interval is of its own claim alone"
)
MEDIAN_RULE = (
    "about the median seed, by the sign test: supported where it lies on the claimed side of the"
    f" stated threshold, not supported where it lies on the other; {TOGETHER}"
)
MEAN_RULE = (
    "about the mean over seeds, by Student's t: supported where it lies on the claimed side of the"
    f" stated threshold, not supported where it lies on the other; {TOGETHER}"
)


def median_claim(
    claim: str,
    seeds: SeedValues,
    answer: str,
    *,
    unit: str = "",
    threshold: float = 0.0,
    above: bool = True,
) -> Claim:
    """Return a claim about the median seed: for whatever can fail outright.

    Parameters
    ----------
    claim, answer, unit
        As in `Claim`.
    seeds
        The deciding number of every seed.
    threshold, above
        The claim is that the median lies above (or below) this.
    """
    number = seeds.median().model_copy(update={"p_value": seeds.p_value(threshold)})
    verdict = _verdict(number.p_value, seeds.side(threshold), above)
    return Claim.of(
        claim, number, answer + few(number.n or 0), unit=unit, verdict=verdict, rule=MEDIAN_RULE
    )


def mean_claim(
    claim: str,
    values: Iterable[float],
    answer: str,
    *,
    unit: str = "",
    threshold: float = 0.0,
    above: bool = True,
) -> Claim:
    """Return a claim about a mean over seeds: for what varies smoothly and cannot fail.

    Parameters
    ----------
    claim, answer, unit, threshold, above
        As in `median_claim`.
    values
        The deciding number of every seed.
    """
    number = estimate(values)
    number = number.model_copy(update={"p_value": t_p_value(number, threshold)})
    side = int(np.sign(number.value - threshold)) if number.is_known else 0
    verdict = _verdict(number.p_value, side, above)
    return Claim.of(claim, number, answer, unit=unit, verdict=verdict, rule=MEAN_RULE)


def share_claim(
    claim: str,
    successes: int,
    total: int,
    answer: str,
    *,
    unit: str = "",
    threshold: float = 0.5,
    above: bool = True,
) -> Claim:
    """Return a claim about a share of seeds, by the exact binomial test.

    Parameters
    ----------
    claim, answer, unit, threshold, above
        As in `median_claim`.
    successes, total
        Seeds in which it happened, of how many.
    """
    low, high = share_limits(successes, total)
    value = successes / total if total else math.nan
    p_value = share_p_value(successes, total, threshold)
    number = Estimate(value=value, low=low, high=high, p_value=p_value, n=total)
    side = int(np.sign(value - threshold)) if total else 0
    verdict = _verdict(p_value, side, above)
    return Claim.of(
        claim, number, answer + few(total), unit=unit, verdict=verdict, rule=MEDIAN_RULE
    )


def together(claims: Sequence[Claim]) -> tuple[Claim, ...]:
    """Return the claims of a page with verdicts that hold together (Holm over their p-values).

    A claim without a p-value (a bound that is met or not) is no test and stays as it is.
    """
    adjusted = holm([claim.estimate.p_value for claim in claims])
    tested = int(np.isfinite(adjusted).sum())
    return tuple(
        _undecided(claim, p_value, tested)
        if claim.verdict != "inconclusive" and p_value > ALPHA
        else claim
        for claim, p_value in zip(claims, adjusted.tolist(), strict=True)
    )


def few(seeds: int) -> str:
    """Say that so few seeds cannot decide, whatever they show; nothing where they can."""
    if seeds >= seeds_needed():
        return ""
    return f" Too few seeds to say: {seeds} cannot decide, {seeds_needed()} that agree can."


def t_p_value(number: Estimate, threshold: float) -> float:
    """Return the two-sided p-value that belongs to Student's interval of `n - 1` degrees."""
    from scipy import stats

    half = max(number.high - number.value, number.value - number.low)
    if number.n is None or number.n < 2 or not half > 0:
        return math.nan
    error = half / float(stats.t.ppf(1 - ALPHA / 2, number.n - 1))
    return 2 * float(stats.t.sf(abs(number.value - threshold) / error, number.n - 1))


def _verdict(p_value: float, side: int, above: bool) -> Verdict:
    if not p_value <= ALPHA or side == 0:
        return "inconclusive"
    return "supported" if (side > 0) == above else "not supported"


def _undecided(claim: Claim, p_value: float, tested: int) -> Claim:
    note = (
        f" Alone it would be {claim.verdict}; among the {tested} claims of this page it is not"
        f" certain (p = {p_value:.2g} by Holm)."
    )
    return claim.model_copy(update={"verdict": "inconclusive", "answer": claim.answer + note})
