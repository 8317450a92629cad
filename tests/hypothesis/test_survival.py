"""Restricted means and stratified Cox against lifelines."""

import numpy as np
import pandas as pd
import pytest

from behaviordist.hypothesis.tables.survival import CoxData, restricted_mean


def runs(rng, n=120):
    """Coarse times (many ties), strata with hazards of their own, random censoring."""
    x = rng.normal(size=n)
    stratum = rng.integers(0, 4, n)
    time = np.ceil(5 * rng.exponential(np.exp(0.5 * x + 0.3 * stratum)))
    stop = np.round(rng.uniform(2, 15, n))
    return x, stratum, np.minimum(time, stop), time <= stop


@pytest.mark.parametrize("horizon", [np.inf, 6.0, 3.5])
def test_restricted_mean_is_lifelines(horizon):
    lifelines = pytest.importorskip("lifelines")
    _, _, times, arrived = runs(np.random.default_rng(0))
    curve = lifelines.KaplanMeierFitter().fit(times, arrived)
    expected = lifelines.utils.restricted_mean_survival_time(curve, t=min(horizon, times.max()))
    assert restricted_mean(times, arrived, horizon) == pytest.approx(expected, abs=1e-9)


def test_restricted_mean_is_a_mean_where_all_stop_at_one_budget():
    times = np.array([3.0, 7.0, 10.0, 10.0])
    arrived = np.array([True, True, False, False])
    assert restricted_mean(times, arrived, 10.0) == pytest.approx(times.mean())
    assert restricted_mean(times[:2], arrived[:2]) == pytest.approx(5.0)


def test_cox_is_lifelines_up_to_its_tolerance():
    lifelines = pytest.importorskip("lifelines")
    x, stratum, times, arrived = runs(np.random.default_rng(1))
    ours = CoxData(times, arrived, stratum).fit(x)
    frame = pd.DataFrame({"x": x, "t": times, "e": arrived, "s": stratum})
    model = lifelines.CoxPHFitter().fit(frame, "t", "e", strata=["s"])
    assert ours.beta == pytest.approx(model.params_["x"], abs=1e-6)
    assert ours.standard_error == pytest.approx(model.standard_errors_["x"], abs=1e-6)


def efron_log_likelihood(beta, x, stratum, times, arrived):
    """Written out run by run from the definition (Efron 1977)."""
    total = 0.0
    for key in {(s, t) for s, t, e in zip(stratum, times, arrived, strict=True) if e}:
        risk = [i for i in range(len(x)) if stratum[i] == key[0] and times[i] >= key[1]]
        tied = [i for i in risk if times[i] == key[1] and arrived[i]]
        at_risk, events = (sum(np.exp(beta * x[i]) for i in group) for group in (risk, tied))
        total += sum(beta * x[i] for i in tied)
        total -= sum(np.log(at_risk - k / len(tied) * events) for k in range(len(tied)))
    return total


def test_score_weights_give_the_slope_of_the_likelihood_at_zero():
    x, stratum, times, arrived = runs(np.random.default_rng(2))
    weights = CoxData(times, arrived, stratum).score_weights()
    assert weights.sum() == pytest.approx(0, abs=1e-10)
    step = 1e-5
    up, down = (efron_log_likelihood(b, x, stratum, times, arrived) for b in (step, -step))
    assert weights @ x == pytest.approx((up - down) / (2 * step), rel=1e-6)
