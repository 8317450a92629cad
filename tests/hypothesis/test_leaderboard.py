"""Predictors side by side: order, paired differences, regret, multiplicity."""

import json

import numpy as np
import pandas as pd
import pytest

from behaviordist.errors import InputError
from behaviordist.hypothesis import leaderboard, transfer_test
from behaviordist.hypothesis.leaderboard import max_t
from tests.hypothesis.dyadic_worlds import off_diagonal, world


def planted(n=18, slope=1.0):
    rng = np.random.default_rng(0)
    distances, costs = world(rng, n=n, slope=slope)
    noise = [np.abs(rng.normal(size=(n, n))) * (1 - np.eye(n)) for _ in range(3)]
    predictors = {f"noise {i}": distances + i * m for i, m in enumerate(noise)}
    return predictors, costs


def test_the_truth_leads_and_values_are_those_of_single_tests():
    predictors, costs = planted()
    board = leaderboard(predictors, costs, permutations=199, seconds={"noise 0": 1.5})
    table = board.to_pandas().set_index("name")
    assert board.rows[0].name == "noise 0" and table.loc["noise 0", "seconds"] == 1.5
    single = transfer_test(predictors["noise 2"], costs, permutations=199)
    assert table.loc["noise 2", "value"] == pytest.approx(single.value, abs=1e-12)
    assert board.best_baseline in ("source quality", "random")
    difference = table.loc["noise 0", "value"] - table.loc[board.best_baseline, "value"]
    assert table.loc["noise 0", "difference"] == pytest.approx(difference)
    assert (
        table.loc["noise 0", "difference_low"]
        < difference
        < table.loc["noise 0", "difference_high"]
    )
    assert (table["p_adjusted"] >= table["p_value"] - 1e-12).all()


def test_regret_is_what_the_nearest_source_loses():
    predictors, costs = planted()
    board = leaderboard(predictors, costs, permutations=19)
    cost, distance = off_diagonal(costs), off_diagonal(predictors["noise 1"])
    lost = []
    for t in range(len(cost)):
        c = cost[:, t]
        taken = c[np.nanargmin(distance[:, t])]
        lost.append((taken - np.nanmin(c)) / (np.nanmean(c) - np.nanmin(c)))
    row = next(row for row in board.rows if row.name == "noise 1")
    assert row.regret == pytest.approx(np.mean(lost))


def test_max_t_keeps_the_family_wise_error():
    """All predictors are null and dependent: the smallest adjusted p is below 5 % in 5 %."""
    rng = np.random.default_rng(1)
    mixing = rng.normal(size=(6, 6)) + 2
    smallest = [max_t(mixing @ rng.normal(size=(6, 200))).min() for _ in range(2000)]
    assert np.mean(np.array(smallest) <= 0.05) == pytest.approx(0.05, abs=0.015)


def test_max_t_of_one_predictor_is_its_p_value():
    null = np.random.default_rng(0).normal(size=(1, 99))
    assert max_t(null)[0] == pytest.approx(np.mean(null[0] >= null[0, 0]))


def test_json_has_nulls_for_what_is_not_known(tmp_path):
    predictors, costs = planted(n=8)
    leaderboard(predictors, costs, permutations=19).save(tmp_path / "b.json")
    record = json.loads((tmp_path / "b.json").read_text())
    baseline = next(row for row in record["rows"] if row["baseline"])
    assert baseline["difference"] is None and baseline["seconds"] is None
    assert record["noise_ceiling"] is None


@pytest.mark.parametrize(
    ("distances", "baselines", "message"),
    [
        ({}, {}, "no predictor"),
        ({"a": 1.0}, {"a": 1.0}, "'a' is given twice"),
    ],
)
def test_bad_input(distances, baselines, message):
    predictors, costs = planted(n=8)
    frames = [
        {name: predictors["noise 0"] * sign for name, sign in given.items()}
        for given in (distances, baselines)
    ]
    with pytest.raises(InputError, match=message):
        leaderboard(frames[0], costs, baselines=frames[1], permutations=9)


def test_rectangular_costs_with_invalid_sources_and_strata():
    rng = np.random.default_rng(3)
    distances, costs = world(rng, n=20, slope=1.0)
    rectangular, near = costs.iloc[:12, 12:], distances.iloc[:12, 12:]
    strata = {label: str(i % 2) for i, label in enumerate(costs.index)}
    invalid = {"b15": ["b00", "b01"]}
    board = leaderboard(
        {"true": near}, rectangular, permutations=199, strata=strata, invalid=invalid
    )
    assert board.n_pairs == 12 * 8 - 2 and board.rows[0].name == "true"
    assert board.rows[0].p_value < 0.05
    with pytest.raises(InputError, match="'nobody' is not in the costs"):
        leaderboard({"true": near}, rectangular, permutations=9, invalid={"b15": ["nobody"]})
    assert isinstance(board.to_pandas(), pd.DataFrame)


def test_the_sentence_names_the_best_distance_and_what_it_is_measured_against():
    predictors, costs = planted(n=12)
    board = leaderboard(predictors, costs, permutations=99)
    best = next(row for row in board.rows if not row.baseline)
    assert board.sentence().startswith(f"Best distance: {best.name} ")
    assert board.best_baseline in board.sentence()
    assert ("not shown" in board.sentence()) == (best.difference_low <= 0)
    assert all(row.regret_low >= 0 for row in board.rows)
