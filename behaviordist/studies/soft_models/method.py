"""Study of the law on a real model: what does tuning A into B cost, in steps a nat?

Method, in the order of the code. One base is tuned by adapters, merged after, into soft sources:
mixtures of answer styles. Some of them are copied at other weights: permuted, grown, or tuned into
the same mixture from another place. The targets are pure styles, by SFT from the base and by RLVR
from an even mixture (the base never earns a reward); their own runs set the levels. What every
target answers to held-out questions is scored under every source: KL(f_B || f_A), the primary
predictor, fixed in the study's file. Then every source is tuned into every target until tau, a
share of the target's own level. Last, the claims are decided together (Holm), beside the fitted
law: steps per nat. Beside that, what every transfer forgot.
"""

from __future__ import annotations

from typing import Any

from behaviordist.engines.trl_extra import require_trl
from behaviordist.errors import InputError
from behaviordist.store import write_text
from behaviordist.studies.folder import write_findings
from behaviordist.studies.law.conclusion import conclusion_of
from behaviordist.studies.real_models.base import make_base
from behaviordist.studies.real_models.goals import fix_goals, remarks_on
from behaviordist.studies.real_models.runs import BASE, run_transfers, train_targets
from behaviordist.studies.settings import Settings
from behaviordist.studies.soft_models.forgetting import measure_forgetting
from behaviordist.studies.soft_models.measure import (
    LAWFUL,
    measure_divergences,
    measure_tables,
    write_tables,
)
from behaviordist.studies.soft_models.page import findings
from behaviordist.studies.soft_models.runs import SoftRuns
from behaviordist.studies.soft_models.study import Study
from behaviordist.studies.soft_models.styles import write_mixture, write_styles
from behaviordist.studies.stages import StageClock

__all__ = ["Study", "run_study"]


def run_study(study: Study, settings: Settings, clock: StageClock) -> dict[str, Any]:
    """Run every stage that is not finished; write the folder; return ``run.json``.

    Raises
    ------
    InputError
        Fewer than three targets' own runs scored above their start.
    """
    require_trl()
    runs = SoftRuns(study, settings.folder, settings.seed)
    write_data(runs)
    train_sources(runs, settings.jobs, clock)
    train_targets(runs.real, settings.jobs, clock)
    goals = fix_goals(runs.real)
    if len(goals) < 3:
        raise InputError(f"only {len(goals)} targets scored above their start; three are needed")
    rows = run_transfers(runs.real, goals, settings.jobs, clock)
    divergence = measure_divergences(runs, list(goals), clock)
    tables = measure_tables(runs, rows, divergence, clock)
    write_tables(runs, tables, divergence, rows)
    with clock.stage("claims", 1, "Deciding the claims, fitting the law") as done:
        conclusion = conclusion_of(study.claims, tables, runs.seed, LAWFUL)
        done(1)
    lost = measure_forgetting(runs, goals, settings.jobs, clock)
    write_text(runs.folder / "forgetting.csv", lost.to_csv(index=False, lineterminator="\n"))
    page = findings(runs, tables, conclusion, goals, lost)
    notes = remarks_on(runs.real, rows)
    return write_findings(study, settings, page, clock, geometry="kl", notes=notes)


def write_data(runs: SoftRuns) -> None:
    """Write the files of all styles and mixtures into the run's ``data/``."""
    folder, declared, held_out = runs.folder / "data", runs.study.sources, runs.study.answers
    write_styles(folder, runs.seed, held_out.questions)
    for name, shares in runs.mixtures.items():
        write_mixture(folder, name, shares, declared.rows, runs.seed, held_out.questions)


def train_sources(runs: SoftRuns, processes: int, clock: StageClock) -> None:
    """Make the base a plain folder, tune the mixtures, then copy and re-tune some."""
    make_base(runs.real.given[BASE], runs.study.base, clock)
    clock.run("sources", "Tuning the base into soft sources", runs.mixture_jobs(), processes)
    jobs = [*runs.copy_jobs(), *runs.retuned_jobs()]
    clock.run("copies", "Copying some at other weights", jobs, processes)
