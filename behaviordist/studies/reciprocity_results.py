"""What study `reciprocity` reports: the parts of cost, and what predicts each."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from behaviordist.hypothesis.asymmetry.reciprocity import Reciprocity, Share, reciprocity
from behaviordist.report.findings import (
    Claim,
    Distances,
    Findings,
    Grid,
    Intervals,
    Part,
    Row,
    TableOf,
    Verdict,
    decide,
    number,
    numbers,
)
from behaviordist.studies.catalogue import Settings
from behaviordist.studies.lab_runs import BASE, LabRuns
from behaviordist.studies.progress import StageClock
from behaviordist.studies.reciprocity import Study, log_costs

FloatArray = NDArray[np.float64]
RULE = "supported where the 95 % interval lies on the claimed side of the stated threshold, not"
RULE += " supported where it lies on the other, inconclusive where it holds it"


@dataclass(frozen=True)
class Link:
    """A rank correlation over behaviors with its interval and permutation p-value."""

    name: str
    value: float
    low: float
    high: float
    p_value: float


def write_results(
    runs: LabRuns,
    study: Study,
    settings: Settings,
    behaviors: list[str],
    failed: list[str],
    matrices: Mapping[str, Any],
    rows: pd.DataFrame,
    clock: StageClock,
) -> dict[str, Any]:
    """Split the costs, draw the conclusions, write the folder; return ``run.json``."""
    from behaviordist.hypothesis.asymmetry.symmetry import symmetry_parts
    from behaviordist.studies.results import write_findings
    from behaviordist.transfer.curves import summarise
    from behaviordist.transfer.matrix import TransferMatrix

    main = matrices[study.distances.geometry]
    main.save(runs.folder)
    table = summarise(rows)
    TransferMatrix.from_runs(table, [*behaviors, BASE], "flops").save(runs.folder)
    with clock.stage("parts", 1, "Splitting costs into what is the same both ways") as done:
        costs = log_costs(table, rows, behaviors)
        square, from_base = costs[:, 1:], costs[:, 0].mean(axis=0)
        parts = reciprocity(square)
        mean = pd.DataFrame(square.mean(axis=0), index=behaviors, columns=behaviors)
        distances = main.to_pandas().loc[behaviors, behaviors]
        symmetric = symmetry_parts(
            distances, mean, permutations=study.test.permutations, seed=runs.seed
        ).symmetric
        links = _links(runs, study, behaviors, parts, from_base, main)
        done(1)
    findings = _conclude(study, behaviors, parts, symmetric, links, mean, table)
    regimes = {regime.label: regime for regime in study.regimes()}
    rows_of = [
        {"label": b, "algorithm": regimes[b].algorithm, "task": regimes[b].task, "role": "behavior"}
        for b in behaviors
    ]
    notes = [f"{label} did not converge within its budget and is left out" for label in failed]
    return write_findings(
        study, settings, findings, clock, behaviors=rows_of, geometry=study.distances.geometry,
        notes=notes,
    )  # fmt: skip


def _links(
    runs: LabRuns, study: Study, behaviors: list[str], parts: Reciprocity, base: FloatArray,
    main: Any,
) -> list[Link]:  # fmt: skip
    """Correlate the potential (dear to leave, cheap to reach) with what could explain it."""
    frame = main.to_pandas()
    regimes = {regime.label: regime for regime in study.regimes()}
    by_algorithm = np.array([float(regimes[b].algorithm == "rlvr") for b in behaviors])
    candidates = {
        "cheap to reach from the base": -base,
        "near to the base": -frame.loc[BASE, behaviors].to_numpy(np.float64),
        "trained by rlvr rather than sft": by_algorithm,
    }
    return [
        _link(name, values, parts.heights, study.test.permutations, runs.seed)
        for name, values in candidates.items()
        if np.ptp(values) > 0
    ]


def _link(name: str, x: FloatArray, y: FloatArray, permutations: int, seed: int) -> Link:
    """Spearman's rho, two-sided permutation p, and the interval of Bonett and Wright (2000)."""
    from scipy import stats

    rho = float(stats.spearmanr(x, y).statistic)
    test = stats.permutation_test(
        (x,), lambda a: stats.spearmanr(a, y).statistic, permutation_type="pairings",
        n_resamples=permutations, rng=np.random.default_rng(seed),
    )  # fmt: skip
    half = 1.959964 * math.sqrt((1 + rho**2 / 2) / (len(x) - 3))
    z = math.atanh(max(-0.999999, min(0.999999, rho)))
    return Link(name, rho, math.tanh(z - half), math.tanh(z + half), float(test.pvalue))


