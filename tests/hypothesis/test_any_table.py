"""Whatever small tables come in, the answer is whole or one line says why there is none."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from behaviordist.errors import InputError
from behaviordist.hypothesis import leaderboard, transfer_test
from behaviordist.hypothesis.models.checks import model_checks


@some.composite
def tables(draw):
    """Four to seven behaviors; ties, empty cells, constant columns and empty columns happen."""
    n = draw(some.integers(4, 7))
    rng = np.random.default_rng(draw(some.integers(0, 10_000)))
    distance = rng.integers(0, draw(some.integers(2, 50)), size=(n, n)).astype(float)
    cost = rng.integers(0, draw(some.integers(2, 50)), size=(n, n)).astype(float)
    for matrix, share in ((distance, draw(some.sampled_from([0, 0.2]))), (cost, 0.2)):
        matrix[rng.uniform(size=matrix.shape) < share * draw(some.integers(0, 1))] = np.nan
    if draw(some.booleans()):
        cost[:, 0] = 7.0
    if draw(some.booleans()):
        cost[:, 1] = np.nan
    np.fill_diagonal(distance, 0.0)
    labels = [f"b{i}" for i in range(n)]
    return pd.DataFrame(distance, labels, labels), pd.DataFrame(cost, labels, labels)


@settings(max_examples=40, deadline=None)
@given(tables(), some.sampled_from(["within-target", "two-way", "kendall", "ndcg", "saving@1"]))
def test_any_small_table_is_answered_or_refused(pair, statistic):
    try:
        result = transfer_test(*pair, statistic=statistic, permutations=30)
    except InputError as error:
        assert "\n" not in str(error)
        return
    json.dumps(result.to_json(), allow_nan=False)
    assert np.isfinite(result.value) and 0 < result.p_value <= 1
    assert not result.ci_low > result.ci_high
    assert result.n_targets + len(result.left_out) == len(pair[1]) - len(result.references)
    mean = np.nanmean([target.rho for target in result.per_target])
    if statistic != "two-way":
        assert result.value == pytest.approx(mean, abs=1e-9)


@settings(max_examples=15, deadline=None)
@given(tables())
def test_leaderboards_and_models_too(pair):
    try:
        board = leaderboard({"a": pair[0], "b": pair[0].fillna(1.0)}, pair[1], permutations=20)
        checks = model_checks(*pair, permutations=20)
    except InputError as error:
        assert "\n" not in str(error)
        return
    json.dumps([board.to_json(), *(check.to_json() for check in checks)], allow_nan=False)
    assert {row.name for row in board.rows} == {"a", "b", "source quality", "random"}


def test_a_relabelling_that_cannot_be_computed_never_makes_p_smaller():
    labels = ["b0", "b1", "b2", "b3"]
    distance = [[0, 1, 1, 0], [np.nan, 0, 0, 0], [0, 1, 0, 1], [1, 1, 1, 0]]
    cost = [[1, 1, 1, 1], [0, 1, 1, 0], [0, 1, 1, 0], [1, 1, 1, 0]]
    frames = [pd.DataFrame(np.array(v, float), labels, labels) for v in (distance, cost)]
    result = transfer_test(*frames, permutations=30)
    # 24 orders: 6 leave no target to compute, 2 of the other 18 lie below the observed -0.5.
    assert result.value == pytest.approx(-0.5) and result.permutations == 24
    assert result.p_value == pytest.approx((24 - 2) / 24)
