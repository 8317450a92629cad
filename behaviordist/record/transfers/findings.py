"""The findings of a study of transfers: verdict, facts, and sections, from its numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median

from behaviordist.record.blocks import AnyBlock, Distances, Fact, Intervals, Lines, Section, Series
from behaviordist.record.claims import Claim
from behaviordist.record.estimate import Estimate
from behaviordist.record.findings import Findings
from behaviordist.record.formatting import (
    NBSP,
    count,
    decimal,
    interval,
    p_cell,
    p_value,
    plural,
)
from behaviordist.record.transfers import tables
from behaviordist.record.transfers.matrices import Costs, curves
from behaviordist.record.transfers.numbers import Outcome, TransferNumbers

CLAIM = "Closer behaviors are cheaper to reach."
HEADLINES = {
    "supported": "Closer behaviors were cheaper to reach",
    "not supported": "This study does not support that closer behaviors are cheaper to reach",
    "inconclusive": "This study cannot say whether closer behaviors are cheaper to reach",
}
UNTESTED = "There is no test of the hypothesis"


def transfer_findings(
    numbers: TransferNumbers, costs: Costs | None, transfers: Sequence[str] = ()
) -> Findings:
    """Return what the page of a study of transfers shows.

    Parameters
    ----------
    numbers
        What it measured.
    costs
        Beside the distances; None where there are none.
    transfers
        Targets that the folder's ``transfers.parquet`` holds runs towards.
    """
    outcome = numbers.outcome
    headline = f"{HEADLINES[outcome.verdict]}: {evidence(outcome)}" if outcome else UNTESTED
    more = (*(_beside(outcome) if outcome else ()), *_practical(numbers, costs))
    return Findings(
        headline=f"{headline}.",
        more=more,
        claims=(claim(outcome),) if outcome else (),
        facts=(*(_facts(outcome) if outcome else ()), *_floor(numbers)),
        sections=sections(numbers, costs, transfers),
    )


def evidence(outcome: Outcome) -> str:
    """Return the statistic with interval and p-value, and what is left beyond the sources."""
    statistic, draws = outcome.statistic, outcome.permutations
    words = f"{statistic.label} {interval(statistic)}, p{NBSP}{p_value(statistic.p_value, draws)}"
    if outcome.beyond_sources is not None:
        rest = outcome.beyond_sources
        p = p_value(rest.p_value, draws)
        words += f"; with source effects removed {interval(rest)}, p{NBSP}{p}"
    if outcome.counts_yet_small:
        words += f"; {outcome.counts_yet_small}"
    return words


def claim(outcome: Outcome) -> Claim:
    """Return the study's claim, with the verdict of the test's own rule."""
    answer = f"{evidence(outcome)}; {plural(outcome.n_pairs, 'pair')}."
    if outcome.edges:
        answer += f" On the edge: {', '.join(outcome.edges)}."
    return Claim(
        claim=CLAIM,
        verdict=outcome.verdict,
        answer=answer,
        estimate=outcome.statistic,
        unit=outcome.statistic.label,
        rule=outcome.rule,
    )


def sections(
    numbers: TransferNumbers, costs: Costs | None, transfers: Sequence[str] = ()
) -> tuple[Section, ...]:
    """Return the sections in reading order; see `transfer_findings`."""
    has_distances = costs is not None and costs.distances is not None
    return (
        Section.of("The test", *_test_blocks(numbers)),
        Section.of("Distances", Distances() if has_distances else None),
        Section.of(
            "What was trained, and how", tables.factors_table(numbers), tables.places_table(numbers)
        ),
        Section.of("Costs", costs.grid(_left_out(numbers)) if costs else None),
        Section.of(
            "Target by target",
            costs.scatter(numbers) if costs else None,
            curves(transfers, numbers) if transfers else None,
            costs.table(numbers) if costs else None,
        ),
        Section.of(
            "Behaviors and regimes",
            tables.regimes_table(numbers),
            tables.preferences_table(numbers),
            tables.base_chance_table(numbers),
            tables.random_start_sentence(numbers),
            tables.random_start_table(numbers),
            tables.behaviors_table(numbers),
        ),
    )


def remarks(numbers: TransferNumbers, costs: Costs | None) -> tuple[str, ...]:
    """Return what a reader should know: the test's remarks, and what is missing."""
    outcome, missing = numbers.outcome, costs.missing if costs else 0
    gaps = f"{plural(missing, 'pair')} without a cost: drawn grey, in no statistic."
    return (*(outcome.notes if outcome else ()), *((gaps,) if missing > 0 else ()))


def _test_blocks(numbers: TransferNumbers) -> tuple[AnyBlock | None, ...]:
    outcome = numbers.outcome
    beside = (
        (outcome.statistic.named("behavior distance"), *outcome.predictors, *outcome.baselines)
        if outcome
        else ()
    )
    return (
        _forest(numbers),
        tables.estimates_table(
            "Distance beside other predictors",
            "predictor",
            beside,
            "The same statistic, computed for each predictor of cost on the same pairs.",
        ),
        tables.estimates_table("Every geometry", "geometry", numbers.geometries),
        tables.estimates_table("Every measure of cost", "cost", numbers.measures),
        tables.estimates_table("Parts of the pairs", "part", numbers.parts),
        tables.reliability_table(numbers),
        _sweep(numbers),
        tables.sweep_table(numbers),
    )


