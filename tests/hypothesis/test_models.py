"""Regressions under relabelling: against statsmodels, lifelines and simulation."""

import numpy as np
import pandas as pd
import pytest

from behaviordist.errors import InputError
from behaviordist.hypothesis.asymmetry.symmetry import symmetry_parts
from behaviordist.hypothesis.models.checks import model_checks
from behaviordist.hypothesis.models.cox import cox_test
from behaviordist.hypothesis.models.mixed import _slope, fit_mixed, mixed_test
from behaviordist.hypothesis.models.mrqap import partial_test, standardised
from tests.hypothesis.dyadic_worlds import off_diagonal, world


def runs_of(rng, n=9, slope=0.8, seeds=2, budget=14.0):
    distances, costs = world(rng, n=n, slope=slope, target_effect=1.0)
    rows = []
    for source in costs.index:
        for target in costs.columns:
            for seed in range(seeds):
                if source != target:
                    cost = np.ceil(costs.loc[source, target] + rng.normal() / 2)
                    rows.append((source, target, seed, min(cost, budget), cost > budget))
    return distances, pd.DataFrame(rows, columns=["source", "target", "seed", "cost", "censored"])


def test_partial_correlation_is_that_of_residuals():
    rng = np.random.default_rng(0)
    distances, costs = world(rng, n=10, slope=0.5, source_effect=1.0)
    other = distances + np.abs(rng.normal(size=(10, 10))) * (1 - np.eye(10))
    first = partial_test(distances, costs, beyond={"other": other}, permutations=19)
    from behaviordist.hypothesis.inference.baselines import source_quality

    cost = off_diagonal(costs)
    stack = np.stack([off_diagonal(distances), off_diagonal(other), source_quality(cost)])
    x, y = standardised(stack, cost)
    flat, target = x.reshape(3, -1), y.ravel()
    residuals = []
    for values in (flat[0], target):
        fit = np.linalg.lstsq(flat[1:].T, values, rcond=None)[0]
        residuals.append(values - flat[1:].T @ fit)
    expected = np.corrcoef(*residuals)[0, 1]
    assert first[0].value == pytest.approx(expected, abs=1e-9)
    assert [e.name for e in first] == ["distance", "other", "source quality"]


def test_a_predictor_that_others_determine_is_refused():
    distances, costs = world(np.random.default_rng(0), n=8)
    with pytest.raises(InputError, match="determined by the other predictors"):
        partial_test(distances, costs, beyond={"twice": 2 * distances}, permutations=19)


def test_what_another_predictor_explains_is_not_credited():
    """Costs and distances both follow the source's known quality, and nothing else: 5 %."""
    rng = np.random.default_rng(5)
    rejected = []
    for i in range(200):
        quality = 2 * rng.normal(size=(10, 1)) + np.zeros((10, 10))
        _, costs = world(rng, n=10)
        distance = (30 + quality + rng.normal(size=(10, 10))) * (1 - np.eye(10))
        frames = [pd.DataFrame(m, costs.index, costs.columns) for m in (distance, quality)]
        found = partial_test(
            frames[0],
            costs + quality,
            beyond={"quality": frames[1]},
            ranks=False,
            permutations=99,
            seed=i,
        )
        rejected.append(found[0].p_value <= 0.05)
    assert np.mean(rejected) == pytest.approx(0.05, abs=0.045)


def test_mixed_model_is_statsmodels():
    api = pytest.importorskip("statsmodels.api")
    rng = np.random.default_rng(1)
    distances, costs = world(rng, n=9, slope=0.6, source_effect=0.8, missing=0.1)
    x, y = off_diagonal(distances), off_diagonal(costs)
    ours = fit_mixed(x, y)
    s, t = np.nonzero(np.isfinite(x) & np.isfinite(y))
    frame = pd.DataFrame({"x": x[s, t], "y": y[s, t], "s": s, "t": t, "all": 1})
    model = api.MixedLM.from_formula(
        "y ~ x", frame, groups="all", re_formula="0",
        vc_formula={"s": "0 + C(s)", "t": "0 + C(t)"},
    ).fit(reml=True, method="powell")  # fmt: skip
    # At its variances our algebra gives its estimates; the two searches stop a little apart.
    spread = dict(zip(model.model.exog_vc.names, model.vcomp, strict=True))
    mask = np.isfinite(x) & np.isfinite(y)
    filled = [np.where(mask, m, 0.0) for m in (mask.astype(float), x, y)]
    ratio = np.array([spread["s"], spread["t"]]) / model.scale
    slope, variance, noise = _slope(filled, mask, ratio)
    assert slope == pytest.approx(model.fe_params["x"], abs=1e-9)
    assert noise == pytest.approx(model.scale, rel=1e-6)
    assert np.sqrt(variance) == pytest.approx(model.bse_fe["x"], rel=1e-2)
    assert ours.slope == pytest.approx(model.fe_params["x"], abs=1e-3)
    assert ours.source_sd == pytest.approx(np.sqrt(spread["s"]), rel=2e-2)
    assert ours.target_sd == pytest.approx(np.sqrt(spread["t"]), rel=2e-2)


