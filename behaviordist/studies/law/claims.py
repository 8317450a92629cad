"""Claims that every study of the law makes, each asked of the tables on its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from behaviordist.errors import InputError
from behaviordist.hypothesis import TransferTest
from behaviordist.hypothesis.predictor_difference import predictor_difference
from behaviordist.record import Estimate
from behaviordist.studies.law.tables import REVERSE, WEIGHTS, Tables

CORRELATION = "mean Spearman correlation inside a target"


@dataclass(frozen=True)
class Asked:
    """A claim before its p-value is held against those of the others.

    Attributes
    ----------
    claim, unit, rule
        In words.
    estimate
        With the p-value of the claim's own null.
    answer
        What the data say.
    against
        Whether the interval speaks against the claim.
    equivalence
        Whether the claim is that a difference is small: its interval then may hold 0.
    """

    claim: str
    unit: str
    rule: str
    estimate: Estimate
    answer: str
    against: bool
    equivalence: bool = False


def closer(test: TransferTest) -> Asked:
    """Claim that closer is cheaper, by the test's own rule."""
    beyond = test.beyond_sources
    p = test.p_value if beyond is None else max(test.p_value, beyond.p_value)
    rest = "" if beyond is None else f", and {beyond.value:.2f} with source effects removed"
    return Asked(
        "Closer is cheaper.",
        CORRELATION,
        "supported where KL ranks costs inside targets and still does with source effects removed"
        " (the larger of the two p-values counts); not supported where the interval lies below"
        f" {test.rule.relevant_effect:g}",
        Estimate(
            value=test.value,
            low=test.ci_low,
            high=test.ci_high,
            p_value=p,
            smallest_effect=test.minimum_supported,
            n=test.n_units,
        ),
        f"KL(f_B || f_A) ranks the costs at {test.value:.2f} [{test.ci_low:.2f},"
        f" {test.ci_high:.2f}]{rest}.",
        test.ci_high < test.rule.relevant_effect,
    )


def _compared(tables: Tables, claim: str, other: str, words: str, rivals: pd.DataFrame) -> Asked:
    difference = predictor_difference(
        tables.nats, rivals, tables.costs, censored=tables.late, units=tables.units
    )
    missing = int(rivals.isna().to_numpy().sum())
    gaps = f"; {missing} pairs have no {other}" if missing else ""
    return Asked(
        claim,
        "difference of correlations",
        "supported where KL ranks costs inside targets better on the same pairs; not supported"
        " where the interval of the difference lies below 0",
        Estimate(
            value=difference.value,
            low=difference.low,
            high=difference.high,
            p_value=difference.p_value,
        ),
        f"KL {difference.first:.2f}, {words} {difference.second:.2f}: {difference.value:+.2f}"
        f" [{difference.low:+.2f}, {difference.high:+.2f}]{gaps}.",
        difference.high < 0,
    )


def weights(tables: Tables) -> Asked:
    """Claim that functions know the cost better than the weights do."""
    claim = "The functions know the cost better than the weights."
    return _compared(
        tables, claim, "weight distance", "distance of weights", tables.baselines[WEIGHTS]
    )


def direction(tables: Tables) -> Asked:
    """Claim that KL towards the target knows more than KL the other way."""
    return _compared(
        tables, "The direction matters.", REVERSE, "KL(f_A || f_B)", tables.baselines[REVERSE]
    )


def same_cost(tables: Tables, margin: float) -> Asked:
    """Two one-sided tests over copies (Schuirmann 1987); a cost is known to one evaluation."""
    gaps = pd.DataFrame(
        [tables.costs.loc[copy] - tables.costs.loc[first] for copy, first in tables.copies.items()]
    ).to_numpy(dtype=np.float64)
    each = np.nanmean(gaps, axis=1)
    n = len(each)
    if n < 2:
        raise InputError("fewer than two permuted copies")
    known = int(np.isfinite(gaps).sum())
    # Costs are read off at whole steps: a mean of equal costs is no proof to the last digit.
    rounding = 2 / 12 / known
    error = float(np.sqrt(max(each.var(ddof=1) / n, rounding)))
    mean, half = float(each.mean()), float(stats.t.ppf(0.975, n - 1)) * error
    p = float(stats.t.sf((margin - abs(mean)) / error, n - 1))
    equal = int((gaps == 0).sum())
    away = tables.baselines[WEIGHTS].loc[list(tables.copies)].median(axis=1)  # NaN: another size
    apart = float(away.median())
    return Asked(
        "The same function at other weights costs the same.",
        "steps dearer than the original",
        f"supported where the mean difference is shown to lie within {margin:g} step(s) (two"
        " one-sided tests over copies); not supported where its interval lies outside",
        Estimate(value=mean, low=mean - half, high=mean + half, p_value=p, n=n),
        f"{mean:+.2f} steps [{mean - half:+.2f}, {mean + half:+.2f}] over {n} copies; {equal} of"
        f" {known} costs are equal to the step, the largest differs by {np.nanmax(abs(gaps)):.0f}."
        f" Weights lie {apart:.0f} from the targets', KL to the originals' targets differs by"
        f" {_nat_gap(tables):.2g} nats at most.",
        mean - half > margin or mean + half < -margin,
        equivalence=True,
    )


def _nat_gap(tables: Tables) -> float:
    first, second = (tables.nats.loc[list(side)].to_numpy(dtype=float) for side in
                     (tables.copies, tables.copies.values()))  # fmt: skip
    return float(np.abs(first - second).max())
