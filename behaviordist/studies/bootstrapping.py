"""Study `bootstrapping`: how much pre-training does a behavior need?

Method, in the order of the code. Bases are pre-trained with growing budgets, from several seeds;
budget 0 is random weights. Every regime (algorithm x function) starts from every base and runs
until its score reaches tau, fixed in the file; a run that does not is censored at its budget. The
target behavior itself is the regime's converged checkpoint from the longest pre-training of
another seed, so that no base is compared with its own child. Then: the total FLOPs to tau
against the budget, the smallest budget at which a regime works at all, and whether the base that
lies nearer to the target has less left to pay.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
from pydantic import Field, model_validator

from behaviordist.lab.llama import LlamaConfig
from behaviordist.regimes.declaration import Algorithm, Convergence, Regime
from behaviordist.store.jobs import Job, run_jobs
from behaviordist.store.seeds import derived_seed
from behaviordist.studies.catalogue import Settings
from behaviordist.studies.config import (
    DistanceSection,
    ModelSection,
    StudyFile,
    check_distances,
    check_functions,
)
from behaviordist.studies.lab_jobs import random_job, training_job, transfer_job
from behaviordist.studies.progress import StageClock
from behaviordist.transfer.runs import Goal, Transfer, write_table


class Study(StudyFile):
    """Pre-training budgets x post-training regimes."""

    tasks: tuple[str, ...] = Field(min_length=1)
    model: ModelSection
    budgets: tuple[Annotated[int, Field(ge=0)], ...] = Field(min_length=3)
    pretrain: dict[str, Any]
    tau: float = Field(gt=0, lt=1)
    post_training: dict[Algorithm, dict[str, Any]] = Field(min_length=1)
    budget_from_random: dict[Algorithm, int] = {}
    distances: DistanceSection

    @model_validator(mode="after")
    def _growing(self) -> Study:
        if list(self.budgets) != sorted(set(self.budgets)):
            raise ValueError("budgets must grow")
        if self.seeds < 2:
            raise ValueError("seeds: at least 2, a base is never compared with its own child")
        return self

    @classmethod
    def regime_sections(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the settings of pre-training and of every post-training algorithm."""
        post = values.get("post_training")
        return {"pretrain": values.get("pretrain"), **(post if isinstance(post, Mapping) else {})}

    def base_regime(self, budget: int) -> Regime:
        """Return pre-training with a budget; its length is its only stopping rule."""
        rule = Convergence(at_least=1.0, consecutive=budget + 1, every=budget, strings=240)
        return Regime(algorithm="pretrain", budget=budget, convergence=rule, **self.pretrain)

    def regimes(self) -> list[Regime]:
        """Return every post-training regime, algorithms x tasks, after the pre-trainings."""
        for budget in self.budgets:
            if budget:
                self.base_regime(budget)
        return [
            Regime(algorithm=algorithm, task=task, **settings)
            for algorithm, settings in self.post_training.items()
            for task in self.tasks
        ]

    def check(self, where: str) -> None:
        """Refuse functions, geometries and probe sets that do not exist."""
        check_functions((*self.tasks, *self.base_regime(max(self.budgets)).functions), where)
        check_distances(self.distances)


def run_study(study: Study, settings: Settings, clock: StageClock) -> dict[str, Any]:
    """Run every stage that is not finished; write the folder; return ``run.json``."""
    from behaviordist.studies.bootstrapping_results import write_results

    runs = Runs(study, settings.folder, settings.seed)
    jobs = runs.base_jobs()
    with clock.stage("pretrain", len(jobs), "Pre-training bases of every budget") as done:
        run_jobs(jobs, settings.jobs, done)
    jobs = runs.target_jobs()
    with clock.stage("targets", len(jobs), "Post-training the targets") as done:
        run_jobs(jobs, settings.jobs, done)
    transfers = runs.transfers()
    jobs = [runs.transfer_job(transfer) for transfer in transfers]
    with clock.stage("transfers", len(jobs), "Post-training from every base") as done:
        run_jobs(jobs, settings.jobs, done)
    rows = runs.collect(transfers)
    write_table(settings.folder, rows)
    return write_results(runs, settings, rows, clock)


@dataclass(frozen=True)
class Runs:
    """Names, places and seeds of everything that the study trains."""

    study: Study
    folder: Path
    seed: int

    @property
    def config(self) -> LlamaConfig:
        """Architecture of every model of the study."""
        return self.study.model.architecture()

    def base(self, budget: int, replicate: int) -> Path:
        """Folder of one base."""
        return self.folder / "checkpoints" / f"{base_name(budget)}-s{replicate}"

    def target(self, regime: Regime, replicate: int) -> Path:
        """Folder of one converged behavior."""
        return self.folder / "checkpoints" / f"{regime.label}-s{replicate}"

    def base_jobs(self) -> list[Job]:
        """Return the pre-trainings, the longest first, so that the last ones to run are short."""
        jobs = []
        for budget in sorted(self.study.budgets, reverse=True):
            for r in range(self.study.seeds):
                path, seed = self.base(budget, r), derived_seed(self.seed, "base", r)
                if budget == 0:
                    jobs.append(random_job(path, self.config, seed))
                else:
                    regime = self.study.base_regime(budget)
                    jobs.append(training_job(path, regime, self.config, None, seed))
        return jobs

    def target_jobs(self) -> list[Job]:
        """Return the post-trainings of every regime from the longest pre-training, every seed."""
        longest = max(self.study.budgets)
        return [
            training_job(
                self.target(regime, r),
                regime,
                self.config,
                self.base(longest, r),
                derived_seed(self.seed, regime.label, r),
            )
            for regime in self.study.regimes()
            for r in range(self.study.seeds)
        ]

    def transfers(self) -> list[Transfer]:
        """Return one run for every regime, budget and seed."""
        return [
            Transfer(
                base_name(budget),
                "base" if budget else "random",
                regime.label,
                r,
                self.folder / "transfers" / regime.label / f"{base_name(budget)}-s{r}.json",
            )
            for regime in self.study.regimes()
            for budget in self.study.budgets
            for r in range(self.study.seeds)
        ]

    def transfer_job(self, transfer: Transfer) -> Job:
        """Return the job of one run; all bases of a regime and seed see the same data."""
        regime = next(x for x in self.study.regimes() if x.label == transfer.target)
        if transfer.source_role == "random" and regime.algorithm in self.study.budget_from_random:
            budget = self.study.budget_from_random[regime.algorithm]
            regime = regime.model_copy(update={"budget": budget})
        source = self.folder / "checkpoints" / f"{transfer.source}-s{transfer.seed}"
        seed = derived_seed(self.seed, "transfer", transfer.target, transfer.seed)
        return transfer_job(transfer.path, regime, self.config, source, seed, self._goal())

    def collect(self, transfers: list[Transfer]) -> pd.DataFrame:
        """Gather the curves, one row an evaluation."""
        from behaviordist.transfer.runs import collect

        return collect(transfers, {t.target: self._goal() for t in transfers})

    def _goal(self) -> Goal:
        return Goal(level=self.study.tau, tau=self.study.tau, stop_at=self.study.tau)


def base_name(budget: int) -> str:
    """Return what a base is called, such as ``base-00480``: sorted by budget."""
    return f"base-{budget:05d}"
