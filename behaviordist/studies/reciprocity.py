"""Study `reciprocity`: is tuning A into B as cheap as tuning B into A?

Method, in the order of the code. Behaviors are trained, distances measured and every ordered pair
transferred as in study `transfer`. The log costs then split into a part that is the same both
ways and one that changes sign when the direction turns; sizes are products of different seeds, so
that noise does not count as asymmetry. A distance is symmetric: it is asked to predict the first
part. The second is asked whether a ranking of the behaviors explains it, and what that ranking is.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from pydantic import Field

from behaviordist.errors import InputError
from behaviordist.studies import transfer_file
from behaviordist.studies.catalogue import Settings
from behaviordist.studies.lab_runs import BASE, LabRuns
from behaviordist.studies.progress import StageClock
from behaviordist.studies.transfer import (
    converged,
    measure_distances,
    run_transfers,
    train_behaviors,
)
from behaviordist.transfer.runs import write_table


class Study(transfer_file.Study):
    """A transfer study, and what counts as no asymmetry."""

    irrelevant_share: float = Field(default=0.1, gt=0, lt=1)


def run_study(study: Study, settings: Settings, clock: StageClock) -> dict[str, Any]:
    """Run every stage that is not finished; write the folder; return ``run.json``.

    Raises
    ------
    InputError
        Fewer than four behaviors converged, or a single seed: nothing repeats.
    """
    if study.seeds < 2:
        raise InputError("seeds: at least 2, asymmetry is what repeats across them")
    runs = LabRuns(study, settings.folder, settings.seed)
    train_behaviors(runs, settings.jobs, clock)
    behaviors, failed = converged(runs)
    if len(behaviors) < 4:
        raise InputError(f"only {len(behaviors)} regimes converged within budget; four are needed")
    matrices = measure_distances(runs, behaviors, clock)
    rows = run_transfers(runs, behaviors, settings.jobs, clock)
    write_table(settings.folder, rows)
    from behaviordist.studies.reciprocity_results import write_results

    return write_results(runs, study, settings, behaviors, failed, matrices, rows, clock)


def log_costs(table: pd.DataFrame, rows: pd.DataFrame, behaviors: list[str]) -> np.ndarray:
    """Return log2 of the FLOPs of every ordered pair, ``(seeds, 1 + N, N)``, the base's row first.

    One step's FLOPs are added, so that a target that is met at once has a finite logarithm;
    censored runs count as their budget. The diagonal is NaN.
    """
    per_step = rows[rows["step"] > 0].assign(each=lambda x: x["flops"] / x["step"])
    step = per_step.groupby("target")["each"].first()
    cost = table.assign(log=np.log2(table["flops"] + table["target"].map(step)))
    frames = [
        part.pivot_table(index="source", columns="target", values="log").reindex(
            index=[BASE, *behaviors], columns=behaviors
        )
        for _, part in cost.groupby("seed", sort=True)
    ]
    return np.stack([frame.to_numpy(np.float64) for frame in frames])
