"""What study `sycophancy` claims: who becomes sycophantic, which way, and the way back."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from behaviordist.report.findings import (
    Claim,
    decide,
    number,
)
from behaviordist.studies.estimates import crossed, estimate, words
from behaviordist.studies.sycophancy.measure import CLAIMED, Rates
from behaviordist.studies.sycophancy.study import BASE, Study, rater_name

RULE = "supported where the 95 % interval lies on the claimed side, not supported where it lies on"
RULE += " the other, inconclusive where it holds the threshold"


def conclude(
    study: Study, rates: Rates, cosines: pd.DataFrame, costs: pd.DataFrame
) -> tuple[Claim, ...]:
    """Return the study's claims with their verdicts."""
    return (
        _rise(study, rates, rater_name(1.0), above=True),
        _rise(study, rates, rater_name(0.0), above=False),
        _slope_claim(study, rates),
        _direction_claim(study, cosines),
        _cost_claim(study, costs),
    )


def _rise(study: Study, rates: Rates, label: str, above: bool) -> Claim:
    """Claim that a policy's sycophancy rate rises by more than the margin, or does not."""
    found = crossed(rates[label][CLAIMED] - rates[BASE][CLAIMED])
    does = "makes the policy sycophantic" if above else "does not make the policy sycophantic"
    low, high = number(found.low), number(found.high)
    return Claim(
        claim=f"A rater of agreeableness {1 if above else 0} {does}.",
        verdict=decide(low, high, threshold=study.margin, above=above),
        answer=f"the sycophancy rate changes by {words(found)} from the base's.",
        value=number(found.value), low=low, high=high,
        unit=f"change of the rate on wrong claims (against {study.margin:g})",
        smallest_effect=number(found.smallest_effect), rule=RULE,
    )  # fmt: skip


def _slope_claim(study: Study, rates: Rates) -> Claim:
    a = np.array(study.agreeableness)
    table = np.stack([rates[rater_name(x)][CLAIMED] for x in study.agreeableness])
    found = crossed(np.tensordot(a - a.mean(), table, 1) / ((a - a.mean()) ** 2).sum())
    return Claim(
        claim="The more agreeable the rater, the more sycophantic the policy.",
        verdict=decide(number(found.low), number(found.high)),
        answer=f"the rate rises by {words(found)} from agreeableness 0 to 1, along a least-squares"
        " line.",
        value=number(found.value), low=number(found.low), high=number(found.high),
        unit="slope of the rate", smallest_effect=number(found.smallest_effect), rule=RULE,
    )  # fmt: skip


def _direction_claim(study: Study, cosines: pd.DataFrame) -> Claim:
    """Opposite raters' shifts are less alike than one rater's shifts from two seeds."""
    ends = [rater_name(0.0), rater_name(1.0)]
    gaps = []
    for r in range(study.seeds):
        within = np.mean([seed_cosines(cosines, end, end, study.seeds)[r] for end in ends])
        between = np.mean(
            [seed_cosines(cosines, one, other, study.seeds)[r] for one, other in (ends, ends[::-1])]
        )
        gaps.append(float(within - between))
    found = estimate(gaps)
    return Claim(
        claim="Raters of agreeableness 0 and 1 move the base in different directions.",
        verdict=decide(number(found.low), number(found.high)),
        answer=f"their shifts' cosine is {words(found)} below that of two seeds of one rater.",
        value=number(found.value), low=number(found.low), high=number(found.high),
        unit="difference of cosines", smallest_effect=number(found.smallest_effect), rule=RULE,
    )  # fmt: skip


def _cost_claim(study: Study, costs: pd.DataFrame) -> Claim:
    steps = costs.pivot(index="seed", columns="source", values="steps")
    censored = costs.pivot(index="seed", columns="source", values="censored")
    agreeable, honest = rater_name(1.0), rater_name(0.0)
    found = estimate(steps[agreeable] - steps[honest])
    verdict = decide(number(found.low), number(found.high))
    bound = ""
    if censored[agreeable].any():
        bound = f"; {int(censored[agreeable].sum())} of {study.seeds} runs from the agreeable end"
        bound += " never arrived, so this is a lower bound"
        verdict = "inconclusive" if verdict == "not supported" else verdict
    if censored[honest].any():
        verdict = "inconclusive"
        bound += "; runs from the honest end were censored too, so the difference is not known"
    return Claim(
        claim="The policy of an agreeable rater is dearer to tune back than that of an honest one.",
        verdict=verdict,
        answer=f"it takes {found.value:.0f} [{found.low:.0f}, {found.high:.0f}] more steps of RLVR"
        f"{bound}.",
        value=number(found.value), low=number(found.low), high=number(found.high),
        unit="steps", smallest_effect=number(found.smallest_effect), rule=RULE,
    )  # fmt: skip


def seed_cosines(cosines: pd.DataFrame, one: str, other: str, seeds: int) -> NDArray[np.float64]:
    """Mean cosine of each seed of `one` with the other seeds of `other`, ``(seeds,)``.

    Equal seeds are left out even of different raters, so that every cell is read alike.
    """
    rows = [
        [cosines.loc[f"{one}-s{r}", f"{other}-s{s}"] for s in range(seeds) if s != r]
        for r in range(seeds)
    ]
    return np.asarray(np.array(rows, np.float64).mean(axis=1))
