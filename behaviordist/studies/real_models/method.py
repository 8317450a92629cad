"""Study `trl-transfer`: are closer behaviors cheaper to reach, among real language models?

Method, in the order of the code. Every behavior is a regime that tunes one base; its own run sets
the level that its target asks for. Distances are taken between the tuned models on probes that no
regime trains on. Then every behavior, and the base, is tuned towards every other behavior under
that one's regime, until it scores a stated share of the level or the budget is spent. Last,
distances meet costs in one test, beside the score before any training.
"""

from __future__ import annotations

from typing import Any

from behaviordist.engines.trl_extra import require_trl
from behaviordist.record.transfers.numbers import TransferNumbers
from behaviordist.store import ranks
from behaviordist.studies.folder import write_transfer
from behaviordist.studies.questions import Questions
from behaviordist.studies.real_models.base import base_place, make_base
from behaviordist.studies.real_models.conclude import LIBRARIES, behavior_rows, notes
from behaviordist.studies.real_models.examples import write_tasks
from behaviordist.studies.real_models.goals import fix_goals
from behaviordist.studies.real_models.measure import (
    adapter_distances,
    measure_distances,
    study_probes,
)
from behaviordist.studies.real_models.runs import (
    BASE,
    RealRuns,
    run_transfers,
    train_targets,
)
from behaviordist.studies.real_models.study import Study
from behaviordist.studies.settings import Settings
from behaviordist.studies.stages import StageClock
from behaviordist.transfer.matrix import scores_at_start


def run_study(study: Study, settings: Settings, clock: StageClock) -> dict[str, Any]:
    """Run every stage that is not finished; write the folder; return ``run.json``.

    A launcher's processes train together; the first of them measures and writes, alone. Where too
    few behaviors are left for a test (a pair of them, or targets whose own runs went nowhere),
    distances and costs are written all the same, and the record says why.
    """
    require_trl()
    runs = runs_of(study, settings)
    prepare(study, runs, clock)
    train_targets(runs, settings.jobs, clock)
    rows = run_transfers(runs, fix_goals(runs), settings.jobs, clock)
    if not ranks.is_first():
        return {}
    probes = study_probes(study)
    matrices = measure_distances(runs, study.distances, probes, clock)
    labels = [*runs.targets, BASE]
    with clock.stage("test", 1, "Testing closer against cheaper") as done:
        further = {"score at step 0": 1.0 - scores_at_start(rows, labels)}
        baselines = {}
        weights = adapter_distances(runs)
        if weights is not None:
            baselines["weight-space distance"] = weights
        questions = Questions(study.test, runs.seed, rows, labels)
        headline, untested = questions.headline(
            matrices[study.distances.geometry], baselines, further
        )
        numbers = TransferNumbers(
            behaviors=behavior_rows(runs),
            untested=untested,
            **questions.numbers(matrices, headline, study.transfer.sweep),
        )
        done(1)
    untold = [f"no test: {untested}"] if untested else []
    return write_transfer(
        study, settings, numbers, clock, questions, headline, matrices, baselines | further,
        probes=probes, notes=[*untold, *notes(runs, rows)], libraries=LIBRARIES,
    )  # fmt: skip


def runs_of(study: Study, settings: Settings) -> RealRuns:
    """Return the study's runs: the base and every behavior towards every behavior."""
    targets = {regime.label: regime for regime in study.regimes()}
    return RealRuns(
        settings.folder,
        settings.seed,
        study.seeds,
        targets,
        (BASE, *targets),
        {BASE: base_place(settings.folder, study.base)},
        study.transfer.share,
        {label: study.transfer.budget[regime.algorithm] for label, regime in targets.items()},
        study.transfer.sweep,
    )


def prepare(study: Study, runs: RealRuns, clock: StageClock) -> None:
    """Write the examples that ship with the package, and the base as a plain float32 folder."""
    if study.examples is not None and ranks.is_first():
        write_tasks(runs.folder / "data")
    ranks.wait()
    make_base(runs.given[BASE], study.base, clock)
