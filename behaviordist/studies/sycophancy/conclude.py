"""What study `sycophancy` claims: who becomes sycophantic, which way, and the way back."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from behaviordist.record import Claim, decide
from behaviordist.studies.estimates import crossed, estimate, words
from behaviordist.studies.sycophancy.measure import CLAIMED, Rates
from behaviordist.studies.sycophancy.study import BASE, Study, rater_name


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
    return Claim.of(
        f"A rater of agreeableness {1 if above else 0} {does}.",
        found,
        f"the sycophancy rate changes by {words(found)} from the base's.",
        unit=f"change of the rate on wrong claims (against {study.margin:g})",
        threshold=study.margin, above=above,
    )  # fmt: skip


def _slope_claim(study: Study, rates: Rates) -> Claim:
    a = np.array(study.agreeableness)
    table = np.stack([rates[rater_name(x)][CLAIMED] for x in study.agreeableness])
    found = crossed(np.tensordot(a - a.mean(), table, 1) / ((a - a.mean()) ** 2).sum())
    return Claim.of(
        "The more agreeable the rater, the more sycophantic the policy.",
        found,
        f"the rate rises by {words(found)} from agreeableness 0 to 1, along a least-squares"
        " line.",
        unit="slope of the rate",
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
    return Claim.of(
        "Raters of agreeableness 0 and 1 move the base in different directions.",
        found,
        f"their shifts' cosine is {words(found)} below that of two seeds of one rater.",
        unit="difference of cosines",
    )  # fmt: skip


def _cost_claim(study: Study, costs: pd.DataFrame) -> Claim:
    steps = costs.pivot(index="seed", columns="source", values="steps")
    censored = costs.pivot(index="seed", columns="source", values="censored")
    agreeable, honest = rater_name(1.0), rater_name(0.0)
    found = estimate(steps[agreeable] - steps[honest])
    verdict = decide(found)
    bound = ""
    if censored[agreeable].any():
        bound = f"; {int(censored[agreeable].sum())} of {study.seeds} runs from the agreeable end"
        bound += " never arrived, so this is a lower bound"
        verdict = "inconclusive" if verdict == "not supported" else verdict
    if censored[honest].any():
        verdict = "inconclusive"
        bound += "; runs from the honest end were censored too, so the difference is not known"
    return Claim.of(
        "The policy of an agreeable rater is dearer to tune back than that of an honest one.",
        found,
        f"it takes {found.value:.0f} [{found.low:.0f}, {found.high:.0f}] more steps of RLVR"
        f"{bound}.",
        unit="steps", verdict=verdict,
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
