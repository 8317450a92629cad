"""Any number of predictors of transfer cost, side by side on the same pairs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from behaviordist.hypothesis.inference.intervals import intervals as confidence_intervals
from behaviordist.hypothesis.inference.intervals import left_out_values, pair_noise_of
from behaviordist.hypothesis.inference.permuted import Permuted, permuted
from behaviordist.hypothesis.inference.reliability import noise_ceiling, split_half_of
from behaviordist.hypothesis.permutation.ranks import FloatArray
from behaviordist.hypothesis.permutation.relabelling import Relabelling
from behaviordist.hypothesis.statistics.statistic import statistic_named
from behaviordist.hypothesis.tables.pairs import Matrix, Pairs
from behaviordist.store import write_json
from behaviordist.store.numbers import with_nulls

REGRET = statistic_named("saving@1")


@dataclass(frozen=True)
class Row:
    """One predictor.

    Attributes
    ----------
    name, baseline
        Its name, and whether it stands there as a baseline.
    value, ci_low, ci_high
        The statistic and its 95 % interval over behaviors; positive: closer is cheaper.
    p_value, p_adjusted
        One-sided permutation p, and the same adjusted over all predictors (step-down max-T).
    difference, difference_low, difference_high
        Value minus that of the best baseline, with the paired 95 % interval; NaN for baselines.
    regret, regret_low, regret_high
        regret@1: the share of what the best source saves over an average one that is lost by
        starting from the nearest. 0 is the best choice, 1 a random one on average.
    corrected
        Value divided by the noise ceiling; NaN without several seeds.
    seconds
        What computing the predictor cost; NaN where it was not said.
    """

    name: str
    baseline: bool
    value: float
    ci_low: float
    ci_high: float
    p_value: float
    p_adjusted: float
    difference: float
    difference_low: float
    difference_high: float
    regret: float
    regret_low: float
    regret_high: float
    corrected: float
    seconds: float


@dataclass(frozen=True)
class Leaderboard:
    """Rows from the best predictor to the worst, and what they were computed on."""

    statistic: str
    rows: tuple[Row, ...]
    best_baseline: str
    n_behaviors: int
    n_targets: int
    n_pairs: int
    permutations: int
    noise_ceiling: float | None
    notes: tuple[str, ...]

    def sentence(self) -> str:
        """Return which distance predicts best, and whether it beats the best baseline."""
        best = next(row for row in self.rows if not row.baseline)
        against = (
            f"better than the best baseline, {self.best_baseline}"
            if best.difference_low > 0
            else f"not shown to be better than the best baseline, {self.best_baseline}"
        )
        return (
            f"Best distance: {best.name} ({best.value:+.2f}, adjusted p = {best.p_adjusted:.2g}),"
            f" {against} (difference {best.difference:+.2f}, 95 % interval"
            f" {best.difference_low:+.2f} to {best.difference_high:+.2f})."
        )

    def to_pandas(self) -> pd.DataFrame:
        """Return one row a predictor, columns the fields of `Row`."""
        return pd.DataFrame([vars(row) for row in self.rows])

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able record; NaN becomes null."""
        return {
            "schema": 1,
            **{k: v for k, v in vars(self).items() if k not in ("rows", "notes")},
            "notes": list(self.notes),
            "sentence": self.sentence(),
            "rows": [with_nulls(vars(row)) for row in self.rows],
        }

    def save(self, path: str | Path) -> None:
        """Write `to_json` to `path`, atomically."""
        write_json(Path(path), self.to_json())


def leaderboard(
    distances: Mapping[str, Matrix],
    costs: Matrix,
    *,
    baselines: Mapping[str, Matrix] | None = None,
    gains: bool = False,
    statistic: str = "within-target",
    permutations: int = 10_000,
    seed: int = 0,
    censored: Matrix | None = None,
    halves: Sequence[tuple[Matrix, Matrix]] | None = None,
    invalid: Mapping[str, Sequence[str]] | None = None,
    strata: Mapping[str, str] | None = None,
    units: Mapping[str, str] | None = None,
    seconds: Mapping[str, float] | None = None,
) -> Leaderboard:
    """Compare predictors of transfer cost on the same pairs, under the same relabellings.

    Parameters
    ----------
    distances
        Predictors by name, smaller = nearer, labelled like the costs.
    costs, gains, statistic, permutations, seed, censored, halves, invalid, strata, units
        As in `transfer_test`.
    baselines
        Simpler predictors by name, larger = expected dearer. "source quality", "random" and,
        with units, "same unit" are added.
    seconds
        What computing each predictor took.

    Raises
    ------
    InputError
        As `transfer_test`; no predictor; one name twice.

    Notes
    -----
    ``p_adjusted`` controls the chance of any false finding among all predictors: step-down max-T
    over the joint relabellings (Westfall & Young 1993), which knows how predictors depend on each
    other. Intervals of differences and of regret are made as in `intervals`. The best baseline is
    picked on the same data, which flatters it, not the distances.
    """
    tested = permuted(
        distances,
        costs,
        baselines=baselines,
        gains=gains,
        statistic=statistic,
        permutations=permutations,
        seed=seed,
        censored=censored,
        invalid=invalid,
        strata=strata,
        units=units,
    )
    pairs = tested.pairs
    half = split_half_of(tested.method, pairs, halves)
    rows = _rows(tested, len(distances), half, seconds or {})
    best = max((row for row in rows if row.baseline), key=lambda row: row.value)
    return Leaderboard(
        statistic=tested.method.name,
        rows=tuple(sorted(rows, key=lambda row: -row.value)),
        best_baseline=best.name,
        n_behaviors=len(set(pairs.sources) | set(pairs.targets)),
        n_targets=int(pairs.counted.sum()),
        n_pairs=pairs.n_pairs,
        permutations=tested.n_permutations,
        noise_ceiling=None if half is None else noise_ceiling(half),
        notes=tuple(_notes(pairs)),
    )


