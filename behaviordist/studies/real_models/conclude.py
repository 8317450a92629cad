"""What study `trl-transfer` concludes: the test and its side questions, for the record."""

from __future__ import annotations

import math

import pandas as pd

from behaviordist.record import Behavior
from behaviordist.studies.folder import behavior_row, run_row
from behaviordist.studies.real_models.goals import remarks_on
from behaviordist.studies.real_models.runs import BASE, RealRuns

LIBRARIES = ("trl", "peft", "accelerate", "datasets")
FEW = 6
"""Below so many behaviors a note says what relabelling them can show at most."""


def notes(runs: RealRuns, rows: pd.DataFrame) -> list[str]:
    """Say what a reader must know: power, sources that were there already, regimes that failed."""
    count, remarks = len(runs.targets), []
    if count < FEW:
        orders = math.factorial(count)
        remarks.append(
            f"a reduced study: {count} behaviors can be relabelled in {orders} ways, so no p-value"
            f" below 1/{orders} = {1 / orders:.3f} exists; read it as a description of"
            f" {count * (count - 1)} transfers, not as evidence for or against the hypothesis"
        )
    if runs.seeds == 1:
        remarks.append(
            "one seed: no noise floor, no split-half reliability; costs carry seed noise"
        )
    return remarks + remarks_on(runs, rows)


def behavior_rows(runs: RealRuns) -> tuple[Behavior, ...]:
    """Return what ``run.json`` says of the targets with their own runs, and of the base."""
    rows = [
        behavior_row(
            regime,
            [
                run_row(runs.checkpoint(label, r), runs.provenance(label, r), r)
                for r in range(runs.seeds)
            ],
        )
        for label, regime in runs.targets.items()
    ]
    return (*rows, Behavior(label=BASE, role=BASE))
