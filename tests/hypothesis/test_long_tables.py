"""Costs as people have them: long, rectangular, Parquet, several seeds, censored."""

import numpy as np
import pandas as pd
import pytest

from behaviordist.errors import InputError
from behaviordist.hypothesis.tables.long_tables import (
    read_cost_data,
    read_groups,
    read_invalid,
    read_predictor,
)

LONG = """source,target,seed,steps,tokens,censored,budget
a,b,0,10,100,0,80
a,b,1,20,200,0,80
a,b,2,,,1,80
c,b,0,30,300,0,80
b,c,0,5,50,0,80
b,c,1,7,70,0,80
"""


def written(tmp_path, text, name="long.csv"):
    path = tmp_path / name
    path.write_text(text)
    return path


def test_long_costs_become_means_over_seeds_with_censored_runs_at_their_budget(tmp_path):
    data = read_cost_data(written(tmp_path, LONG))
    assert data.costs.loc["a", "b"] == pytest.approx((10 + 20 + 80) / 3)
    assert data.costs.loc["b", "c"] == 6
    assert np.isnan(data.costs.loc["a", "c"])
    assert data.censored.loc["a", "b"] == pytest.approx(1 / 3)
    first, second = data.halves
    assert first.loc["a", "b"] == 45 and second.loc["a", "b"] == 20
    assert len(data.runs) == 6
    assert read_cost_data(written(tmp_path, LONG), "tokens").costs.loc["b", "c"] == 60


def test_parquet_long_square_and_rectangular_say_the_same(tmp_path):
    data = read_cost_data(written(tmp_path, LONG))
    frame = pd.read_csv(tmp_path / "long.csv")
    frame.to_parquet(tmp_path / "long.parquet", index=False)
    pd.testing.assert_frame_equal(read_cost_data(tmp_path / "long.parquet").costs, data.costs)
    data.costs.to_parquet(tmp_path / "matrix.parquet")
    pd.testing.assert_frame_equal(read_cost_data(tmp_path / "matrix.parquet").costs, data.costs)
    data.costs.to_csv(tmp_path / "matrix.csv")
    rectangular = read_cost_data(tmp_path / "matrix.csv").costs
    pd.testing.assert_frame_equal(rectangular, data.costs)


def test_long_predictor(tmp_path):
    path = written(tmp_path, "source,target,angle\na,b,0.5\nb,a,0.25\n")
    assert read_predictor(path).loc["b", "a"] == 0.25


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("source,target,steps\na,b,-3\n", "line 2: steps -3 is negative"),
        ("source,target,steps\na,b,soon\n", "line 2: steps 'soon' is not a finite number"),
        ("source,target,steps\na,b,inf\n", "line 2: steps 'inf' is not a finite number"),
        ("source,target,steps,censored\na,b,1,0\na,c,,1\n", "line 3: censored, but neither"),
        ("source,target,steps,unit\na,b,1,step\na,c,2,token\n", "several units"),
        ("source,target,seed,steps\na,b,0,1\na,b,0,2\n", "'a' to 'b', seed 0, is there twice"),
        ("source,target,hours\na,b,1\n", "no cost column"),
    ],
)
def test_bad_long_tables(tmp_path, text, message):
    path = written(tmp_path, text)
    with pytest.raises(InputError, match=message) as error:
        read_cost_data(path)
    assert str(path) in str(error.value)


def test_invalid_sources_and_strata(tmp_path):
    pairs = read_invalid(written(tmp_path, "target,source\nt,a\nt,b\nu,a\n", "invalid.csv"))
    assert pairs == {"t": ["a", "b"], "u": ["a"]}
    path = written(tmp_path, "label,stratum\na,small\nb,large\n", "strata.csv")
    assert read_groups(path, "stratum", ["a", "b"]) == {"a": "small", "b": "large"}
    with pytest.raises(InputError, match="no stratum for c"):
        read_groups(path, "stratum", ["a", "c"])
    with pytest.raises(InputError, match="absent.csv: no such file"):
        read_groups(tmp_path / "absent.csv", "stratum", [])
