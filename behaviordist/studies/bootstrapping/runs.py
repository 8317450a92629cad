"""Everything that study `bootstrapping` trains: names, places, seeds."""

from __future__ import annotations

from dataclasses import dataclass

from behaviordist.regimes.declaration import Regime
from behaviordist.store.jobs import Job
from behaviordist.studies.bootstrapping.study import Study, base_name
from behaviordist.studies.jobs import random_job, transfer_job
from behaviordist.studies.places import Places
from behaviordist.studies.seeds import training_seed, transfer_seed
from behaviordist.transfer.runs import Goal, Transfer

COHERENT = "coherent"


@dataclass(frozen=True)
class BudgetRuns(Places[Study]):
    """Bases of every budget, targets, and every target from every base."""

    def base_jobs(self) -> list[Job]:
        """Return the pre-trainings, the longest first, so that the last ones to run are short."""
        jobs = []
        for budget in sorted(self.study.budgets, reverse=True):
            for r in self.replicates:
                name, seed = base_name(budget), training_seed(self.seed, "base", r)
                if budget == 0:
                    jobs.append(random_job(self.checkpoint(name, r), self.config, seed))
                else:
                    regime = self.study.base_regime(budget)
                    jobs.append(self.training(name, regime, None, r, seed))
        return jobs

    def target_jobs(self) -> list[Job]:
        """Return the post-trainings of every regime from the longest pre-training, every seed."""
        longest = base_name(max(self.study.budgets))
        return [
            self.training(regime.label, regime, longest, r)
            for regime in self.study.regimes()
            for r in self.replicates
        ]

    def coherent_jobs(self) -> list[Job]:
        """Return what tunes the longest base into mixtures, every seed."""
        longest = base_name(max(self.study.budgets))
        return [
            self.training(name, regime, longest, r)
            for task in self.study.tasks
            for name, regime in self.study.coherent_regimes(task).items()
            for r in self.replicates
        ]

    def sources(self, regime: Regime) -> dict[str, str]:
        """Return the sources of a regime with what each is: random, base, coherent."""
        bases = {base_name(b): "base" if b else "random" for b in self.study.budgets}
        soft = self.study.coherent_regimes(str(regime.task))
        return {**bases, **dict.fromkeys(soft, COHERENT)}

    def transfers(self) -> list[Transfer]:
        """Return one run for every regime, source and seed."""
        return [
            self.transfer(name, role, regime.label, r)
            for regime in self.study.regimes()
            for name, role in self.sources(regime).items()
            for r in self.replicates
        ]

    def transfer_job(self, transfer: Transfer) -> Job:
        """Return the job of one run; all bases of a regime and seed see the same data."""
        regime = next(x for x in self.study.regimes() if x.label == transfer.target)
        if transfer.source_role == "random" and regime.algorithm in self.study.budget_from_random:
            budget = self.study.budget_from_random[regime.algorithm]
            regime = regime.model_copy(update={"budget": budget})
        source = self.checkpoint(transfer.source, transfer.seed)
        seed = transfer_seed(self.seed, transfer.target, transfer.seed)
        return transfer_job(transfer.path, regime, self.config, source, seed, self.goal)

    @property
    def goal(self) -> Goal:
        """What every target asks, fixed in the file."""
        return Goal(level=self.study.tau, tau=self.study.tau, stop_at=self.study.tau)