def _forest(numbers: TransferNumbers) -> Intervals | None:
    outcome = numbers.outcome
    main = (outcome.statistic.named("behavior distance"),) if outcome else ()
    groups = (
        ("distance", main),
        ("other predictors", outcome.predictors if outcome else ()),
        ("simpler explanations", outcome.baselines if outcome else ()),
        ("geometries", numbers.geometries),
        ("measures of cost", numbers.measures),
        ("parts of the pairs", numbers.parts),
    )
    if not any(row.is_known for _, rows in groups for row in rows):
        return None
    ceiling = outcome.noise_ceiling if outcome else math.nan
    caption = (
        "Each line is a predictor of cost: its statistic and 95% interval. Right of zero, closer "
        "is cheaper. A distance is of use only as far as it lies right of what opens no function."
    )
    if math.isfinite(ceiling):
        caption += (
            " The dashed line is the most that noise between seeds would let a predictor reach."
        )
    return Intervals(
        name="predictors",
        title="What predicts the cost of a transfer",
        caption=caption,
        unit=_unit(outcome),
        groups=groups,
        main=("behavior distance",),
        levels=(("noise ceiling", ceiling),) if math.isfinite(ceiling) else (),
    )


def _sweep(numbers: TransferNumbers) -> Lines | None:
    known = sorted((t for t in numbers.sweep if t.estimate.is_known), key=lambda t: t.share)
    if len(known) < 2:
        return None
    shares = sorted(t.tau / t.level for t in numbers.targets if t.level > 0)
    chosen = (("fixed beforehand", shares[len(shares) // 2]),) if shares else ()
    caption = (
        "The statistic, had tau been set at another share of the target's level; the band is the "
        "95% interval, the dashed line the share that the study fixed beforehand. A result that "
        "stands only at one tau is none."
    )
    return Lines(
        name="tau-sweep",
        title="Does the answer hang on tau?",
        caption=caption,
        x="tau, as a share of the target's own level",
        y=_unit(numbers.outcome),
        series=(
            Series.over("distance", (t.share for t in known), (t.estimate for t in known)),
        ),
        places=chosen,
        levels=(("", 0.0),),
        band=True,
    )  # fmt: skip


def _beside(outcome: Outcome) -> tuple[str, ...]:
    """Say what other predictors score, what the design could see, and what noise allows."""
    sentences = [
        f"{words}, by the same statistic: {_listed(rows)}."
        for words, rows in (
            ("Simpler explanations, which open no function", outcome.baselines),
            ("Other predictors", outcome.predictors),
        )
        if any(row.is_known for row in rows)
    ]
    seen, supported = outcome.statistic.smallest_effect, outcome.smallest_supported
    if math.isfinite(seen):
        words = f"Four in five studies like this one see an effect of {decimal(seen)}"
        if math.isfinite(supported):
            words += f", and support one of {decimal(supported)}"
        sentences.append(f"{words}.")
    ceilings = (("ties", outcome.tie_ceiling), ("noise between seeds", outcome.noise_ceiling))
    known = [f"{decimal(value)} for {name}" for name, value in ceilings if math.isfinite(value)]
    if known:
        sentences.append(f"The most that a predictor can reach is {' and '.join(known)}.")
    return tuple(sentences)


def _listed(rows: Sequence[Estimate]) -> str:
    known = sorted((row for row in rows if row.is_known), key=lambda row: -row.value)
    return ", ".join(f"{row.label} {interval(row)}" for row in known)


def _practical(numbers: TransferNumbers, costs: Costs | None) -> tuple[str, ...]:
    """Say what starting from the nearest checkpoint saved against starting from the base."""
    base = numbers.reference("base")
    if base is None or costs is None:
        return ()
    saved = [costs.saved(target, base) for target in costs.targets]
    saved = [value for value in saved if math.isfinite(value)]
    if not saved:
        return ()
    low, middle, high = (decimal(f(saved), 1) for f in (min, median, max))
    return (
        f"Starting from the nearest checkpoint instead of the base saved {middle} steps in the"
        f" median ({low} to {high}), and was cheaper for {sum(value > 0 for value in saved)} of"
        f" {plural(len(saved), 'target')}.",
    )


def _facts(outcome: Outcome) -> tuple[Fact, ...]:
    statistic = outcome.statistic
    p = p_cell(statistic.p_value, outcome.permutations)
    pairs = f"{count(outcome.n_pairs)} pairs; {count(outcome.n_missing)} missing"
    draws = f"one-sided; {count(outcome.permutations)} relabellings"
    return (
        Fact.of("statistic", interval(statistic), statistic.label),
        Fact.of("p-value", p, draws),
        Fact.of(
            "smallest visible effect",
            decimal(statistic.smallest_effect),
            f"{decimal(outcome.smallest_supported)} by the whole rule"
            if math.isfinite(outcome.smallest_supported)
            else "",
        ),
        Fact.of("noise ceiling", decimal(outcome.noise_ceiling), "from two halves of the seeds"),
        Fact.of("behaviors", count(outcome.n_behaviors), _design(outcome)),
        Fact.of("censored pairs", count(outcome.n_censored), pairs),
    )


def _design(outcome: Outcome) -> str:
    units = "" if outcome.n_units is None else f"{outcome.n_units} units; "
    return f"{units}{outcome.n_targets} targets"


def _floor(numbers: TransferNumbers) -> tuple[Fact, ...]:
    floor = numbers.noise_floor
    if floor is None or not floor.is_known:
        return ()
    regimes = f"; {floor.n} regimes" if floor.n is not None else ""
    meaning = f"distance between two seeds of a regime{regimes}"
    return (Fact.of("noise floor", decimal(floor.value, 3), meaning),)


def _left_out(numbers: TransferNumbers) -> list[str]:
    flagged = [row.target for row in numbers.targets if row.left_out]
    named = [name for name, _ in numbers.outcome.left_out] if numbers.outcome else []
    return list(dict.fromkeys([*flagged, *named]))


def _unit(outcome: Outcome | None) -> str:
    label = outcome.statistic.label if outcome else "mean Spearman correlation inside targets"
    return f"{label} (distance, cost)"