def _conclude(
    study: Study, behaviors: list[str], parts: Reciprocity, symmetric: Any, links: list[Link],
    mean: pd.DataFrame, table: pd.DataFrame,
) -> Findings:  # fmt: skip
    share = parts.antisymmetric
    claims = (
        Claim(
            claim="Tuning is reciprocal: what differs between A to B and B to A does not matter.",
            verdict=_below(share, study.irrelevant_share),
            answer=f"{share.value:.0%} [{share.low:.0%}, {share.high:.0%}] of the variance of log"
            f" cost that repeats across seeds differs between the two directions; less than"
            f" {study.irrelevant_share:.0%} would not matter.",
            value=number(share.value), low=number(share.low), high=number(share.high),
            unit=f"share of repeatable variance (against {study.irrelevant_share:g})",
            smallest_effect=number(_smallest(share)), rule=RULE,
        ),
        Claim(
            claim="Distance predicts the part of cost that is the same both ways.",
            verdict=decide(number(symmetric.ci_low), number(symmetric.ci_high)),
            answer=f"correlation {symmetric.value:.2f} [{symmetric.ci_low:.2f},"
            f" {symmetric.ci_high:.2f}], p = {symmetric.p_value:.4f} by relabelling, source and"
            " target effects removed.",
            value=number(symmetric.value), low=number(symmetric.ci_low),
            high=number(symmetric.ci_high), unit="correlation of symmetric parts",
            smallest_effect=number((symmetric.ci_high - symmetric.ci_low) / 2 * 1.43), rule=RULE,
        ),
        Claim(
            claim="What differs between the directions is a ranking of the behaviors: some are dear"
            " to leave and cheap to reach.",
            verdict=decide(number(parts.potential.low), number(parts.potential.high), 0.5),
            answer=f"a ranking explains {parts.potential.value:.0%} [{parts.potential.low:.0%},"
            f" {parts.potential.high:.0%}] of the antisymmetric part.",
            value=number(parts.potential.value), low=number(parts.potential.low),
            high=number(parts.potential.high), unit="share of the antisymmetric part (against 0.5)",
            smallest_effect=number(_smallest(parts.potential)), rule=RULE,
        ),
        *[_link_claim(link, len(behaviors)) for link in links],
    )  # fmt: skip
    return Findings(
        headline=f"{share.value:.0%} [{share.low:.0%}, {share.high:.0%}] of the repeatable variance"
        f" of log cost differs between A to B and B to A; distance correlates"
        f" {symmetric.value:.2f} with the part that is the same both ways, and a ranking of the"
        f" behaviors explains {parts.potential.value:.0%} of the part that is not.",
        claims=claims,
        facts=(
            ("behaviors", str(len(behaviors)), f"{len(behaviors) * (len(behaviors) - 1)} pairs"),
            ("seeds", str(study.seeds), "sizes are products of two different seeds"),
            ("noise", f"{parts.noise:.0%}", "of the variance of one seed's table"),
            ("censored runs", str(int(table["censored"].sum())), f"of {len(table)}"),
        ),
        parts=(
            Part(title="Both directions", blocks=_direction_blocks(behaviors, mean)),
            Part(title="The ranking", blocks=_ranking_blocks(behaviors, parts, links)),
            Part(title="Distances", blocks=(Distances(),)),
        ),
    )


def _link_claim(link: Link, n: int) -> Claim:
    effect = math.tanh((1.959964 + 0.841621) / math.sqrt(n - 3))
    return Claim(
        claim=f"A behavior that is dear to leave and cheap to reach is {link.name}.",
        verdict=decide(number(link.low), number(link.high)),
        answer=f"rank correlation {link.value:.2f} [{link.low:.2f}, {link.high:.2f}] over {n}"
        f" behaviors, p = {link.p_value:.3f}.",
        value=number(link.value), low=number(link.low), high=number(link.high),
        unit="Spearman correlation over behaviors", smallest_effect=number(effect), rule=RULE,
    )  # fmt: skip


def _below(share: Share, threshold: float) -> Verdict:
    return decide(number(share.low), number(share.high), threshold, above=False)


def _smallest(share: Share) -> float:
    """Effect that is seen four times in five: 1.43 half widths, (1.96 + 0.84) / 1.96."""
    return (share.high - share.low) / 2 * 1.43


def _direction_blocks(behaviors: list[str], mean: pd.DataFrame) -> tuple[Any, ...]:
    values = mean.to_numpy(np.float64)
    ratio = values - values.T
    np.fill_diagonal(ratio, np.nan)
    grid = Grid(
        name="asymmetry", title="How much dearer one direction is than the other",
        caption="log2 of the FLOPs from the row to the column over those of the way back: 1 is"
        " twice as dear. Means over seeds; noise included.",
        rows=tuple(behaviors), columns=tuple(behaviors), row_axis="source", column_axis="target",
        values=tuple(numbers(row) for row in ratio.tolist()), scale="log2 of the\ncost ratio",
        digits=1, diverging=True,
    )  # fmt: skip
    upper = np.triu_indices(len(behaviors), 1)
    order = np.argsort(-np.abs(ratio[upper]))[:8]
    rows = []
    for k in order:
        i, j = upper[0][k], upper[1][k]
        cheap, dear = (j, i) if ratio[i, j] < 0 else (i, j)
        rows.append((behaviors[cheap], behaviors[dear], f"{2 ** abs(ratio[i, j]):.1f}"))
    table = TableOf(
        title="The most one-sided pairs", header=("dear from", "to", "times the way back"),
        rows=tuple(rows), align="llr", note="In FLOPs, geometric means over seeds.",
    )  # fmt: skip
    return grid, table


def _ranking_blocks(behaviors: list[str], parts: Reciprocity, links: list[Link]) -> tuple[Any, ...]:
    order = np.argsort(-parts.heights)
    heights = Intervals(
        name="ranking", title="Dear to leave, cheap to reach",
        caption="The potential of each behavior: half the mean log2 ratio of leaving it to reaching"
        " it. A difference of 0.5 between two makes one way twice as dear as the way back.",
        unit="potential, log2 FLOPs",
        groups=(("behaviors", tuple(
            Row(label=behaviors[i], value=number(parts.heights[i])) for i in order)),),
    )  # fmt: skip
    table = TableOf(
        title="What the ranking goes with", align="lrr",
        header=("candidate", "Spearman [95% interval]", "p"),
        rows=tuple(
            (x.name, f"{x.value:.2f} [{x.low:.2f}, {x.high:.2f}]", f"{x.p_value:.3f}")
            for x in links
        ),
        note="Over behaviors; interval by Bonett and Wright (2000), p two-sided by permutation.",
    )  # fmt: skip
    return heights, table
