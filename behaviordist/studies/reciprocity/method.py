"""Study `reciprocity`: is tuning A into B as cheap as tuning B into A?

Method, in the order of the code. Behaviors are trained, distances measured and every ordered pair
transferred as in study `transfer`. The log costs then split into a part that is the same both
ways and one that changes sign when the direction turns; sizes are products of different seeds, so
that noise does not count as asymmetry. A distance is symmetric: it is asked to predict the first
part. The second is asked whether a ranking of the behaviors explains it, and what that ranking is.
Soft behaviors, mixtures of the functions, are tuned into one another beside these: there KL has a
direction of its own, and its antisymmetric part is asked to predict that of cost.
"""

from __future__ import annotations

from typing import Any

from behaviordist.errors import InputError
from behaviordist.studies.algorithms.measure import measure_distances
from behaviordist.studies.algorithms.runs import (
    BASE,
    LabRuns,
    converged,
    run_transfers,
    train_behaviors,
)
from behaviordist.studies.folder import behavior_row, write_findings
from behaviordist.studies.reciprocity.measure import log_costs, split_costs
from behaviordist.studies.reciprocity.page import findings
from behaviordist.studies.reciprocity.soft import SoftRuns, run_soft, split_soft
from behaviordist.studies.reciprocity.study import Study
from behaviordist.studies.settings import Settings
from behaviordist.studies.stages import StageClock
from behaviordist.transfer.curves import summarise
from behaviordist.transfer.matrix import TransferMatrix
from behaviordist.transfer.runs import write_table


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
    main = matrices[study.distances.geometry]
    main.save(runs.folder)
    table = summarise(rows)
    TransferMatrix.from_runs(table, [*behaviors, BASE], "flops").save(runs.folder)
    with clock.stage("parts", 1, "Splitting costs into what is the same both ways") as done:
        costs = log_costs(table, rows, behaviors)
        parts = split_costs(study, costs, main.to_pandas(), behaviors, runs.seed)
        done(1)
    soft = None
    if study.soft is not None:
        mixtures = SoftRuns(study, settings.folder, settings.seed)
        soft = split_soft(study, run_soft(mixtures, settings.jobs, clock), runs.seed)
    page = findings(study, parts, table, soft)
    regimes = {regime.label: regime for regime in study.regimes()}
    notes = [f"{label} did not converge within its budget and is left out" for label in failed]
    return write_findings(
        study, settings, page, clock,
        behaviors=[behavior_row(regimes[b]) for b in behaviors],
        geometry=study.distances.geometry, notes=notes,
    )  # fmt: skip
