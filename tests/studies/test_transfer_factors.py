"""What was trained and how, from distances whose parts are planted."""

from __future__ import annotations

import numpy as np
import pytest

from behaviordist.distance.matrix import DistanceMatrix
from behaviordist.regimes.declaration import Regime
from behaviordist.studies.algorithms.factors import factor_shares, places

TASKS, ALGORITHMS = ("copy", "reverse", "rotate", "swap", "sort"), ("sft", "rlvr")
RULE = {"at_least": 0.9, "every": 1}


def regime(algorithm, task):
    return Regime(algorithm=algorithm, task=task, budget=10, batch_size=16, learning_rate=0.1,
                  convergence=RULE)  # fmt: skip


REGIMES = {f"{a}-{t}": regime(a, t) for a in ALGORITHMS for t in TASKS}


def planted(what: float, how: float) -> DistanceMatrix:
    """Points at what * e_task + how * e_algorithm: additive, no interaction."""
    points = np.array(
        [
            np.concatenate([what * np.eye(5)[TASKS.index(r.task)],
                            how * np.eye(2)[ALGORITHMS.index(r.algorithm)]])
            for r in REGIMES.values()
        ]
    )  # fmt: skip
    squared = ((points[:, None] - points[None]) ** 2).sum(-1)
    return DistanceMatrix(tuple(REGIMES), squared, np.full(squared.shape, 1e-3))


def test_additive_parts_have_their_shares_and_add_to_one():
    what, how = factor_shares(planted(1.0, 0.5), REGIMES, 999, 0)
    # Sum of squares about the mean: 10 (1 - 1/5) = 8 for functions, 10/4 (1 - 1/2) = 1.25 for how.
    assert what.value == pytest.approx(8 / 9.25, abs=1e-9)
    assert how.value == pytest.approx(1.25 / 9.25, abs=1e-9)
    assert what.p_value < 0.05 < how.p_value
    assert what.low <= what.value <= what.high


def test_one_algorithm_has_no_share_but_a_reason():
    only = {x: r for x, r in REGIMES.items() if r.algorithm == "sft"}
    rows = factor_shares(planted(1, 1).select(list(only)), only, 99, 0)
    assert all(not row.is_known and row.reason for row in rows)


def test_places_are_told_from_functions_and_seeds():
    (row,) = places(planted(1.0, 0.5), REGIMES, dict.fromkeys(REGIMES, 0.1))
    assert (row.estimate.label, row.n, row.n_apart) == ("sft – rlvr", 5, 5)
    assert row.estimate.value == pytest.approx(0.5 * np.sqrt(2))
    assert row.floor == pytest.approx(0.1)
    # Four others of the same algorithm at sqrt 2, four of the other at sqrt(2 + 0.5).
    assert row.apart == pytest.approx((np.sqrt(2) + np.sqrt(2.5)) / 2)
    (same,) = places(planted(1.0, 0.0), REGIMES, {})
    assert (same.estimate.value, same.n_apart) == (0, 0) and np.isnan(same.floor)