def max_t(null: FloatArray) -> FloatArray:
    """Step-down max-T adjusted p-values (K,) from values (K, B), the observed ones first.

    Each predictor is measured in standard deviations of its own null distribution.
    """
    spread = null.std(axis=1, keepdims=True)
    scaled = np.divide(
        null - null.mean(axis=1, keepdims=True), spread, out=np.zeros_like(null), where=spread > 0
    )
    order = np.argsort(-scaled[:, 0], kind="stable")
    # The largest among a predictor and all that rank below it, under each relabelling.
    running = np.maximum.accumulate(scaled[order][::-1], axis=0)[::-1]
    p = (running >= scaled[order, :1] - 1e-12).mean(axis=1)
    adjusted = np.empty(len(null))
    adjusted[order] = np.maximum.accumulate(p)
    return adjusted


def _rows(
    outcome: Permuted, n_distances: int, half: float | None, seconds: Mapping[str, float]
) -> list[Row]:
    method, pairs, null = outcome.method, outcome.pairs, outcome.null
    estimates = outcome.estimates(confidence_intervals(method, pairs, null[:, 0]))
    adjusted = max_t(null)
    baseline = np.arange(len(estimates)) >= n_distances
    best = int(np.argmax(np.where(baseline, null[:, 0], -np.inf)))
    without, jackknife = left_out_values(method, pairs)
    difference = null[:, 0] - null[best, 0]
    # What is common to both predictors cancels, in single pairs as in behaviors.
    effects = method.pair_effects(pairs.predictors, pairs.cost)
    noise = pair_noise_of(pairs, effects - effects[best])
    margin = jackknife.half_width(without - without[best], noise, method.pair_noise)
    regret, regret_margin = _regret(pairs)
    ceiling = math.nan if half is None else noise_ceiling(half)
    rows = []
    for k, e in enumerate(estimates):
        apart = (difference[k], margin[k]) if not baseline[k] else (math.nan, math.nan)
        rows.append(
            Row(
                name=e.name,
                baseline=bool(baseline[k]),
                value=e.value,
                ci_low=e.ci_low,
                ci_high=e.ci_high,
                p_value=e.p_value,
                p_adjusted=float(adjusted[k]),
                difference=float(apart[0]),
                difference_low=float(apart[0] - apart[1]),
                difference_high=float(apart[0] + apart[1]),
                regret=float(regret[k]),
                regret_low=max(float(regret[k] - regret_margin[k]), 0.0),
                regret_high=float(regret[k] + regret_margin[k]),
                corrected=e.value / ceiling if ceiling else math.nan,
                seconds=float(seconds.get(e.name, math.nan)),
            )
        )
    return rows


def _regret(pairs: Pairs) -> tuple[FloatArray, FloatArray]:
    """Return regret@1 (K,) and the half width of its interval."""
    identity = Relabelling.identity(pairs.cost.shape)
    saving = REGRET.permuted(pairs.predictors, pairs.cost, identity)[:, 0]
    noise = pair_noise_of(pairs, REGRET.pair_effects(pairs.predictors, pairs.cost))
    without, jackknife = left_out_values(REGRET, pairs)
    return 1 - saving, jackknife.half_width(without, noise, REGRET.pair_noise)


def _notes(pairs: Pairs) -> list[str]:
    notes = [f"target '{target}' left out: {reason}" for target, reason in pairs.left_out]
    if pairs.references:
        notes.append(f"reference sources left out: {', '.join(pairs.references)}")
    mask = np.isfinite(pairs.cost)
    for name, predictor in zip(pairs.names, pairs.predictors, strict=True):
        gaps = int((mask & ~np.isfinite(predictor)).sum())
        if gaps:
            notes.append(f"'{name}' is missing for {gaps} pair(s); it is judged on the others")
    return notes
