"""The page of study `growing`: savings, jumps, and the cost that distance leaves out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from behaviordist.record import (
    AnyBlock,
    Distances,
    Fact,
    Findings,
    Intervals,
    Lines,
    Section,
    Series,
    Table,
)
from behaviordist.record.formatting import percent
from behaviordist.studies.estimates import words
from behaviordist.studies.exact import median_over
from behaviordist.studies.growing.conclude import conclude, times
from behaviordist.studies.growing.curve_page import law_blocks, small
from behaviordist.studies.growing.measure import Measured, on_grid
from behaviordist.studies.growing.runs import CONTROL, SMALL, GrowthRuns, fresh

GRID = 9
"""Points at which curves of several seeds are averaged: few enough to show their intervals."""


def _headline(measured: Measured) -> str:
    saved = measured.saving(measured.exact)
    left = measured.saving(measured.exact, "left").median()
    text = (
        "Function-preserving growth lands at distance"
        f" {measured.largest_jump(measured.exact):.1g} and leaves"
        f" {percent(left.value, left.low, left.high)} of the FLOPs from scratch to pay;"
        f" savings {times(saved.median())}"
    )
    if measured.jumping:
        text += f", and {times(measured.saving(measured.jumping).median())} for operators that jump"
    return text + "."


def _pay_blocks(measured: Measured) -> tuple[AnyBlock, ...]:
    runs = measured.runs
    rows: list[tuple[str, ...]] = []
    for operator in (*runs.shapes, CONTROL):
        part = measured.savings[measured.savings["operator"] == operator]
        rows.append(
            (
                operator,
                f"{part['level'].iloc[0]:.2f}",
                f"{part['scratch'].mean():.3g}",
                f"{part['growth'].mean():.3g}",
                times(measured.saving([operator]).median()),
                f"{int(part['censored_scratch'].sum())} / {int(part['censored_growth'].sum())}",
                words(measured.saving([operator], "ahead").median(), signed=True),
            )
        )
    header = ("operator", "level", "FLOPs from scratch", "FLOPs via growth", "savings",
              "censored", "score ahead at equal FLOPs")  # fmt: skip
    table = Table(
        title="FLOPs to the large model's level", header=header, rows=tuple(rows), align="lrrrrrr",
        note=f"Level: {runs.study.level_share:g} of the score (expected exact match on held-out"
        f" strings) at which the large model of that shape ends. Savings: FLOPs from scratch over"
        f" FLOPs via growth, the small model's pre-training included; median of"
        f" {runs.study.seeds} seeds with its exact 95 % interval. Censored: runs from"
        f" scratch / grown that did not reach the level; they count as their budget."
        f" '{CONTROL}' is the small model trained on, against the first operator's shape.",
    )  # fmt: skip
    groups: tuple[tuple[str, Sequence[str]], ...] = (
        ("keep the function", measured.exact),
        ("jump", measured.jumping),
        ("control", [CONTROL]),
    )
    forest = Intervals(
        name="savings", title="Savings by operator",
        caption="FLOPs from scratch over FLOPs via growth, as a power of two; right of zero growth"
        " is cheaper. Median seed, exact 95 % intervals (none below six seeds).",
        unit="log2 savings",
        groups=tuple(
            (name, tuple(measured.saving([one]).median().named(one) for one in operators))
            for name, operators in groups if operators
        ),
    )  # fmt: skip
    return (*_curve_figures(measured), forest, table)


def _curve_figures(measured: Measured) -> list[Lines]:
    """One figure a group of shapes: those that change depth, and those that change widths."""
    shapes = measured.runs.shapes
    deep = [name for name in shapes if shapes[name].layers != measured.runs.config.layers]
    wide = [name for name in shapes if name not in deep]
    figures = []
    for key, title, names in (("depth", "Deeper models", deep), ("width", "Wider models", wide)):
        if not names:
            continue
        scratch = list(dict.fromkeys(measured.runs.scratch(name) for name in names))
        control = [CONTROL] if key == "depth" else []
        figures.append(
            Lines(
                name=f"curves-{key}",
                title=f"{title}: score against all FLOPs spent",
                caption="Expected exact match on held-out strings that name their function;"
                " median seed, exact 95 % intervals. Grown curves begin where the small model"
                " stopped, so they hold its FLOPs.",
                x="total FLOPs, the small model's included",
                y="score",
                series=tuple(_series(measured, n) for n in (*scratch, SMALL, *control, *names)),
            )  # fmt: skip  # noqa: RUF028
        )
    return figures


def _series(measured: Measured, name: str) -> Series:
    """Median curve on a grid, from where the last seed starts to where the first ends (FLOPs)."""
    seeds = measured.runs.study.seeds
    part = measured.curves[measured.curves["name"] == name].groupby("seed")["flops"]
    grid = np.linspace(part.min().max(), part.max().min(), GRID)
    points = np.array(on_grid(measured.curves, name, seeds, grid))
    return Series.over(name, grid, (median_over(column) for column in points.T))


def _jump_blocks(measured: Measured) -> tuple[AnyBlock, ...]:
    rows: list[tuple[str, ...]] = []
    for operator in measured.runs.shapes:
        growth = measured.runs.provenance(fresh(operator), 0)["growth"]
        logits = _largest_logits(measured.runs, operator)
        sizes = ", ".join(
            f"{key} {growth['before'][key]} → {growth['after'][key]}"
            for key in growth["after"]
            if key not in ("parameters", "rms_eps")
        )
        more = growth["after"]["parameters"] / growth["before"]["parameters"]
        rows.append(
            (
                operator,
                sizes,
                f"× {more:.2f}",
                small(measured.jump(fresh(operator)).value),
                small(logits),
                words(measured.saving([operator], "lost").median(), signed=True),
                f"{measured.saving([operator], 'back').median().value:.2g}",
                words(measured.jump(operator)),
            )
        )
    other = measured.jump("other seed")
    rounding, largest = measured.rounding
    header = ("operator", "sizes", "parameters", "jump", "largest logit difference",
              "score lost at once", "FLOPs to get it back", "distance, trained on")  # fmt: skip
    table = Table(
        title="The jump of every operator", header=header, rows=tuple(rows), align="llrrrrrr",
        note=f"Jump: {measured.runs.study.distances.geometry} distance of the freshly grown model"
        f" from the small one, median over seeds; small models of two seeds lie"
        f" {words(other)} apart. Score lost: right after growth, against the small model's last"
        f" evaluation. Logits are float32 and reach {largest:.0f}: those of the small models"
        f" themselves differ by up to {small(rounding)} from what float64 gives.",
    )  # fmt: skip
    return (table,)


def _tuning_blocks(measured: Measured) -> tuple[AnyBlock, ...]:
    targets = [regime.label for regime in measured.runs.study.regimes()]
    fresh_forest = Intervals(
        name="fresh", title="Steps from the freshly grown model, against the small one",
        caption="For operators that keep the function both start at distance 0 from each other, on"
        " the same data: what is left of zero is tuned faster for its size alone. Median seed,"
        " exact 95 % intervals.",
        unit="log2 of steps, freshly grown over small",
        groups=_by_target(measured, "fresh", targets),
    )  # fmt: skip
    trained_forest = Intervals(
        name="trained", title="Steps after training on, against the large model from scratch",
        caption="Both have used the same FLOPs, the small model's included. Left of zero: the grown"
        " model is cheaper to post-train.",
        unit="log2 of steps, grown over from scratch",
        groups=_by_target(measured, "trained", targets),
    )  # fmt: skip
    return fresh_forest, trained_forest, _steps_table(measured, targets)


def _by_target(measured: Measured, column: str, targets: list[str]) -> Any:
    return tuple(
        (
            target,
            tuple(
                measured.ratio(column, [name], target).median().named(name)
                for name in measured.runs.shapes
            ),
        )
        for target in targets
    )


def _steps_table(measured: Measured, targets: list[str]) -> Table:
    steps = measured.costs.groupby(["source", "target"])["steps"]
    out = measured.costs.groupby(["source", "target"])["censored"].sum()
    rows = []
    for name in measured.runs.sources():
        cells = [name]
        for target in targets:
            median = words(median_over(steps.get_group((name, target))), digits=0)
            late = int(out[(name, target)])
            cells.append(f"{median}{f' ({late} censored)' if late else ''}")
        rows.append(tuple(cells))
    return Table(
        title="Steps of post-training to tau", header=("from", *targets), rows=tuple(rows),
        align="l" + "r" * len(targets),
        note=f"Median and exact 95 % interval over {measured.runs.study.seeds} seeds; tau is"
        f" an expected exact match of {measured.runs.study.tau:g}; a censored run"
        " counts as its budget.",
    )  # fmt: skip


def _largest_logits(runs: GrowthRuns, operator: str) -> float:
    records = (runs.provenance(fresh(operator), r) for r in range(runs.study.seeds))
    return max(float(record["jump"]["max_logit_difference"]) for record in records)


def findings(measured: Measured) -> Findings:
    """Return the study's claims, figures and tables."""
    study = measured.runs.study
    steps = [measured.runs.provenance(SMALL, r)["steps"] for r in range(study.seeds)]
    return Findings(
        headline=_headline(measured),
        claims=conclude(measured),
        facts=(
            Fact.of(
                "operators",
                str(len(measured.runs.shapes)),
                f"{len(measured.exact)} keep the function",
            ),
            Fact.of(
                "largest jump of those",
                f"{measured.largest_jump(measured.exact):.1g}",
                "of 1.41 at most",
            ),
            Fact.of(
                "small until coherent",
                f"{np.mean(steps):.0f} steps",
                f"score {study.small.at_least}",
            ),
            Fact.of("seeds", str(study.seeds), "each with a small model of its own"),
        ),
        sections=(
            Section.of("Does growth pay?", *_pay_blocks(measured)),
            Section.of("What growth does to the function", *_jump_blocks(measured)),
            Section.of("Same function, other cost", *_tuning_blocks(measured)),
            Section.of("On the curve of cost against nats", *law_blocks(measured)),
            Section.of(
                "Where everything lies (first seed)",
                "Freshly grown models beside the small one, the models trained on, and those from"
                " scratch.",
                Distances(),
            ),
        ),
    )
