"""The page of study `reciprocity`: claims, both directions, the ranking."""

from __future__ import annotations

import numpy as np
import pandas as pd

from behaviordist.hypothesis.asymmetry.reciprocity import Reciprocity
from behaviordist.record import (
    AnyBlock,
    Distances,
    Estimate,
    Fact,
    Findings,
    Grid,
    Intervals,
    Panel,
    Scatter,
    Section,
    Table,
)
from behaviordist.record.formatting import percent
from behaviordist.studies.estimates import words
from behaviordist.studies.law.figures import turned
from behaviordist.studies.reciprocity.conclude import conclude
from behaviordist.studies.reciprocity.measure import Parts
from behaviordist.studies.reciprocity.soft import SoftParts
from behaviordist.studies.reciprocity.study import Study


def _direction_blocks(behaviors: list[str], mean: pd.DataFrame) -> tuple[AnyBlock, ...]:
    values = mean.to_numpy(np.float64)
    ratio = values - values.T
    np.fill_diagonal(ratio, np.nan)
    grid = Grid.of(
        pd.DataFrame(ratio, behaviors, behaviors), name="asymmetry",
        title="How much dearer one direction is than the other",
        caption="log2 of the FLOPs from the row to the column over those of the way back: 1 is"
        " twice as dear. Means over seeds; noise included.",
        row_axis="source", column_axis="target", scale="log2 of the\ncost ratio", digits=1,
        diverging=True,
    )  # fmt: skip
    upper = np.triu_indices(len(behaviors), 1)
    order = np.argsort(-np.abs(ratio[upper]))[:8]
    rows = []
    for k in order:
        i, j = upper[0][k], upper[1][k]
        cheap, dear = (j, i) if ratio[i, j] < 0 else (i, j)
        rows.append((behaviors[cheap], behaviors[dear], f"{2 ** abs(ratio[i, j]):.1f}"))
    table = Table(
        title="The most one-sided pairs", header=("dear from", "to", "times the way back"),
        rows=tuple(rows), align="llr", note="In FLOPs, geometric means over seeds.",
    )  # fmt: skip
    return grid, table


def _ranking_blocks(
    behaviors: list[str], parts: Reciprocity, links: list[Estimate]
) -> tuple[AnyBlock, ...]:
    order = np.argsort(-parts.heights)
    heights = Intervals(
        name="ranking", title="Dear to leave, cheap to reach",
        caption="The potential of each behavior: half the mean log2 ratio of leaving it to reaching"
        " it. A difference of 0.5 between two makes one way twice as dear as the way back.",
        unit="potential, log2 FLOPs",
        groups=(("behaviors", tuple(
            Estimate(label=behaviors[i], value=parts.heights[i]) for i in order)),),
    )  # fmt: skip
    table = Table(
        title="What the ranking goes with", align="lrr",
        header=("candidate", "Spearman [95% interval]", "p"),
        rows=tuple(
            (link.label, words(link), f"{link.p_value:.3f}") for link in links
        ),
        note="Over behaviors; interval by Bonett and Wright (2000), p two-sided by permutation.",
    )  # fmt: skip
    return heights, table


def _soft_blocks(soft: SoftParts | None) -> tuple[AnyBlock, ...]:
    if soft is None:
        return ()
    points = turned(soft.tables.nats, soft.tables.costs, soft.tables.late)
    figure = Scatter(
        name="soft-both-ways", title="How much dearer the more surprising way is",
        caption="A pair of soft behaviors each, turned so that the first way is the more surprising"
        " one: half the difference of KL, and of steps. Hollow: one way never arrived.",
        x="antisymmetric part of KL, nats", y="antisymmetric part of cost, steps",
        panels=(Panel(title="soft behaviors", points=(points,)),), bound="one way never arrived",
    )  # fmt: skip
    rows = [
        (number.label, "the same both ways", words(number), f"{number.p_value:.4f}")
        for number in soft.symmetric
    ]
    number = soft.antisymmetric
    rows.append((number.label, "what differs", words(number), f"{number.p_value:.4f}"))
    table = Table(
        title="Which part of cost goes with what", align="llrr", rows=tuple(rows),
        header=("distance", "part of cost", "correlation [95% interval]", "p"),
        note=f"Over {len(soft.tables.costs)} soft behaviors as units. Jeffreys: half the KL of both"
        " ways. The parts that are the same both ways are of ranks, source and target effects"
        " removed; those that differ are ranked as they are.",
    )  # fmt: skip
    return figure, table


def _soft_sentence(soft: SoftParts) -> str:
    return (
        f" Between {len(soft.tables.costs)} soft behaviors what differs goes with what differs of"
        f" KL: {words(soft.antisymmetric)}."
    )


def findings(
    study: Study, parts: Parts, table: pd.DataFrame, soft: SoftParts | None = None
) -> Findings:
    """Return the study's claims, figures and tables.

    Parameters
    ----------
    study, parts
        The file, and the costs split by direction.
    table
        One row a transfer run.
    soft
        The same for soft behaviors, where the file has them.
    """
    share, potential, n = parts.split.antisymmetric, parts.split.potential, len(parts.behaviors)
    behaviors = list(parts.behaviors)
    return Findings(
        headline=f"{percent(share.value, share.low, share.high)} of the repeatable variance of log"
        f" cost differs between A to B and B to A; distance correlates {words(parts.symmetric)}"
        " with the part that is the same both ways, and a ranking of the behaviors explains"
        f" {percent(potential.value, potential.low, potential.high)} of the part that is not."
        + ("" if soft is None else _soft_sentence(soft)),
        claims=conclude(study, parts, soft),
        facts=(
            Fact.of("behaviors", str(n), f"{n * (n - 1)} pairs"),
            Fact.of("seeds", str(study.seeds), "sizes are products of two different seeds"),
            Fact.of("noise", f"{parts.split.noise:.0%}", "of the variance of one seed's table"),
            Fact.of("censored runs", str(int(table["censored"].sum())), f"of {len(table)}"),
        ),
        sections=(
            Section.of("Both directions", *_direction_blocks(behaviors, parts.mean)),
            Section.of("The ranking", *_ranking_blocks(behaviors, parts.split, list(parts.links))),
            Section.of("Soft behaviors", *_soft_blocks(soft)),
            Section.of("Distances", Distances()),
        ),
    )
