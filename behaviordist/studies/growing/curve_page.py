"""Where grown models lie on the curve of cost against function distance."""

from __future__ import annotations

from behaviordist.record import AnyBlock, Panel, Points, Scatter, Table
from behaviordist.studies.estimates import words
from behaviordist.studies.exact import median_over
from behaviordist.studies.growing.measure import Measured
from behaviordist.studies.growing.runs import CONTROL, SMALL, fresh


def law_blocks(measured: Measured) -> tuple[AnyBlock, ...]:
    """Draw cost against nats of every model, and tell what a grown copy is beside the small one."""
    runs, nats = measured.runs, measured.nats.rename(columns={"name": "source"})
    table = measured.costs.merge(nats, on=["source", "seed"])
    kinds = {
        "small": [SMALL],
        "grown, same function": [fresh(name) for name in measured.exact],
        "grown, a jump": [fresh(name) for name in measured.jumping],
        "trained on": [*runs.shapes, CONTROL],
        "large, from scratch": list(runs.scratches),
    }
    panels = []
    for target, part in table.groupby("target", sort=False):
        by_kind = {kind: part[part["source"].isin(names)] for kind, names in kinds.items()}
        points = tuple(
            Points(
                label=kind,
                x=tuple(rows["to_task"].astype(float)),
                y=tuple(rows["steps"].astype(float)),
                bound=tuple(rows["censored"].astype(bool)),
            )
            for kind, rows in by_kind.items()
            if len(rows)
        )
        panels.append(Panel(title=str(target), points=points))
    figure = Scatter(
        name="cost-by-nats", title="Cost against function distance, small and grown on one curve",
        caption="A run a point, all seeds. No distance of weights is defined between sizes.",
        x="KL(function || source), nats an answer", y="steps to tau", panels=tuple(panels),
        bound="never arrived",
    )  # fmt: skip
    steps = measured.costs.groupby(["source", "target"])["steps"]
    targets = [regime.label for regime in runs.study.regimes()]
    rows = tuple(
        (
            name,
            small(abs(measured.surprise(name, "from_small").value)) if name != SMALL else "0",
            words(measured.surprise(name)),
            *(words(median_over(steps.get_group((name, t))), digits=0) for t in targets),
        )
        for name in (SMALL, *kinds["grown, same function"], *kinds["grown, a jump"])
    )
    told = Table(
        title="A grown copy beside the small model", align="lrr" + "r" * len(targets), rows=rows,
        header=(
            "model",
            "KL(small || model)",
            "KL(function || model)",
            *(f"steps, {t}" for t in targets),
        ),
        note="Nats an answer and steps, medians over seeds with exact 95 % intervals. KL from the"
        " small model is drawn from its own answers: at 0 two models are one function there.",
    )  # fmt: skip
    return figure, told


def small(value: float) -> str:
    """Return a number that may be next to nothing."""
    return f"{value:.2f}" if value >= 0.01 else f"{value:.1g}"
