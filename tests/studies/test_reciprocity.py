"""Study `reciprocity`: planted asymmetric costs come back, and its verdicts are those planted."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from behaviordist.studies.load import load_study
from behaviordist.studies.reciprocity.measure import log_costs, rank_link, split_costs
from behaviordist.studies.reciprocity.page import findings
from behaviordist.studies.reciprocity.soft import SoftTables, split_soft

from .claims import claim_of, verdict_of

STUDY = load_study("reciprocity")
LABELS = [regime.label for regime in STUDY.regimes()]
N = len(LABELS)
HEIGHTS = np.linspace(-1, 1, N)
"""Dear to leave by turns of the labels' order: sft first, so rlvr is dear to leave."""


def costs(symmetric=1.0, ranking=0.0, cycle=0.0, base=None, noise=0.02, seeds=3):
    """Log costs (seeds, 1 + N, N) of parts with planted sizes, and the distances behind them."""
    rng = np.random.default_rng(0)
    points = rng.normal(size=(N, 3))
    distance = np.linalg.norm(points[:, None] - points, axis=2)
    turn = rng.normal(size=(N, N))
    turn = turn - turn.T
    turn -= np.subtract.outer(turn.mean(axis=1), turn.mean(axis=1))
    square = symmetric * distance + ranking * np.subtract.outer(HEIGHTS, HEIGHTS) + cycle * turn
    from_base = np.zeros(N) if base is None else base
    table = np.concatenate([from_base[None], square]) + noise * rng.normal(size=(seeds, 1 + N, N))
    table[:, 1 + np.arange(N), np.arange(N)] = np.nan
    square_distance = pd.DataFrame(distance, LABELS, LABELS)
    square_distance.loc["base", LABELS] = rng.uniform(1, 2, N)
    return table, square_distance


def claims(table, distances):
    study = STUDY.model_copy(update={"test": STUDY.test.model_copy(update={"permutations": 499})})
    parts = split_costs(study, table, distances, LABELS, 0)
    return findings(study, parts, pd.DataFrame({"censored": [False, True]})).claims


RECIPROCAL, RANKING = "Tuning is reciprocal", "is a ranking of the behaviors"
SYMMETRIC, BASE = "the part of cost that is the same both ways", "cheap to reach from the base"
NEAR, RLVR = "near to the base", "trained by rlvr rather than sft"


def test_costs_that_are_the_same_both_ways():
    found = claims(*costs())
    assert verdict_of(found, RECIPROCAL) == "supported"
    symmetric = claim_of(found, SYMMETRIC)
    # Functions are the units: four can be put in 24 orders, which is not enough among six claims.
    assert symmetric.estimate.value > 0.99 and symmetric.estimate.p_value == pytest.approx(1 / 24)
    assert symmetric.verdict == "inconclusive" and "4 functions" in symmetric.answer


def test_a_ranking_of_the_behaviors_is_seen_and_explained():
    """Leaving rlvr is dear; what is cheap to reach from the base is dear to leave."""
    found = claims(*costs(ranking=2.0, base=-HEIGHTS))
    assert verdict_of(found, RECIPROCAL) == "not supported"
    assert verdict_of(found, RANKING) == "supported"
    assert claim_of(found, RANKING).estimate.value > 0.99
    symmetric = claim_of(found, SYMMETRIC).estimate
    assert symmetric.value > 0.8 and symmetric.low > 0, "a ranking is no part of it, but for ranks"
    assert verdict_of(found, BASE) == "supported"
    assert claim_of(found, BASE).estimate.value == pytest.approx(1.0)
    assert claim_of(found, RLVR).estimate.value > 0.8
    assert verdict_of(found, NEAR) == "inconclusive"
    against = claims(*costs(ranking=2.0, base=HEIGHTS))
    assert verdict_of(against, BASE) == "not supported"


def test_a_cycle_is_asymmetric_and_no_ranking():
    found = claims(*costs(cycle=2.0))
    assert verdict_of(found, RECIPROCAL) == "not supported"
    assert verdict_of(found, RANKING) == "not supported"


def test_costs_that_know_nothing_of_distance():
    rng = np.random.default_rng(1)
    table, distances = costs()
    order = rng.permutation(N)
    shuffled = distances.copy()
    shuffled.loc[LABELS, LABELS] = distances.loc[LABELS, LABELS].to_numpy()[np.ix_(order, order)]
    assert verdict_of(claims(table, shuffled), SYMMETRIC) == "inconclusive"


def test_the_verdicts_of_a_page_hold_together():
    """A link over eight behaviors that would do alone is not certain among six claims."""
    table, distances = costs(ranking=0.5)
    distances.loc["base", LABELS] = 2 - HEIGHTS[[1, 0, 4, 2, 3, 7, 5, 6]]
    claim = claim_of(claims(table, distances), NEAR)
    assert 0.05 / 6 < claim.estimate.p_value < 0.05 and claim.estimate.low > 0
    assert claim.verdict == "inconclusive" and "Alone it would be supported" in claim.answer


