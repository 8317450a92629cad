"""Study `algorithms`: are closer behaviors cheaper to reach?

Method, in the order of the code. One base is pre-trained. Every regime (algorithm x function)
post-trains it from several seeds, until its convergence rule holds; a regime that does not
converge stays out, visibly. Distances are taken between the converged behaviors. Then every
behavior, the base and random weights are tuned towards every target, with tau fixed beforehand
from the level that the target's own runs reached. Last, distances meet costs in one test, beside
the simpler explanations.
"""

from __future__ import annotations

from typing import Any

from behaviordist.errors import InputError
from behaviordist.probes import ProbeSet
from behaviordist.studies.algorithms.conclude import notes, transfer_numbers
from behaviordist.studies.algorithms.measure import measure_distances, predictors, replicates
from behaviordist.studies.algorithms.runs import (
    BASE,
    RANDOM,
    LabRuns,
    converged,
    run_transfers,
    train_behaviors,
)
from behaviordist.studies.algorithms.study import Study
from behaviordist.studies.folder import write_transfer
from behaviordist.studies.questions import Questions
from behaviordist.studies.settings import Settings
from behaviordist.studies.stages import StageClock

__all__ = ["Study", "run_study"]


def run_study(study: Study, settings: Settings, clock: StageClock) -> dict[str, Any]:
    """Run every stage that is not finished; write the folder; return the test's record.

    Raises
    ------
    InputError
        If fewer than four behaviors converged: there is nothing to test.
    """
    from behaviordist.distance.weights import weight_distances

    runs = LabRuns(study, settings.folder, settings.seed)
    train_behaviors(runs, settings.jobs, clock)
    behaviors, failed = converged(runs)
    if len(behaviors) < 4:
        raise InputError(
            f"only {len(behaviors)} of {len(study.regimes())} regimes converged within budget; a"
            " test needs four: raise post_training budgets or lower convergence.at_least"
        )
    matrices = measure_distances(runs, behaviors, clock)
    rows = run_transfers(runs, behaviors, settings.jobs, clock)
    labels = [*behaviors, BASE, RANDOM]
    main = matrices[study.distances.geometry]
    with clock.stage("test", 1, "Testing closer against cheaper") as done:
        simple = {"weight-space distance": weight_distances(replicates(runs, behaviors))}
        further = predictors(runs, behaviors, rows, labels)
        # Behaviors of one function are one unit, whatever trained them.
        units = {regime.label: str(regime.task) for regime in study.regimes()}
        several = len({units[label] for label in behaviors}) > 1
        questions = Questions(study.test, runs.seed, rows, labels, units if several else None)
        headline = questions.test(main, baselines=simple, predictors=further)
        numbers = transfer_numbers(runs, behaviors, failed, matrices, questions, headline)
        done(1)
    return write_transfer(
        study, settings, numbers, clock, questions, headline, matrices, simple | further,
        probes=ProbeSet.load(study.distances.probes), notes=notes(runs, failed),
    )  # fmt: skip
