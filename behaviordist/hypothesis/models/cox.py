"""Does a smaller distance make runs arrive sooner? Cox regression, a stratum for each target."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from behaviordist.errors import InputError
from behaviordist.hypothesis.inference.jackknife import Jackknife, jackknife_of
from behaviordist.hypothesis.inference.result import PredictorTest
from behaviordist.hypothesis.permutation.products import products
from behaviordist.hypothesis.permutation.ranks import FloatArray, IntArray
from behaviordist.hypothesis.permutation.relabelling import relabellings
from behaviordist.hypothesis.statistics.pair_noise import RELABELLED
from behaviordist.hypothesis.tables.pairs import Matrix, frame_of
from behaviordist.hypothesis.tables.survival import CoxData
from behaviordist.store.tables import require_same_labels

NEEDED = ("source", "target", "cost", "censored")


def cox_test(
    distances: Matrix,
    runs: pd.DataFrame,
    *,
    permutations: int = 10_000,
    seed: int = 0,
    strata: Mapping[str, str] | None = None,
    units: Mapping[str, str] | None = None,
) -> PredictorTest:
    """Test whether runs from closer sources arrive sooner, censored runs included.

    Parameters
    ----------
    distances
        Labelled distances that cover the runs.
    runs
        One row a run: source, target, cost, censored (then the cost is where it was stopped).
    permutations, seed, strata, units
        Of the relabellings.

    Returns
    -------
    PredictorTest
        Value: drop of the log hazard of arriving per standard deviation of distance inside a
        target; positive: closer is cheaper. p: one-sided, by relabelling behaviors under the
        score statistic, since runs that share a behavior are dependent and Wald tests ignore it.
        Interval: jackknife over behaviors, each with a fit of its own.

    Raises
    ------
    InputError
        Missing columns, negative costs, no run that arrives, labels without a distance.
    """
    frame = frame_of(distances, "distances")
    used = _checked(runs, frame)
    sources, targets = (sorted(used[key].unique()) for key in ("source", "target"))
    near = frame.loc[sources, targets].to_numpy(dtype=np.float64, copy=True)
    near[np.array(sources)[:, None] == np.array(targets)[None, :]] = np.nan
    x = _standardised(near)
    row, column = (
        pd.Categorical(used[key], categories=labels).codes.astype(np.intp)
        for key, labels in (("source", sources), ("target", targets))
    )
    data = CoxData(
        used["cost"].to_numpy(dtype=np.float64), ~used["censored"].to_numpy(dtype=bool), column
    )
    covariate = x[row, column]
    fitted = data.fit(covariate)
    if not np.isfinite(fitted.beta):
        raise InputError("runs: distances do not vary among the runs at risk")
    score = np.zeros_like(x)
    np.add.at(score, (row, column), data.score_weights())
    rng = np.random.default_rng(seed)
    drawn = relabellings(sources, targets, permutations, rng, strata, units)
    null = products(-x[None], score, drawn)[0]
    jackknife = jackknife_of(sources, targets, units)
    without = -_left_out(data, covariate, row, column, jackknife)
    noise = float(null.var()) * fitted.standard_error**4
    half = float(jackknife.half_width(without[None], noise, RELABELLED)[0])
    limits = -fitted.beta - half, -fitted.beta + half
    return PredictorTest.from_null("stratified cox", -fitted.beta, limits, null)


def _checked(runs: pd.DataFrame, distances: pd.DataFrame) -> pd.DataFrame:
    missing = [name for name in NEEDED if name not in runs]
    if missing:
        raise InputError(f"runs: no column '{missing[0]}'; needed: {', '.join(NEEDED)}")
    used = runs[runs["source"] != runs["target"]].dropna(subset=["cost"])
    if bool((used["cost"] < 0).any()):
        raise InputError("runs: a negative cost; steps, tokens and FLOPs start at 0")
    if used.empty or bool(used["censored"].astype(bool).all()):
        raise InputError("runs: every run was censored; raise the budget")
    for key, known in (("source", distances.index), ("target", distances.columns)):
        present = sorted(set(used[key]) & set(known))
        require_same_labels(present, sorted(set(used[key])), "distances", f"runs ({key})")
    return used


def _standardised(near: FloatArray) -> FloatArray:
    """Distance less its mean inside the target, in pooled standard deviations; NaN becomes 0."""
    centred = near - np.nanmean(near, axis=0)
    return np.asarray(np.nan_to_num(centred / np.sqrt(np.nanmean(centred**2))))


def _left_out(
    data: CoxData,
    covariate: FloatArray,
    row: IntArray,
    column: IntArray,
    jackknife: Jackknife,
) -> FloatArray:
    keeps = (jackknife.rows[:, row] > 0) & (jackknife.columns[:, column] > 0)
    return np.array([data.fit(covariate, keep).beta for keep in keeps])
