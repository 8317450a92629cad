"""The test of "closer behaviors are cheaper to reach", on anybody's two labelled matrices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from behaviordist.errors import InputError
from behaviordist.hypothesis.inference.intervals import Method, intervals
from behaviordist.hypothesis.inference.permuted import DISTANCE, Permuted, permuted
from behaviordist.hypothesis.inference.reliability import noise_ceiling, split_half_of, tie_ceiling
from behaviordist.hypothesis.inference.result import PredictorTest, TargetResult, TransferTest
from behaviordist.hypothesis.inference.verdict import VerdictRule
from behaviordist.hypothesis.permutation.ranks import FloatArray
from behaviordist.hypothesis.statistics.statistic import Statistic
from behaviordist.hypothesis.statistics.two_way import TwoWay
from behaviordist.hypothesis.tables.pairs import Matrix, Pairs

POWER = 0.8


def transfer_test(
    distances: Matrix,
    costs: Matrix,
    *,
    predictors: Mapping[str, Matrix] | None = None,
    baselines: Mapping[str, Matrix] | None = None,
    gains: bool = False,
    statistic: str = "within-target",
    permutations: int = 10_000,
    bootstrap: int = 2_000,
    interval: Method = "jackknife",
    seed: int = 0,
    censored: Matrix | None = None,
    halves: Sequence[tuple[Matrix, Matrix]] | None = None,
    invalid: Mapping[str, Sequence[str]] | None = None,
    strata: Mapping[str, str] | None = None,
    units: Mapping[str, str] | None = None,
    rule: VerdictRule | None = None,
) -> TransferTest:
    """Test whether behaviors at a smaller distance are cheaper to reach.

    Parameters
    ----------
    distances
        (N, N) labelled square matrix, smaller = nearer; only its order inside a target is used,
        so that scores of any sign do. Need not be symmetric; the diagonal is ignored.
    costs
        (N, N) labelled, rows = source, columns = target, same labels in any order; or rectangular
        (sources that are no targets). NaN is missing, the diagonal is ignored. In a square table
        a label with an empty column is a *reference* (the base, random weights): it is set aside,
        since its distance and its cost stand out for reasons of their own.
    predictors
        Further predictors that look at the functions, by name, labelled like `costs`, larger =
        expected dearer: other distances, or one minus the score at step 0, which for a
        deterministic target is the inner product of the two functions.
    baselines
        Simpler explanations that open no function, such as a distance between weights. "source
        quality" (computed from the costs; not where the statistic removes source effects),
        "same unit" (where units are given) and "random" are added.
    gains
        Larger is better in `costs`: its sign is flipped.
    statistic
        ``within-target``: Spearman inside each target's column, averaged over targets.
        ``two-way``: correlation of ranks after source and target effects are removed.
    permutations
        Random relabellings of the behaviors (QAP); all of them where they are fewer.
    bootstrap
        Bootstrap samples, where ``interval="bootstrap"``.
    interval
        ``jackknife`` over units (default) or ``bootstrap`` over units; see `intervals`.
    seed
        Of relabellings, bootstrap and the random baseline.
    censored
        Share of the runs of each pair that were censored, labelled like `costs`; default
        ``costs.censored`` where `costs` is an object that has it.
    halves
        Pairs of cost matrices, each from one half of the seeds, for the noise ceiling.
    invalid
        For each target, the sources that must not count (trained on the target's data, say).
    strata
        Stratum of each label; behaviors swap names only inside a stratum.
    units
        Unit of each label: behaviors that share a function, a base or a family are one unit.
        Relabellings, intervals and degrees of freedom are over units; see `relabellings`. Default:
        every behavior is one.
    rule
        How the verdict follows; default `VerdictRule()`.

    Returns
    -------
    TransferTest

    Raises
    ------
    InputError
        Labels that do not match, fewer than four behaviors, a label without a unit, equal
        distances, no target whose costs can be ranked, an unknown statistic.

    Notes
    -----
    One-sided ``p = (1 + #{relabelled >= observed}) / (1 + B)``. Columns whose costs are all equal
    (every run censored) are left out and listed. ``minimum_detectable = c + z(0.80) s`` with c the
    95 % quantile of the null distribution and s its standard deviation: the smallest effect found
    with 80 % power if the statistic spreads about the effect as it does about zero.
    ``minimum_supported`` asks as much of each part of the rule: of p, of the interval, and of the
    correlation with source effects removed (two-way residuals, own p by the same relabellings).

    Examples
    --------
    >>> import numpy as np, pandas as pd, behaviordist as bd
    >>> at, labels = np.sqrt(np.arange(6)), list("abcdef")  # costs are distances, planted
    >>> far = pd.DataFrame(np.abs(at[:, None] - at), labels, labels)
    >>> bd.transfer_test(far, 10 * far, permutations=99, bootstrap=50).p_value < 0.05
    True
    """
    rule = rule or VerdictRule()
    if bootstrap < 1:
        raise InputError(f"bootstrap is {bootstrap}: at least 1 sample is needed")
    tested = permuted(
        {DISTANCE: distances},
        costs,
        predictors=predictors,
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
    limits = intervals(
        tested.method, tested.pairs, tested.null[:, 0], interval, bootstrap, rng=tested.rng
    )
    half = split_half_of(tested.method, tested.pairs, halves)
    beyond = None if tested.method.removes_source_effects else _beyond_sources(tested)
    return _result(tested, limits, interval, half, beyond, rule, len(predictors or {}), gains)


@dataclass(frozen=True)
class _Beyond:
    """The distance with source effects removed, and its null distribution."""

    estimate: PredictorTest
    null: FloatArray


def _beyond_sources(outcome: Permuted) -> _Beyond:
    statistic = TwoWay()
    alone = replace(
        outcome.pairs, names=outcome.pairs.names[:1], predictors=outcome.pairs.predictors[:1]
    )
    null = statistic.permuted(alone.predictors, alone.cost, outcome.drawn)
    low, high = intervals(statistic, alone, null[:, 0])[0]
    return _Beyond(
        PredictorTest.from_null(statistic.name, null[0, 0], (low, high), null[0]), null[0]
    )


def _result(
    outcome: Permuted,
    limits: FloatArray,
    interval: str,
    half: float | None,
    beyond: _Beyond | None,
    rule: VerdictRule,
    n_predictors: int,
    gains: bool,
) -> TransferTest:
    method, pairs, drawn = outcome.method, outcome.pairs, outcome.drawn
    main, *others = outcome.estimates(limits)
    chance = 0.0 if method.correlation else float(outcome.drawn_null(0).mean())
    detectable, supported = _smallest(outcome, main, beyond, rule, chance)
    ties = tie_ceiling(method, pairs.cost)
    rest = None if beyond is None else beyond.estimate
    return TransferTest(
        statistic=method.name,
        value=main.value,
        ci_low=main.ci_low,
        ci_high=main.ci_high,
        p_value=main.p_value,
        permutations=outcome.n_permutations,
        exact=drawn.exact,
        interval=f"{interval} over {'units' if pairs.units else 'behaviors'}",
        n_behaviors=len(set(pairs.sources) | set(pairs.targets)),
        n_units=pairs.n_units,
        n_targets=int(pairs.counted.sum()),
        n_pairs=pairs.n_pairs,
        n_missing=pairs.n_missing,
        n_censored=pairs.n_censored,
        per_target=_per_target(method, pairs),
        baselines=tuple(others[n_predictors:]),
        predictors=tuple(others[:n_predictors]),
        beyond_sources=rest,
        tie_ceiling=ties,
        noise_ceiling=None if half is None else noise_ceiling(half) * ties,
        split_half=half,
        minimum_detectable=detectable,
        minimum_supported=supported,
        # What is no correlation counts by what exceeds chance.
        verdict=rule.decide(
            main.ci_low - chance,
            main.ci_high - chance,
            main.p_value,
            None if rest is None else rest.p_value,
        ),
        rule=rule,
        left_out=pairs.left_out,
        references=pairs.references,
        notes=tuple(_notes(outcome, main, rule, gains)),
    )


def _per_target(method: Statistic, pairs: Pairs) -> tuple[TargetResult, ...]:
    rho, count = method.per_target(pairs.predictors[0], pairs.cost)
    return tuple(
        TargetResult(pairs.targets[t], float(rho[t]), int(count[t]))
        for t in np.flatnonzero(pairs.counted)
    )


def _smallest(
    outcome: Permuted, main: PredictorTest, beyond: _Beyond | None, rule: VerdictRule, chance: float
) -> tuple[float, float]:
    """Smallest effects for p <= alpha, and for the whole rule; infinite where no p is so small."""
    if outcome.smallest_p > rule.alpha:
        return np.inf, np.inf
    room = stats.norm.ppf(POWER)

    def seen(null: FloatArray) -> float:
        return float(np.quantile(null, 1 - rule.alpha) + room * null.std())

    alone = seen(outcome.drawn_null(0))
    half = (main.ci_high - main.ci_low) / 2
    needs = [alone, chance + half * (1 + room / stats.norm.ppf(0.975))]
    if beyond is not None and rule.beyond_source_effects:
        needs.append(seen(beyond.null))
    return alone, float(np.max(needs)) if np.isfinite(half) else np.inf


def _notes(outcome: Permuted, main: PredictorTest, rule: VerdictRule, gains: bool) -> list[str]:
    pairs = outcome.pairs
    notes = list(pairs.remarks)
    if outcome.smallest_p > rule.alpha:
        notes.append(
            f"names can be swapped in {len(outcome.drawn)} orders only: no p is smaller than"
            f" {outcome.smallest_p:.2g}, which is above {rule.alpha:g}"
        )
    if pairs.left_out:
        listed = "; ".join(f"{target} ({reason})" for target, reason in pairs.left_out)
        notes.append(f"{len(pairs.left_out)} target(s) left out of the statistic: {listed}")
    if pairs.references:
        notes.append(
            f"{len(pairs.references)} label(s) never were a target and are left out as reference"
            f" sources: {', '.join(pairs.references)}"
        )
    if pairs.n_missing:
        notes.append(f"{pairs.n_missing} pair(s) have no cost or no distance and are left out")
    if pairs.n_censored:
        notes.append(f"{pairs.n_censored} pair(s) have censored runs; they rank at their bound")
    used = np.where(np.isfinite(pairs.cost), pairs.predictors[0], np.nan)[:, pairs.counted]
    flat = np.nanmax(used, axis=0) == np.nanmin(used, axis=0)
    if flat.any():
        same = np.array(pairs.targets)[pairs.counted][flat]
        notes.append(
            f"every source is equally far from {', '.join(same)}: it counts as no relation"
        )
    negative = 0 if gains else int((pairs.cost < 0).sum())
    if negative:
        notes.append(
            f"{negative} cost(s) are negative; steps, tokens and FLOPs are not, and where higher is"
            " better, say so (--gains)"
        )
    if not np.isfinite(main.ci_low):
        notes.append("too few units for an interval")
    return notes
