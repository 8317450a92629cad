"""The page of study `reciprocity`: claims, both directions, the ranking."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from behaviordist.hypothesis.asymmetry.reciprocity import Reciprocity
from behaviordist.report.findings import (
    Distances,
    Findings,
    Grid,
    Intervals,
    Part,
    Row,
    TableOf,
    number,
    numbers,
)
from behaviordist.studies.reciprocity.conclude import conclude
from behaviordist.studies.reciprocity.measure import Link
from behaviordist.studies.reciprocity.study import Study


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


def findings(
    study: Study, behaviors: list[str], parts: Reciprocity, symmetric: Any, links: list[Link],
    mean: pd.DataFrame, table: pd.DataFrame,
) -> Findings:  # fmt: skip
    """Return the study's claims, figures and tables."""
    share = parts.antisymmetric
    return Findings(
        headline=f"{share.value:.0%} [{share.low:.0%}, {share.high:.0%}] of the repeatable variance"
        f" of log cost differs between A to B and B to A; distance correlates"
        f" {symmetric.value:.2f} with the part that is the same both ways, and a ranking of the"
        f" behaviors explains {parts.potential.value:.0%} of the part that is not.",
        claims=conclude(study, behaviors, parts, symmetric, links),
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
