"""Study `transfer`: are closer behaviors cheaper to reach?

Method, in the order of the code. One base is pre-trained. Every regime (algorithm x function)
post-trains it from several seeds, until its convergence rule holds; a regime that does not
converge stays out, visibly. Distances are taken between the converged behaviors. Then every
behavior, the base and random weights are tuned towards every target, with tau fixed beforehand
from the level that the target's own runs reached. Last, distances meet costs in one test, beside
the simpler explanations.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from behaviordist.errors import InputError
from behaviordist.store.jobs import run_jobs
from behaviordist.studies.catalogue import Settings
from behaviordist.studies.fingerprints import fingerprint_stage, regime_matrices
from behaviordist.studies.lab_runs import BASE, RANDOM, LabRuns
from behaviordist.studies.progress import StageClock
from behaviordist.studies.transfer_file import Study

__all__ = ["Study", "run_study"]


def run_study(study: Study, settings: Settings, clock: StageClock) -> dict[str, Any]:
    """Run every stage that is not finished; write the folder; return the test's record.

    Raises
    ------
    InputError
        If fewer than four behaviors converged: there is nothing to test.
    """
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
    from behaviordist.studies.transfer_results import write_results

    return write_results(runs, settings, behaviors, failed, matrices, rows, clock)


def train_behaviors(runs: LabRuns, processes: int, clock: StageClock) -> None:
    """Pre-train the base, then post-train every regime from every seed."""
    with clock.stage("pretrain", 1, "Pre-training the base") as done:
        run_jobs([runs.base_job()], 1, done)
    jobs = runs.reward_jobs()
    if jobs:
        with clock.stage("reward models", len(jobs), "Training reward models on a rater") as done:
            run_jobs(jobs, processes, done)
    jobs = [*runs.random_jobs(), *runs.regime_jobs()]
    with clock.stage("regimes", len(jobs), "Post-training the behaviors") as done:
        run_jobs(jobs, processes, done)


def converged(runs: LabRuns) -> tuple[list[str], list[str]]:
    """Split the regimes' labels into those whose every seed converged, and the rest."""
    good: list[str] = []
    bad: list[str] = []
    for regime in runs.study.regimes():
        records = [runs.provenance(regime.label, r) for r in range(runs.study.seeds)]
        (good if all(record["converged"] for record in records) else bad).append(regime.label)
    return good, bad


def replicates(runs: LabRuns, behaviors: list[str]) -> dict[str, list[Path]]:
    """Checkpoint folders of every behavior, then of the base and of random weights."""
    seeds = range(runs.study.seeds)
    folders = {label: [runs.checkpoint(label, r) for r in seeds] for label in behaviors}
    return {
        **folders,
        BASE: [runs.checkpoint(BASE)],
        RANDOM: [runs.checkpoint(RANDOM, r) for r in seeds],
    }


def measure_distances(runs: LabRuns, behaviors: list[str], clock: StageClock) -> dict[str, Any]:
    """Return regime-level distance matrices, one a geometry, from fingerprints made once."""
    from behaviordist.behaviors import load
    from behaviordist.probes import ProbeSet

    wanted = runs.study.distances
    probes = ProbeSet.load(wanted.probes)
    folders = replicates(runs, behaviors)
    names = [(label, folder) for label, paths in folders.items() for folder in paths]
    loaded = [load(str(folder), label=folder.name) for _, folder in names]
    reference = next(b for b, (label, _) in zip(loaded, names, strict=True) if label == BASE)
    geometries = (wanted.geometry, *wanted.also)

    prints = fingerprint_stage(loaded, probes, geometries, runs.folder, clock, reference=reference)
    return regime_matrices([label for label, _ in names], prints)


def run_transfers(
    runs: LabRuns, behaviors: list[str], processes: int, clock: StageClock
) -> pd.DataFrame:
    """Tune every source into every target; one row an evaluation."""
    from behaviordist.transfer.runs import collect

    goals = fix_goals(runs, behaviors)
    transfers = runs.transfers(behaviors)
    jobs = [runs.transfer_job(transfer, goals[transfer.target]) for transfer in transfers]
    with clock.stage("transfers", len(jobs), "Tuning every source into every target") as done:
        run_jobs(jobs, processes, done)
    return collect(transfers, goals)


def fix_goals(runs: LabRuns, behaviors: list[str]) -> dict[str, Any]:
    """Fix tau of every target from its own converged runs, before any transfer."""
    from behaviordist.transfer.runs import Goal

    asked, seeds = runs.study.transfer, runs.study.seeds
    goals = {}
    for label in behaviors:
        level = sum(runs.provenance(label, r)["score"] for r in range(seeds)) / seeds
        highest = max(asked.share, *asked.sweep)
        goals[label] = Goal(level, asked.share * level, highest * level)
    return goals
