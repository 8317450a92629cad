"""What study `transfer` claims: six claims, decided together, and the law beside them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

from behaviordist.errors import InputError
from behaviordist.hypothesis import TransferTest, VerdictRule, transfer_test
from behaviordist.hypothesis.models.law import Law, fit_law
from behaviordist.record import Claim, Estimate, Verdict
from behaviordist.store.step_down import holm
from behaviordist.studies.transfer.claims import (
    Asked,
    both_ways,
    closer,
    direction,
    same_cost,
    snapshots,
    weights,
)
from behaviordist.studies.transfer.measure import KL, SURPRISE, WEIGHTS, Tables
from behaviordist.studies.transfer.study import ClaimSection

LAWFUL = ("mixture of A", "mixture of B", "permuted", "base")
"""Kinds of sources that the law is fitted on: coherent, and soft. Hard ones have lost support and
snapshots coherence: there the line must break, and they are drawn beside it."""


@dataclass(frozen=True)
class Conclusion:
    """All that the page says.

    Attributes
    ----------
    claims
        The six, in the order of the study's file.
    tests
        "all targets" and each algorithm -> the test of the primary predictor, with the others.
    laws, by_overlap, by_weights
        Algorithm -> the line against KL, against -log overlap, against weight distance.
    """

    claims: tuple[Claim, ...]
    tests: Mapping[str, TransferTest]
    laws: Mapping[str, Law]
    by_overlap: Mapping[str, Law]
    by_weights: Mapping[str, Law]


def conclude(section: ClaimSection, tables: Tables, seed: int) -> Conclusion:
    """Decide the six claims over the tables; `seed` drives relabellings."""
    tests = {"all targets": primary_test(section, tables, seed)}
    for algorithm in dict(tables.by_algorithm):
        targets = tables.of(algorithm)
        if len(targets) > 1:
            tests[algorithm] = primary_test(section, tables, seed, targets)
    questions: list[tuple[str, Callable[[], Asked]]] = [
        ("Closer is cheaper.", partial(closer, tests["all targets"])),
        ("The functions know the cost better than the weights.", partial(weights, tables)),
        ("The direction matters.", partial(direction, tables)),
        (
            "The same function at other weights costs the same.",
            partial(same_cost, tables, section.same_cost),
        ),
        (
            "Where one way is more surprising than back, it is dearer than back.",
            partial(both_ways, tables, section.permutations, seed),
        ),
        ("A snapshot costs more than its distance says.", partial(snapshots, tables)),
    ]
    answered = [_answered(claim, ask) for claim, ask in questions]
    p_values = [a.estimate.p_value if a.estimate.is_known else 1.0 for a in answered]
    adjusted = holm([1.0 if np.isnan(p) else p for p in p_values])
    claims = tuple(
        _decided(a, float(p), section.alpha) for a, p in zip(answered, adjusted, strict=True)
    )
    laws, by_overlap, by_weights = (
        {a: law_of(tables, frame, a) for a, _ in tables.by_algorithm}
        for frame in (tables.nats, tables.predictors[SURPRISE], tables.baselines[WEIGHTS])
    )
    return Conclusion(claims, tests, laws, by_overlap, by_weights)


def primary_test(
    section: ClaimSection, tables: Tables, seed: int, targets: list[str] | None = None
) -> TransferTest:
    """Test the primary predictor, the others and the baselines beside it."""
    chosen = list(tables.costs.columns) if targets is None else targets
    others = {name: frame[chosen] for name, frame in tables.predictors.items() if name != KL}
    labels = {*tables.costs.index, *chosen}
    return transfer_test(
        tables.nats[chosen],
        tables.costs[chosen],
        predictors=others,
        baselines={name: frame[chosen] for name, frame in tables.baselines.items()},
        censored=tables.late[chosen],
        units={label: unit for label, unit in tables.units.items() if label in labels},
        strata=tables.strata,
        permutations=section.permutations,
        seed=seed,
        rule=VerdictRule(alpha=section.alpha, relevant_effect=section.relevant_effect),
    )


def law_of(tables: Tables, predictor: pd.DataFrame, algorithm: str) -> Law:
    """Fit the line of one algorithm's costs against a predictor, on the sources of `LAWFUL`."""
    rows = [s for s, kind in tables.kind.items() if kind in LAWFUL]
    targets = tables.of(algorithm)
    return fit_law(
        predictor.loc[rows, targets],
        tables.costs.loc[rows, targets],
        censored=tables.late.loc[rows, targets],
        units={label: tables.units[label] for label in (*rows, *targets)},
    )


def _answered(claim: str, ask: Callable[[], Asked]) -> Asked:
    """Ask; where the data cannot answer, say why."""
    try:
        return ask()
    except InputError as error:
        return Asked(claim, "", "", Estimate(reason=str(error)), f"not asked: {error}.", False)


def _decided(question: Asked, adjusted: float, alpha: float) -> Claim:
    """Hold the adjusted p-value against the level all claims share.

    A small p-value beside an interval that holds 0 supports nothing: the two would contradict each
    other on one line.
    """
    verdict: Verdict = "not supported" if question.against else "inconclusive"
    clear = question.equivalence or question.estimate.low > 0
    if question.estimate.is_known and adjusted <= alpha and clear and not question.against:
        verdict = "supported"
    said = f" p = {question.estimate.p_value:.2g}, {adjusted:.2g} among the six (Holm)."
    answer = question.answer + (said if question.estimate.is_known else "")
    return Claim(
        claim=question.claim,
        verdict=verdict,
        answer=answer,
        estimate=question.estimate,
        unit=question.unit,
        rule=question.rule,
    )
