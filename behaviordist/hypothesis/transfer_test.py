"""The test of "closer behaviors are cheaper to reach", on anybody's two labelled matrices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy import stats

from behaviordist.errors import InputError
from behaviordist.hypothesis.inference.intervals import Method, intervals
from behaviordist.hypothesis.inference.permuted import DISTANCE, SOURCE_QUALITY, Permuted, permuted
from behaviordist.hypothesis.inference.reliability import noise_ceiling, split_half_of
from behaviordist.hypothesis.inference.result import Estimate, TargetResult, TransferTest
from behaviordist.hypothesis.inference.verdict import Verdict, VerdictRule
from behaviordist.hypothesis.permutation.ranks import FloatArray
from behaviordist.hypothesis.statistics.statistic import Statistic
from behaviordist.hypothesis.tables.pairs import Matrix, Pairs

POWER = 0.8


def transfer_test(
    distances: Matrix,
    costs: Matrix,
    *,
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
    rule: VerdictRule | None = None,
) -> TransferTest:
    """Test whether behaviors at a smaller distance are cheaper to reach.

    Parameters
    ----------
    distances
        (N, N) labelled square matrix, not negative, diagonal 0 or NaN; need not be symmetric.
    costs
        (N, N) labelled, rows = source, columns = target, same labels in any order; or rectangular
        (sources that are no targets). NaN is missing, the diagonal is ignored. In a square table
        a label with an empty column is a *reference* (the base, random weights): it is set aside,
        since its distance and its cost stand out for reasons of their own.
    baselines
        Further predictors by name, labelled like `costs`, larger = expected dearer. "source
        quality" (computed from the costs; not where the statistic removes source effects) and
        "random" are added.
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
        ``jackknife`` over behaviors (default) or ``bootstrap`` over behaviors; see `intervals`.
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
    rule
        How the verdict follows; default `VerdictRule()`.

    Returns
    -------
    TransferTest

    Raises
    ------
    InputError
        Labels that do not match, fewer than four behaviors, bad distances, equal distances, no
        target whose costs can be ranked, an unknown statistic.

    Notes
    -----
    One-sided ``p = (1 + #{relabelled >= observed}) / (1 + B)``. Columns whose costs are all equal
    (every run censored) are left out and listed. ``minimum_detectable = c + z(0.80) s`` with c the
    95 % quantile of the null distribution and s its standard deviation: the smallest effect found
    with 80 % power if the statistic spreads about the effect as it does about zero.
    """
    rule = rule or VerdictRule()
    if bootstrap < 1:
        raise InputError(f"bootstrap is {bootstrap}: at least 1 sample is needed")
    asked = permuted(
        {DISTANCE: distances},
        costs,
        baselines=baselines,
        gains=gains,
        statistic=statistic,
        permutations=permutations,
        seed=seed,
        censored=censored,
        invalid=invalid,
        strata=strata,
    )
    limits = intervals(
        asked.method, asked.pairs, asked.null[:, 0], interval, bootstrap, rng=asked.rng
    )
    half = split_half_of(asked.method, asked.pairs, halves)
    return _result(asked, limits, interval, half, rule, gains)


def _result(
    asked: Permuted,
    limits: FloatArray,
    interval: str,
    half: float | None,
    rule: VerdictRule,
    gains: bool,
) -> TransferTest:
    method, pairs, drawn = asked.method, asked.pairs, asked.drawn
    main, *others = asked.estimates(limits)
    quality = next((e.value for e in others if e.name == SOURCE_QUALITY), None)
    spread = asked.null[0, 0 if drawn.exact else 1 :]
    detectable = np.quantile(spread, 1 - rule.alpha) + stats.norm.ppf(POWER) * spread.std()
    return TransferTest(
        statistic=method.name,
        value=main.value,
        ci_low=main.ci_low,
        ci_high=main.ci_high,
        p_value=main.p_value,
        permutations=asked.n_permutations,
        exact=drawn.exact,
        interval=f"{interval} over behaviors",
        n_behaviors=len(set(pairs.sources) | set(pairs.targets)),
        n_targets=int(pairs.counted.sum()),
        n_pairs=pairs.n_pairs,
        n_missing=pairs.n_missing,
        n_censored=pairs.n_censored,
        per_target=_per_target(method, pairs),
        baselines=tuple(others),
        noise_ceiling=None if half is None else noise_ceiling(half),
        split_half=half,
        minimum_detectable=float(detectable),
        verdict=_verdict(method, main, quality, spread, rule),
        rule=rule,
        left_out=pairs.left_out,
        references=pairs.references,
        notes=tuple(_notes(pairs, main, gains)),
    )


def _per_target(method: Statistic, pairs: Pairs) -> tuple[TargetResult, ...]:
    rho, count = method.per_target(pairs.predictors[0], pairs.cost)
    return tuple(
        TargetResult(pairs.targets[t], float(rho[t]), int(count[t]))
        for t in np.flatnonzero(pairs.counted)
    )


def _verdict(
    method: Statistic,
    main: Estimate,
    quality: float | None,
    null: FloatArray,
    rule: VerdictRule,
) -> Verdict:
    """Apply the rule to what exceeds chance: 0 for correlations, else the mean of the null."""
    chance = 0.0 if method.correlation else float(null.mean())
    return rule.decide(
        main.value - chance,
        main.ci_low - chance,
        main.ci_high - chance,
        main.p_value,
        None if quality is None else quality - chance,
    )


def _notes(pairs: Pairs, main: Estimate, gains: bool) -> list[str]:
    notes = []
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
        notes.append("too few behaviors for an interval")
    return notes
