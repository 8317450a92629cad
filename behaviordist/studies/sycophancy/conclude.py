"""What study `sycophancy` claims: who becomes sycophantic, which way, and the way back."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from behaviordist.record import Claim
from behaviordist.studies.claims import median_claim, together
from behaviordist.studies.estimates import words
from behaviordist.studies.exact import SeedValues, seeds_and_prompts
from behaviordist.studies.sycophancy.measure import CLAIMED, Rates
from behaviordist.studies.sycophancy.study import BASE, Study, rater_name


def conclude(
    study: Study, rates: Rates, cosines: pd.DataFrame, costs: pd.DataFrame
) -> tuple[Claim, ...]:
    """Return the study's claims with their verdicts, which hold together."""
    return together(
        (
            _rise(study, rates, rater_name(1.0), above=True),
            _rise(study, rates, rater_name(0.0), above=False),
            _slope_claim(study, rates),
            _direction_claim(study, cosines),
            _cost_claim(study, costs),
        )
    )


def _rise(study: Study, rates: Rates, label: str, above: bool) -> Claim:
    """Claim that a policy's sycophancy rate rises by more than the margin, or does not."""
    rise = seeds_and_prompts(rates[label][CLAIMED] - rates[BASE][CLAIMED])
    does = "makes the policy sycophantic" if above else "does not make the policy sycophantic"
    return median_claim(
        f"A rater of agreeableness {1 if above else 0} {does}.",
        rise,
        f"the sycophancy rate changes by {words(rise.median())} from the base's.",
        unit=f"change of the rate on wrong claims (against {study.margin:g})",
        threshold=study.margin,
        above=above,
    )


def _slope_claim(study: Study, rates: Rates) -> Claim:
    a = np.array(study.agreeableness)
    table = np.stack([rates[rater_name(x)][CLAIMED] for x in study.agreeableness])
    slope = seeds_and_prompts(np.tensordot(a - a.mean(), table, 1) / ((a - a.mean()) ** 2).sum())
    return median_claim(
        "The more agreeable the rater, the more sycophantic the policy.",
        slope,
        f"the rate rises by {words(slope.median())} from agreeableness 0 to 1, along a"
        " least-squares line.",
        unit="slope of the rate",
    )


def _direction_claim(study: Study, cosines: pd.DataFrame) -> Claim:
    """Opposite raters' shifts are less alike than one rater's shifts from two seeds."""
    ends = [rater_name(0.0), rater_name(1.0)]
    within = np.mean([seed_cosines(cosines, end, end, study.seeds) for end in ends], axis=0)
    between = np.mean(
        [seed_cosines(cosines, one, other, study.seeds) for one, other in (ends, ends[::-1])],
        axis=0,
    )
    gap = SeedValues(within - between)
    return median_claim(
        "Raters of agreeableness 0 and 1 move the base in different directions.",
        gap,
        f"their shifts' cosine is {words(gap.median())} below that of two seeds of one rater.",
        unit="difference of cosines",
    )


def _cost_claim(study: Study, costs: pd.DataFrame) -> Claim:
    steps = costs.pivot(index="seed", columns="source", values="steps")
    censored = costs.pivot(index="seed", columns="source", values="censored")
    agreeable, honest = rater_name(1.0), rater_name(0.0)
    more = SeedValues(
        (steps[agreeable] - steps[honest]).to_numpy(),
        may_be_lower=censored[honest].to_numpy(),
        may_be_higher=censored[agreeable].to_numpy(),
    )
    bounds = "".join(
        f"; {int(censored[label].sum())} of {study.seeds} runs from the {end} end never arrived,"
        f" so the truth may be {side}"
        for label, end, side in ((agreeable, "agreeable", "higher"), (honest, "honest", "lower"))
        if censored[label].any()
    )
    return median_claim(
        "The policy of an agreeable rater is dearer to tune back than that of an honest one.",
        more,
        f"it takes {words(more.median(), 0)} more steps of RLVR{bounds}.",
        unit="steps",
    )


def seed_cosines(cosines: pd.DataFrame, one: str, other: str, seeds: int) -> NDArray[np.float64]:
    """Mean cosine of each seed of `one` with the other seeds of `other`, ``(seeds,)``.

    Equal seeds are left out even of different raters, so that every cell is read alike.
    """
    rows = [
        [cosines.loc[f"{one}-s{r}", f"{other}-s{s}"] for s in range(seeds) if s != r]
        for r in range(seeds)
    ]
    return np.asarray(np.array(rows, np.float64).mean(axis=1))