@pytest.mark.parametrize("n", [5, 6])
def test_the_link_is_spearmans_with_the_p_of_every_order(n):
    rng = np.random.default_rng(n)
    x, y = rng.normal(size=n), rng.normal(size=n)
    link = rank_link("x", x, y, 10_000, 0)
    oracle = stats.spearmanr(x, y).statistic
    orders = [stats.spearmanr(order, y).statistic for order in itertools.permutations(x)]
    p_value = np.mean(np.abs(orders) >= abs(oracle) - 1e-12)
    assert link.value == pytest.approx(oracle)
    assert link.p_value == pytest.approx(p_value, abs=2 / math.factorial(n))
    assert link.low < link.value < link.high and link.n == n


def test_the_links_interval_covers():
    """Bonett and Wright (2000): 95 % at 12 pairs of a normal world, within 3 standard errors."""
    rng, held = np.random.default_rng(0), 0
    rho = 0.7
    truth = 6 / np.pi * np.arcsin(rho / 2)  # Spearman's of a binormal world (Pearson 1907)
    for _ in range(600):
        x, z = rng.normal(size=(2, 12))
        link = rank_link("x", x, rho * x + math.sqrt(1 - rho**2) * z, 1, 0)
        held += link.low <= truth <= link.high
    assert held / 600 == pytest.approx(0.95, abs=0.03)


def test_log_costs_count_one_step_more_and_censored_runs_as_their_budget():
    labels = ["a", "b"]
    rows = pd.DataFrame(
        [("base", "a", 0, 1, 10.0), ("base", "a", 0, 2, 20.0), ("b", "a", 0, 1, 10.0),
         ("base", "b", 0, 2, 40.0), ("a", "b", 0, 4, 80.0)],
        columns=["source", "target", "seed", "step", "flops"],
    )  # fmt: skip
    table = pd.DataFrame(
        [("base", "a", 0, 20.0), ("b", "a", 0, 0.0), ("base", "b", 0, 40.0), ("a", "b", 0, 80.0)],
        columns=["source", "target", "seed", "flops"],
    )
    found = log_costs(table, rows, labels)
    # A step costs 10 towards a and 20 towards b.
    expected = np.log2([[[30.0, 60.0], [np.nan, 100.0], [10.0, np.nan]]])
    np.testing.assert_allclose(found, expected)


def soft_world(direction, near=1.0, n=12):
    """Costs of n soft behaviors: `near` steps a nat both ways alike, `direction` of what differs.

    KL is between Dirichlet mixtures from peaked to flat, in closed form.
    """
    rng = np.random.default_rng(3)
    shares = np.stack([rng.dirichlet(np.full(4, a)) for a in np.geomspace(0.3, 3.0, n)]) + 0.01
    shares /= shares.sum(axis=1, keepdims=True)
    log = np.log(shares)
    nats = (shares * log).sum(axis=1)[None, :] - log @ shares.T  # rows = source
    even, odd = (nats + nats.T) / 2, (nats - nats.T) / 2
    cost = 5 + near * even + direction * odd + 0.01 * rng.normal(size=(n, n))
    root = np.sqrt(shares)
    away = np.sqrt(np.maximum(2 - 2 * root @ root.T, 0))
    labels = [f"q{i}" for i in range(n)]
    frames = [pd.DataFrame(x, labels, labels) for x in (cost, np.zeros((n, n)), nats, away)]
    np.fill_diagonal(frames[0].to_numpy(), np.nan)
    return SoftTables(*frames)


@pytest.mark.parametrize(("direction", "sign"), [(1.0, 1), (-1.0, -1), (0.0, 0)])
def test_soft_parts_are_the_planted_ones(direction, sign):
    study = STUDY.model_copy(update={"test": STUDY.test.model_copy(update={"permutations": 499})})
    soft = split_soft(study, soft_world(direction), 0)
    hellinger, jeffreys = soft.symmetric
    assert jeffreys.value > 0.9 and jeffreys.p_value <= 1 / 500 and hellinger.value > 0.7
    if sign:
        assert sign * soft.antisymmetric.value > 0.99
        assert soft.antisymmetric.p_value <= 2 / 499 + 1e-9
    else:
        assert abs(soft.antisymmetric.value) < 0.5 and soft.share < 0.01
    parts = split_costs(study, *costs(), LABELS, 0)
    page = findings(study, parts, pd.DataFrame({"censored": [False]}), soft)
    verdict = {1: "supported", -1: "not supported", 0: "inconclusive"}[sign]
    assert len(page.claims) == 8 and verdict_of(page.claims, "the more surprising way") == verdict
