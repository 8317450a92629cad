"""What study `inference` claims: verdicts by rules of the study's file, over seeds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from behaviordist.record import Claim, Estimate, Verdict
from behaviordist.studies.claims import TOGETHER, mean_claim, median_claim, t_p_value, together
from behaviordist.studies.estimates import estimate, words
from behaviordist.studies.exact import SeedValues
from behaviordist.studies.inference.answers import Answers, predicted, temperature
from behaviordist.studies.inference.measure import (
    GEOMETRY,
)
from behaviordist.studies.inference.study import BASE

Floats = NDArray[np.float64]


def conclude(answers: Answers) -> tuple[Claim, ...]:
    """Return the study's claims with their verdicts, which hold together."""
    about, bits = answers.runs.study.claims, answers.quantisation["bits"][0]
    few = int(np.argmin(bits))
    scores = answers.quantisation["scores"][:, :, few]
    away = np.sqrt(answers.quantisation["squared"][:, :, few].mean(axis=2))
    two, one = (
        answers.change(BASE, about.thoughts, "prompt:named", f"steps:{n}") for n in ("two", "one")
    )
    shots = "prompt:shots2"
    lost, windowed = (answers.change(BASE, s, shots) for s in (about.without, about.window))
    chance, distance = "probability of the right answer", f"{GEOMETRY} distance"
    return together((
        cache_claim(answers),
        small_claim(answers),
        above(
            f"At {bits[few]} bits, training for the grid (QAT) beats rounding afterwards.",
            scores[:, 1] - scores[:, 0], "score",
            f"QAT scores {scores[:, 1].mean():.3f}, rounded SFT {scores[:, 0].mean():.3f}",
        ),
        above(
            f"At {bits[few]} bits, QAT stays nearer to unrounded SFT than rounded SFT does.",
            away[:, 0] - away[:, 1], distance,
            f"QAT lies {away[:, 1].mean():.3f} away, rounded SFT {away[:, 0].mean():.3f}",
        ),
        linear_claim(answers),
        above(
            "A scratchpad makes named two-step functions come out right more often.",
            two, chance, "change of the base",
        ),
        above(
            "It does so more than for one-step functions, which have nothing to write down.",
            two - one, chance,
            f"two-step functions change by {signed(two.mean())}, one-step ones by"
            f" {signed(one.mean())}",
        ),
        above(
            "Solved examples are used: without them the hidden function comes out less often.",
            -lost, chance, "what two examples add in the base",
        ),
        above(
            "Cutting a context that is longer than any training document helps.",
            answers.change(BASE, about.shorter, "prompt:shots4"), chance,
            "change of the base on four examples, of which two are kept",
        ),
        above(
            "A sliding window loses less than cutting the context to as many tokens.",
            windowed - lost, chance,
            f"after two examples the window changes {signed(windowed.mean())}, the cut"
            f" {signed(lost.mean())}",
        ),
    ))  # fmt: skip


def above(claim: str, values: Floats, unit: str, answer: str) -> Claim:
    """Claim that a quantity lies above zero in the median seed: a training can fail outright."""
    seeds = SeedValues(values)
    number = seeds.median()
    return median_claim(
        claim, seeds, f"{answer}: {words(number, 3)}, median of {number.n} seeds.", unit=unit
    )


def cache_claim(answers: Answers) -> Claim:
    """Claim that computing from the cache is the same function."""
    study = answers.runs.study
    names, bound = study.settings.get("cache", {}), study.rule.cache_bound
    farthest = [answers.distance(m, s).max() for m in answers.models for s in names]
    at = [answers.names.index(name) for name in names]
    drift = max(float(table["drift"][:, at].max()) for table in answers.models.values())
    largest = float(max(farthest))
    what = ": no more than rounding leaves" if largest <= bound else ""
    return Claim.of(
        "Computing from the key-value cache is the same behavior.",
        Estimate(value=largest, smallest_effect=bound),
        f"the largest distance of any checkpoint is {largest:.1e}, the largest change of any"
        f" probability {drift:.1e}{what}.",
        unit=f"{GEOMETRY} distance",
        verdict="supported" if largest <= bound else "not supported",
        rule=f"the cache is the same where the largest distance of all checkpoints is at most"
        f" {bound:g}",
    )  # fmt: skip


def small_claim(answers: Answers) -> Claim:
    """Claim that mild rounding is small beside what another seed does."""
    name, small = answers.runs.study.claims.rounding, answers.runs.study.rule.small
    ratios = [answers.distance(m, name) / answers.between_seeds(m) for m in answers.models]
    share = np.mean(ratios, axis=0)
    # Rounding is applied to what is trained already: it varies smoothly from seed to seed.
    return mean_claim(
        f"{name} moves a behavior by less than {small:.0%} of what another seed does.",
        share.tolist(),
        f"{words(estimate(share), 3)} of the distance between seeds, mean over checkpoints.",
        unit="share of the distance between seeds",
        threshold=small,
        above=False,
    )


def linear_claim(answers: Answers) -> Claim:
    """Claim that near temperature 1 the distance is what the spread of log p says."""
    near, tolerance = answers.runs.study.claims.near, answers.runs.study.rule.linear
    ratios = [
        answers.distance(m, name) / predicted(answers, m, temperature(answers, name))
        for m in answers.models
        for name in near
    ]
    ratio = estimate(np.mean(ratios, axis=0).tolist())
    low, high = 1 - tolerance, 1 + tolerance
    # Two one-sided tests (Schuirmann 1987): the larger p-value is that of lying in between.
    p_value = max(t_p_value(ratio, low), t_p_value(ratio, high))
    return Claim.of(
        "A small change of temperature moves a behavior as far as the spread of its"
        " log-probabilities says.",
        ratio.model_copy(update={"p_value": p_value}),
        f"measured over predicted distance is {words(ratio, 3)}, mean of {' and '.join(near)}: on"
        " the two sides of 1 the second order has opposite signs.",
        unit="measured / predicted",
        verdict=within(ratio, low, high),
        rule=f"the law holds where Student's interval of measured over predicted distance lies"
        f" within {low:g} to {high:g}, not where it lies outside; {TOGETHER}",
    )


def within(ratio: Estimate, low: float, high: float) -> Verdict:
    """Supported where the interval lies inside, not supported where it lies outside."""
    if not np.isfinite(ratio.low):
        return "inconclusive"
    if low <= ratio.low and ratio.high <= high:
        return "supported"
    return "not supported" if ratio.high < low or ratio.low > high else "inconclusive"


def signed(value: float) -> str:
    """Return a change with its sign."""
    return words(Estimate(value=value), 3, signed=True)
