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
from behaviordist.studies.estimates import estimate, words
from behaviordist.studies.growing.conclude import conclude, times
from behaviordist.studies.growing.measure import (
    Measured,
    on_grid,
)
from behaviordist.studies.growing.runs import CONTROL, SMALL, Runs, fresh

GRID = 9
"""Points at which curves of several seeds are averaged: few enough to show their intervals."""


def _headline(found: Measured) -> str:
    saved, left = found.saved(found.exact), found.saved(found.exact, "left")
    text = (
        f"Function-preserving growth lands at distance {found.largest_jump(found.exact):.1g} and"
        f" leaves {left.value:.0%} of the FLOPs from scratch to pay; savings {times(saved)}"
    )
    if found.jumping:
        text += f", and {times(found.saved(found.jumping))} for operators that jump"
    return text + "."


def _pay_blocks(found: Measured) -> tuple[AnyBlock, ...]:
    runs = found.runs
    rows: list[tuple[str, ...]] = []
    for operator in (*runs.shapes, CONTROL):
        part = found.savings[found.savings["operator"] == operator]
        rows.append(
            (
                operator,
                f"{part['level'].iloc[0]:.2f}",
                f"{part['scratch'].mean():.3g}",
                f"{part['growth'].mean():.3g}",
                times(found.saved([operator])),
                f"{int(part['censored_scratch'].sum())} / {int(part['censored_growth'].sum())}",
                words(found.saved([operator], "ahead"), signed=True),
            )
        )
    header = ("operator", "level", "FLOPs from scratch", "FLOPs via growth", "savings",
              "censored", "score ahead at equal FLOPs")  # fmt: skip
    table = Table(
        title="FLOPs to the large model's level", header=header, rows=tuple(rows), align="lrrrrrr",
        note=f"Level: {runs.study.level_share:g} of the score (expected exact match on held-out"
        f" strings) at which the large model of that shape ends. Savings: FLOPs from scratch over"
        f" FLOPs via growth, the small model's pre-training included; geometric mean and 95 %"
        f" interval over {runs.study.seeds} seeds. Censored: runs from scratch / grown that did not"
        f" reach the level; they count as their budget. '{CONTROL}' is the small model trained on,"
        f" against the first operator's shape.",
    )  # fmt: skip
    groups: tuple[tuple[str, Sequence[str]], ...] = (
        ("keep the function", found.exact),
        ("jump", found.jumping),
        ("control", [CONTROL]),
    )
    forest = Intervals(
        name="savings", title="Savings by operator",
        caption="FLOPs from scratch over FLOPs via growth, as a power of two; right of zero growth"
        " is cheaper. 95 % intervals over seeds.",
        unit="log2 savings",
        groups=tuple(
            (name, tuple(found.saved([operator]).named(operator) for operator in operators))
            for name, operators in groups if operators
        ),
    )  # fmt: skip
    return (*_curve_figures(found), forest, table)


def _curve_figures(found: Measured) -> list[Lines]:
    """One figure a group of shapes: those that change depth, and those that change widths."""
    shapes = found.runs.shapes
    deep = [name for name in shapes if shapes[name].layers != found.runs.small_config.layers]
    wide = [name for name in shapes if name not in deep]
    figures = []
    for key, title, names in (("depth", "Deeper models", deep), ("width", "Wider models", wide)):
        if not names:
            continue
        scratch = list(dict.fromkeys(found.runs.scratch(name) for name in names))
        control = [CONTROL] if key == "depth" else []
        figures.append(
            Lines(
                name=f"curves-{key}",
                title=f"{title}: score against all FLOPs spent",
                caption="Expected exact match on held-out strings that name their function; mean"
                " over seeds, 95 % intervals. Grown curves begin where the small model stopped, so"
                " they hold its FLOPs.",
                x="total FLOPs, the small model's included",
                y="score",
                series=tuple(_series(found, n) for n in (*scratch, SMALL, *control, *names)),
            )  # fmt: skip
        )
    return figures


def _series(found: Measured, name: str) -> Series:
    """Mean curve on a grid from the FLOPs at which the last seed starts to where the first ends."""
    seeds = found.runs.study.seeds
    part = found.curves[found.curves["name"] == name].groupby("seed")["flops"]
    grid = np.linspace(part.min().max(), part.max().min(), GRID)
    points = np.array(on_grid(found.curves, name, seeds, grid))
    return Series.over(name, grid, (estimate(column).clipped(0.0, 1.0) for column in points.T))


