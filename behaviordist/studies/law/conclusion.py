"""What a study of the law concludes: claims decided together, the fitted lines beside them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

from behaviordist.errors import InputError
from behaviordist.hypothesis import TransferTest, VerdictRule, transfer_test
from behaviordist.hypothesis.models.law import Law, fit_law
from behaviordist.record import Claim, Estimate, Verdict
from behaviordist.store.step_down import holm
from behaviordist.studies.law.claims import Asked, closer, direction, same_cost, weights
from behaviordist.studies.law.tables import KL, SURPRISE, WEIGHTS, Tables
from behaviordist.studies.study_file import ClaimSection

Question = tuple[str, Callable[[], Asked]]
"""A claim, and what asks it of the tables."""


@dataclass(frozen=True)
class Conclusion:
    """All that the page says.

    Attributes
    ----------
    claims
        In the order in which the study asks them.
    tests
        "all targets" and each algorithm -> the test of the primary predictor, with the others.
    laws, by_overlap, by_weights
        Algorithm -> the line against KL, against -log overlap, against weight distance.
    lawful
        Kinds of sources that the lines are fitted on.
    """

    claims: tuple[Claim, ...]
    tests: Mapping[str, TransferTest]
    laws: Mapping[str, Law]
    by_overlap: Mapping[str, Law]
    by_weights: Mapping[str, Law]
    lawful: tuple[str, ...]


def conclusion_of(
    section: ClaimSection,
    tables: Tables,
    seed: int,
    lawful: tuple[str, ...],
    more: Sequence[Question] = (),
) -> Conclusion:
    """Decide the claims together (Holm); fit the lines on sources of `lawful` kinds.

    `seed` drives relabellings; `more` are claims beside those that every study of the law makes.
    """
    tests = {"all targets": _primary_test(section, tables, seed, list(tables.costs.columns))}
    for algorithm, targets in tables.by_algorithm:
        if len(targets) > 1:
            tests[algorithm] = _primary_test(section, tables, seed, targets)
    same = partial(same_cost, tables, section.same_cost)
    questions: list[Question] = [
        ("Closer is cheaper.", partial(closer, tests["all targets"])),
        ("The functions know the cost better than the weights.", partial(weights, tables)),
        ("The direction matters.", partial(direction, tables)),
        ("The same function at other weights costs the same.", same),
        *more,
    ]
    answered = [_answered(claim, ask) for claim, ask in questions]
    p_values = [a.estimate.p_value if a.estimate.is_known else 1.0 for a in answered]
    adjusted = holm([1.0 if np.isnan(p) else p for p in p_values])
    claims = tuple(
        _decided(a, float(p), section.alpha, len(answered))
        for a, p in zip(answered, adjusted, strict=True)
    )
    laws, by_overlap, by_weights = (
        {a: law_of(tables, frame, a, lawful) for a, _ in tables.by_algorithm}
        for frame in (tables.nats, tables.predictors[SURPRISE], tables.baselines[WEIGHTS])
    )
    return Conclusion(claims, tests, laws, by_overlap, by_weights, lawful)


def _primary_test(
    section: ClaimSection, tables: Tables, seed: int, chosen: list[str]
) -> TransferTest:
    """Test the primary predictor, the others and the baselines beside it, on chosen targets."""
    others = {name: frame[chosen] for name, frame in tables.predictors.items() if name != KL}
    return transfer_test(
        tables.nats[chosen],
        tables.costs[chosen],
        predictors=others,
        baselines={name: frame[chosen] for name, frame in tables.baselines.items()},
        censored=tables.late[chosen],
        units=tables.units_in(tables.costs[chosen]),
        strata=tables.strata,
        permutations=section.permutations,
        seed=seed,
        rule=VerdictRule(alpha=section.alpha, relevant_effect=section.relevant_effect),
    )


def law_of(tables: Tables, predictor: pd.DataFrame, algorithm: str, lawful: Sequence[str]) -> Law:
    """Fit the line of one algorithm's costs against a predictor, on sources of `lawful` kinds."""
    rows = [s for s, kind in tables.kind.items() if kind in lawful]
    targets = tables.of(algorithm)
    return fit_law(
        predictor.loc[rows, targets],
        tables.costs.loc[rows, targets],
        censored=tables.late.loc[rows, targets],
        units={label: tables.units[label] for label in (*rows, *targets)},
    )


def reliability(tables: Tables) -> tuple[float, float] | None:
    """Return how costs of two seeds agree inside targets, and the ceiling that sets for one seed.

    A noiseless predictor correlates with costs of reliability r by sqrt(r) at most (Spearman 1904),
    times what their ties leave (`tie_ceiling`).
    """
    first = tables.once.loc[tables.again.index]
    try:
        test = transfer_test(first, tables.again, permutations=99)
    except InputError:
        return None
    return test.value, math.sqrt(max(test.value, 0.0)) * test.tie_ceiling


def number(n: int) -> str:
    """Return a small number as a word."""
    words = ("no", "one", "two", "three", "four", "five", "six")
    return words[n] if n < len(words) else str(n)


def _answered(claim: str, ask: Callable[[], Asked]) -> Asked:
    """Ask; where the data cannot answer, say why."""
    try:
        return ask()
    except InputError as error:
        return Asked(claim, "", "", Estimate(reason=str(error)), f"not asked: {error}.", False)


def _decided(question: Asked, adjusted: float, alpha: float, among: int) -> Claim:
    """Hold the adjusted p-value against the level all claims share.

    A small p-value beside an interval that holds 0 supports nothing: the two would contradict each
    other on one line.
    """
    verdict: Verdict = "not supported" if question.against else "inconclusive"
    clear = question.equivalence or question.estimate.low > 0
    if question.estimate.is_known and adjusted <= alpha and clear and not question.against:
        verdict = "supported"
    said = f" p = {question.estimate.p_value:.2g}, {adjusted:.2g} among the {number(among)} (Holm)."
    tested = question.estimate.is_known and not math.isnan(question.estimate.p_value)
    answer = question.answer + (said if tested else "")
    return Claim(
        claim=question.claim,
        verdict=verdict,
        answer=answer,
        estimate=question.estimate,
        unit=question.unit,
        rule=question.rule,
    )