def test_cox_slope_is_lifelines_and_censored_runs_count():
    lifelines = pytest.importorskip("lifelines")
    distances, runs = runs_of(np.random.default_rng(2))
    ours = cox_test(distances, runs, permutations=199)
    d = off_diagonal(distances)
    centred = d - np.nanmean(d, axis=0)
    unit = np.sqrt(np.nanmean(centred**2))
    scaled = pd.DataFrame(centred / unit, distances.index, distances.columns)
    frame = runs.assign(
        x=[scaled.at[s, t] for s, t in zip(runs["source"], runs["target"], strict=True)],
        arrived=~runs["censored"],
    )[["x", "cost", "arrived", "target"]]
    model = lifelines.CoxPHFitter().fit(
        frame, "cost", "arrived", strata=["target"], fit_options={"precision": 1e-14}
    )
    assert ours.value == pytest.approx(-model.params_["x"], abs=1e-4)
    assert ours.value > 0 and ours.p_value < 0.05 and ours.ci_low < ours.value < ours.ci_high


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda r: r.drop(columns="censored"), "no column 'censored'"),
        (lambda r: r.assign(cost=-r["cost"]), "negative cost"),
        (lambda r: r.assign(censored=True), "every run was censored"),
        (lambda r: r.replace({"source": {"b00": "stranger"}}), "stranger"),
    ],
)
def test_bad_runs(change, message):
    distances, runs = runs_of(np.random.default_rng(0), n=5)
    with pytest.raises(InputError, match=message):
        cox_test(distances, change(runs), permutations=9)


def test_symmetric_and_antisymmetric_parts():
    rng = np.random.default_rng(3)
    distances, costs = world(rng, n=12, slope=1.5)
    parts = symmetry_parts(distances, costs, permutations=199)
    assert parts.symmetric.value > 0.4 and parts.symmetric.p_value <= 0.01
    assert parts.antisymmetric is None and 0 < parts.antisymmetric_share < 1
    skew = rng.normal(size=(12, 12))
    skew = 2 * (skew - skew.T)
    asymmetric = symmetry_parts(
        (distances + skew - skew.min()) * (1 - np.eye(12)), costs + skew, permutations=199
    )
    assert asymmetric.antisymmetric.value > 0.5 and asymmetric.antisymmetric.p_value <= 0.01
    symmetric_costs = (costs + costs.T) / 2
    assert symmetry_parts(distances, symmetric_costs, permutations=9).antisymmetric_share < 1e-9
    with pytest.raises(InputError, match="only a square table"):
        symmetry_parts(distances, costs.iloc[:, :6], permutations=9)


@pytest.mark.slow
def test_models_keep_their_level_under_the_null():
    rng = np.random.default_rng(11)
    p_values = []
    for i in range(400):
        distances, costs = world(rng, n=9, source_effect=1.0, rounding=0.5, budget_quantile=0.7)
        _, runs = runs_of(rng, n=9, slope=0.0, seeds=1, budget=11.0)
        p_values.append(
            [
                partial_test(distances, costs, permutations=99, seed=i)[0].p_value,
                mixed_test(distances, costs, permutations=99, seed=i).p_value,
                symmetry_parts(distances, costs, permutations=99, seed=i).symmetric.p_value,
                cox_test(distances, runs, permutations=99, seed=i).p_value,
            ]
        )
    rate = (np.array(p_values) <= 0.05).mean(axis=0)
    np.testing.assert_allclose(rate, 0.05, atol=0.03)


def test_invalid_pairs_change_no_model_whatever_they_cost():
    distances, costs = world(np.random.default_rng(3), n=9, slope=1.0, budget_quantile=0.8)
    invalid = {"b02": ["b00", "b01"]}
    spoiled = costs.copy()
    spoiled.loc[["b00", "b01"], "b02"] = 0.0

    def asked(table):
        runs = table.rename_axis("source").melt(ignore_index=False, var_name="target")
        runs = runs.reset_index().dropna().rename(columns={"value": "cost"})
        runs = runs.assign(censored=runs["cost"] >= runs["cost"].max())
        return model_checks(distances, table, runs=runs, invalid=invalid, permutations=19)

    assert asked(costs) == asked(spoiled)
    assert len(asked(costs)) == 4


def test_costs_without_anything_in_both_directions_are_refused():
    """Two effects explain all costs that are known both ways: 0 / 0 is no share."""
    labels = [f"b{i}" for i in range(6)]
    near, dear = (
        [[0, 1, 1, 0, 1, 0], [1, 0, 0, 0, 0, 1], [0, 0, 0, 0, 1, 0],
         [1, 1, 0, 0, 1, 0], [0, 0, 0, 1, 0, 1], [1, 1, 1, 0, 1, 0]],
        [[np.nan, 0, 0, 1, 1, 0], [1, 1, 0, 0, np.nan, 0], [0, 0, 0, 1, 0, 0],
         [0, 0, 0, 1, 1, np.nan], [0, 0, np.nan, np.nan, 0, 1], [1, np.nan, 0, 0, np.nan, np.nan]],
    )  # fmt: skip
    tables = (pd.DataFrame(values, labels, labels, dtype=float) for values in (near, dear))
    with pytest.raises(InputError, match="nothing is left in both directions"):
        symmetry_parts(*tables, permutations=20)