def _jump_blocks(found: Measured) -> tuple[AnyBlock, ...]:
    rows: list[tuple[str, ...]] = []
    for operator in found.runs.shapes:
        growth = found.runs.provenance(fresh(operator), 0)["growth"]
        logits = _largest_logits(found.runs, operator)
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
                _small(found.jump(fresh(operator)).value),
                _small(logits),
                words(found.saved([operator], "lost"), signed=True),
                f"{found.saved([operator], 'back').value:.2g}",
                words(found.jump(operator)),
            )
        )
    other = found.jump("other seed")
    rounding, largest = found.rounding
    header = ("operator", "sizes", "parameters", "jump", "largest logit difference",
              "score lost at once", "FLOPs to get it back", "distance, trained on")  # fmt: skip
    table = Table(
        title="The jump of every operator", header=header, rows=tuple(rows), align="llrrrrrr",
        note=f"Jump: {found.runs.study.distances.geometry} distance of the freshly grown model from"
        f" the small one, mean over seeds; small models of two seeds lie {words(other)} apart."
        " Score lost: right after growth, against the small model's last evaluation. Logits are"
        f" float32 and reach {largest:.0f}: those of the small models themselves differ by up to"
        f" {_small(rounding)} from what float64 gives.",
    )  # fmt: skip
    return (table,)


def _tuning_blocks(found: Measured) -> tuple[AnyBlock, ...]:
    targets = [regime.label for regime in found.runs.study.regimes()]
    fresh_forest = Intervals(
        name="fresh", title="Steps from the freshly grown model, against the small one",
        caption="For operators that keep the function both start at distance 0 from each other, on"
        " the same data: what is left of zero is tuned faster for its size alone. 95 % intervals"
        " over seeds.",
        unit="log2 of steps, freshly grown over small",
        groups=_by_target(found, "fresh", targets),
    )  # fmt: skip
    trained_forest = Intervals(
        name="trained", title="Steps after training on, against the large model from scratch",
        caption="Both have used the same FLOPs, the small model's included. Left of zero: the grown"
        " model is cheaper to post-train.",
        unit="log2 of steps, grown over from scratch",
        groups=_by_target(found, "trained", targets),
    )  # fmt: skip
    return fresh_forest, trained_forest, _steps_table(found, targets)


def _by_target(found: Measured, column: str, targets: list[str]) -> Any:
    return tuple(
        (
            target,
            tuple(found.ratio(column, [name], target).named(name) for name in found.runs.shapes),
        )
        for target in targets
    )


def _steps_table(found: Measured, targets: list[str]) -> Table:
    steps = found.costs.groupby(["source", "target"])["steps"]
    out = found.costs.groupby(["source", "target"])["censored"].sum()
    rows = []
    for name in found.runs.sources():
        cells = [name]
        for target in targets:
            mean = words(estimate(steps.get_group((name, target))), digits=0)
            late = int(out[(name, target)])
            cells.append(f"{mean}{f' ({late} censored)' if late else ''}")
        rows.append(tuple(cells))
    return Table(
        title="Steps of post-training to tau", header=("from", *targets), rows=tuple(rows),
        align="l" + "r" * len(targets),
        note=f"Mean and 95 % interval over {found.runs.study.seeds} seeds; tau is an expected exact"
        f" match of {found.runs.study.tau:g}; a censored run counts as its budget.",
    )  # fmt: skip


def _largest_logits(runs: Runs, operator: str) -> float:
    records = (runs.provenance(fresh(operator), r) for r in range(runs.study.seeds))
    return max(float(record["jump"]["max_logit_difference"]) for record in records)


def _small(value: float) -> str:
    return f"{value:.2f}" if value >= 0.01 else f"{value:.1g}"


def findings(found: Measured) -> Findings:
    """Return the study's claims, figures and tables."""
    study = found.runs.study
    steps = [found.runs.provenance(SMALL, r)["steps"] for r in range(study.seeds)]
    return Findings(
        headline=_headline(found),
        claims=conclude(found),
        facts=(
            Fact.of(
                "operators", str(len(found.runs.shapes)), f"{len(found.exact)} keep the function"
            ),
            Fact.of(
                "largest jump of those", f"{found.largest_jump(found.exact):.1g}", "of 1.41 at most"
            ),
            Fact.of(
                "small until coherent",
                f"{np.mean(steps):.0f} steps",
                f"score {study.small.at_least}",
            ),
            Fact.of("seeds", str(study.seeds), "each with a small model of its own"),
        ),
        sections=(
            Section.of("Does growth pay?", *_pay_blocks(found)),
            Section.of("What growth does to the function", *_jump_blocks(found)),
            Section.of("Same function, other cost", *_tuning_blocks(found)),
            Section.of(
                "Where everything lies (first seed)",
                "Freshly grown models beside the small one, the models trained on, and those from"
                " scratch.",
                Distances(),
            ),
        ),
    )
