"""The jobs of a lab study: which checkpoints and transfer runs it needs, and where they lie."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from behaviordist.regimes.declaration import Regime, Rlhf
from behaviordist.regimes.objectives.rlhf import reward_regime
from behaviordist.store.jobs import Job
from behaviordist.studies.algorithms.study import Study
from behaviordist.studies.jobs import random_job, transfer_job
from behaviordist.studies.places import Places
from behaviordist.studies.seeds import training_seed, transfer_seed
from behaviordist.studies.stages import StageClock
from behaviordist.transfer.runs import Goal, Transfer, collect

BASE, RANDOM = "base", "random"


@dataclass(frozen=True)
class LabRuns(Places[Study]):
    """Every behavior, and every ordered pair of them: what studies of all pairs train."""

    once = (BASE,)

    def base_job(self) -> Job:
        """Pre-training of the one base that every post-training starts from."""
        return self.training(BASE, self.study.base_regime(), None)

    def random_jobs(self) -> list[Job]:
        """Random weights, one checkpoint a seed."""
        return [
            random_job(
                self.checkpoint(RANDOM, replicate),
                self.config,
                training_seed(self.seed, RANDOM, replicate),
            )
            for replicate in self.replicates
        ]

    def reward_jobs(self) -> list[Job]:
        """Reward models of the `rlhf` regimes, from the base, once a seed.

        A reward model is part of what its regime asks of every source, so it is made once and its
        cost is no part of a transfer's.
        """
        return [
            self.training(f"reward-{regime.task}", reward_regime(regime), BASE, replicate)
            for regime in self.study.regimes()
            if isinstance(regime, Rlhf)
            for replicate in self.replicates
        ]

    def judged(self, regime: Regime, replicate: int) -> Regime:
        """Return the regime with its finished reward model, where it needs one."""
        if not isinstance(regime, Rlhf):
            return regime
        folder = str(self.checkpoint(f"reward-{regime.task}", replicate))
        judge = regime.reward_model.model_copy(update={"checkpoint": folder})
        return regime.model_copy(update={"reward_model": judge})

    def regime_jobs(self) -> list[Job]:
        """Post-training of every behavior from the base, once a seed."""
        return [
            self.training(regime.label, self.judged(regime, replicate), BASE, replicate)
            for regime in self.study.regimes()
            for replicate in self.replicates
        ]

    def transfers(self, behaviors: list[str]) -> list[Transfer]:
        """Every ordered pair of behaviors, and the base and random weights as sources."""
        roles = {BASE: BASE, RANDOM: RANDOM, **dict.fromkeys(behaviors, "behavior")}
        return [
            self.transfer(source, role, target, replicate)
            for target in behaviors
            for source, role in roles.items()
            for replicate in self.replicates
            if source != target
        ]

    def transfer_job(self, transfer: Transfer, goal: Goal) -> Job:
        """Make the job of one transfer run; its data seed is shared by all sources of a target."""
        targets = {regime.label: regime for regime in self.study.regimes()}
        regime = self.study.transfer_regime(targets[transfer.target])
        regime = self.judged(regime, transfer.seed)
        source = self.checkpoint(transfer.source, transfer.seed)
        seed = transfer_seed(self.seed, transfer.target, transfer.seed)
        return transfer_job(transfer.path, regime, self.config, source, seed, goal)


def train_behaviors(runs: LabRuns, processes: int, clock: StageClock) -> None:
    """Pre-train the base, then post-train every regime from every seed."""
    clock.run("pretrain", "Pre-training the base", [runs.base_job()], 1)
    jobs = runs.reward_jobs()
    if jobs:
        clock.run("reward models", "Training reward models on a rater", jobs, processes)
    jobs = [*runs.random_jobs(), *runs.regime_jobs()]
    clock.run("regimes", "Post-training the behaviors", jobs, processes)


def converged(runs: LabRuns) -> tuple[list[str], list[str]]:
    """Split the regimes' labels into those whose every seed converged, and the rest."""
    good: list[str] = []
    bad: list[str] = []
    for regime in runs.study.regimes():
        records = [runs.provenance(regime.label, r) for r in runs.replicates]
        (good if all(record["converged"] for record in records) else bad).append(regime.label)
    return good, bad


def run_transfers(
    runs: LabRuns, behaviors: list[str], processes: int, clock: StageClock
) -> pd.DataFrame:
    """Tune every source into every target; one row an evaluation."""
    goals = fix_goals(runs, behaviors)
    transfers = runs.transfers(behaviors)
    jobs = [runs.transfer_job(transfer, goals[transfer.target]) for transfer in transfers]
    clock.run("transfers", "Tuning every source into every target", jobs, processes)
    return collect(transfers, goals)


def fix_goals(runs: LabRuns, behaviors: list[str]) -> dict[str, Goal]:
    """Fix tau of every target from its own converged runs, before any transfer."""
    section, seeds = runs.study.transfer, runs.study.seeds
    goals = {}
    for label in behaviors:
        level = sum(runs.provenance(label, r)["score"] for r in runs.replicates) / seeds
        highest = max(section.share, *section.sweep)
        goals[label] = Goal(level, section.share * level, highest * level)
    return goals
