"""Study `transfer`: is the cost of tuning A into B a function of the two functions?

Method, in the order of the code. Two bases and snapshots of the first are pre-trained. From them
come soft sources (SFT on mixtures of functions), copies of some at permuted weights, hard sources,
and the targets: every function by every algorithm, from the first base. Every target answers
held-out questions; how surprising its answers are to each source, KL(f_B || f_A), is the primary
predictor, fixed in the study's file. Then every source is tuned into every target until tau, a
share of the target's own level; soft behaviors are tuned into one another in both directions.
Last, six claims are decided together (Holm), beside the fitted law: steps per nat.
"""

from __future__ import annotations

from typing import Any

from behaviordist.errors import InputError
from behaviordist.studies.folder import write_findings
from behaviordist.studies.settings import Settings
from behaviordist.studies.stages import StageClock
from behaviordist.studies.transfer.conclude import conclude
from behaviordist.studies.transfer.measure import (
    measure_divergences,
    measure_tables,
    write_tables,
)
from behaviordist.studies.transfer.page import findings
from behaviordist.studies.transfer.runs import Runs
from behaviordist.studies.transfer.study import Study

__all__ = ["Study", "run_study"]


def run_study(study: Study, settings: Settings, clock: StageClock) -> dict[str, Any]:
    """Run every stage that is not finished; write the folder; return ``run.json``.

    Raises
    ------
    InputError
        Fewer than three targets reached their own level: there is nothing to tune into.
    """
    runs = Runs(study, settings.folder, settings.seed)
    processes = settings.jobs
    clock.run("pretrain", "Pre-training two bases and snapshots", runs.base_jobs(), processes)
    clock.run("behaviors", "Training targets and soft sources", runs.behavior_jobs(), processes)
    clock.run("copies", "Permuting weights", runs.copy_jobs(), processes)
    reached = [r.label for r in study.regimes() if runs.is_target(r.label)]
    if len(reached) < 3:
        raise InputError(
            f"only {len(reached)} of {len(study.regimes())} targets reached their level within"
            " budget; three are needed: raise targets.*.budget or lower convergence.at_least"
        )
    divergence = measure_divergences(runs, clock)
    jobs = [*runs.transfer_jobs(0), *runs.square_jobs(), *runs.transfer_jobs(1)]
    clock.run("transfers", "Tuning sources into targets", jobs, processes)
    tables = measure_tables(runs, divergence, clock)
    write_tables(runs, tables, divergence)
    with clock.stage("claims", 1, "Deciding six claims, fitting the law") as done:
        conclusion = conclude(study.claims, tables, runs.seed)
        done(1)
    page = findings(runs, tables, conclusion)
    return write_findings(study, settings, page, clock, geometry="kl", notes=notes(runs))


def notes(runs: Runs) -> list[str]:
    """Return what a reader should know."""
    missed = [r.label for r in runs.study.regimes() if not runs.is_target(r.label)]
    said = [f"{label} did not reach its own level within its budget: no target" for label in missed]
    bases = ", ".join(f"{name} {runs.level(name):.2f}" for name in ("A", "B"))
    return [*said, f"coherence of the bases (exact match on named prompts): {bases}"]
