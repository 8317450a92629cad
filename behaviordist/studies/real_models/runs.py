"""Everything that is tuned of real models: one maker of jobs for the study and the command."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeGuard

import pandas as pd

from behaviordist.engines.trl_engine import ENGINE_VERSION, reward_regime, train_checkpoint
from behaviordist.errors import InputError
from behaviordist.regimes.artifacts import frozen_checkpoints, regime_inputs
from behaviordist.regimes.declaration import Regime, Rlhf
from behaviordist.regimes.files import placed
from behaviordist.store import digest_of, file_digest
from behaviordist.store.jobs import Job
from behaviordist.studies.jobs import regime_job
from behaviordist.studies.places import read_provenance
from behaviordist.studies.real_models.answers import train_target
from behaviordist.studies.seeds import training_seed, transfer_seed
from behaviordist.studies.stages import StageClock
from behaviordist.transfer.runs import Goal, Transfer
from behaviordist.transfer.trl_runs import CURVE, collect_trl, run_trl_transfer

BASE = "base"
TUNED = "tuned"
WEIGHTS = ("adapter_model.safetensors", "model.safetensors", "model.safetensors.index.json")


@dataclass(frozen=True)
class RealRuns:
    """Names, places and seeds of the runs of some sources towards some targets, in one folder.

    Attributes
    ----------
    folder
        Of the run; data files of a regime are looked for in it first.
    seed, seeds
        Of every random draw; runs of every regime and pair.
    targets
        Label -> regime.
    sources
        What is tuned into every target: labels.
    given
        Label -> checkpoint that is there already, whatever the seed; the base under ``base``.
        Any other source is the finished run of the target of that label.
    share, sweep
        tau is this share of a target's level; shares that the curves are to reach too.
    budgets
        Label -> the budget of a transfer, where it is not the regime's own.
    keep
        Whether transfers leave their weights, under ``tuned/``.
    also
        Regimes on whose held-out examples transfers are scored too.
    starts
        Target -> the label in `given` that its own run starts from, where that is not the base.
    """

    folder: Path
    seed: int
    seeds: int
    targets: Mapping[str, Regime]
    sources: tuple[str, ...]
    given: Mapping[str, Path]
    share: float
    budgets: Mapping[str, int]
    sweep: tuple[float, ...] = ()
    keep: bool = False
    also: tuple[Regime, ...] = ()
    starts: Mapping[str, str] = field(default_factory=dict)

    @property
    def base(self) -> Path | None:
        """Where the targets' own runs start, if there is a base."""
        return self.given.get(BASE)

    @property
    def labels(self) -> list[str]:
        """Rows and columns of the cost matrix: sources, then targets that are no source."""
        return list(dict.fromkeys([*self.sources, *self.targets]))

    def checkpoint(self, target: str, replicate: int = 0) -> Path:
        """Folder of a target's own run."""
        return self.folder / "checkpoints" / f"{target}-s{replicate}"

    def source(self, label: str, replicate: int) -> Path:
        """Folder of a source."""
        return self.given.get(label) or self.checkpoint(label, replicate)

    def provenance(self, target: str, replicate: int = 0) -> dict[str, Any]:
        """Read how a target's finished run went."""
        return read_provenance(self.checkpoint(target, replicate))

    def reward_model(self, target: str, replicate: int) -> Path:
        """Folder of the reward model that is trained for a target."""
        return self.folder / "rewards" / f"{target}-s{replicate}"

    def reward_jobs(self) -> list[Job]:
        """Reward models of the rlhf targets that name none, from the base, once a seed."""
        return [
            self._job(
                self.reward_model(label, r),
                judge,
                BASE,
                training_seed(self.seed, judge.label, r),
                r,
            )
            for label, regime in self.targets.items()
            if self._trains_reward(regime)
            for judge in [reward_regime(regime)]
            for r in range(self.seeds)
        ]

    def target_jobs(self) -> list[Job]:
        """Tuning of the base (or `starts`) into every target, once a seed; answers are kept."""
        jobs = [
            self._job(
                self.checkpoint(label, r),
                regime,
                self.starts.get(label, BASE),
                training_seed(self.seed, label, r),
                r,
            )
            for label, regime in self.targets.items()
            for r in range(self.seeds)
        ]
        return [replace(job, work=train_target) for job in jobs]

    def transfers(self) -> list[Transfer]:
        """Every source towards every target that is not the source itself."""
        return [
            Transfer(
                source,
                BASE if source == BASE else "behavior",
                target,
                r,
                self._curve(target, f"{source}-s{r}"),
            )
            for target in self.targets
            for source in self.sources
            for r in range(self.seeds)
            if source != target
        ]

    def _curve(self, target: str, run: str) -> Path:
        """Return where a transfer's curve lies: beside its weights, where they are kept."""
        if self.keep:
            return self.folder / TUNED / target / run / CURVE
        return self.folder / "transfers" / target / f"{run}.json"

    def transfer_job(self, transfer: Transfer, goal: Goal) -> Job:
        """Make the job of one transfer run; all sources of a target see the same data."""
        regime = self.targets[transfer.target]
        if transfer.target in self.budgets:
            update = {"budget": self.budgets[transfer.target]}
            regime = Regime.model_validate({**regime.model_dump(), **update})
        seed = transfer_seed(self.seed, transfer.target, transfer.seed)
        path = transfer.path.parent if self.keep else transfer.path
        return self._job(path, regime, transfer.source, seed, transfer.seed, goal)

    def _job(
        self,
        path: Path,
        regime: Regime,
        source: str,
        seed: int,
        replicate: int,
        goal: Goal | None = None,
    ) -> Job:
        """Make the job of one run: with a goal a transfer's curve, without one a checkpoint."""
        start = self.source(source, replicate)
        ready = placed(regime, self.folder)
        if self._trains_reward(ready):
            reward = self.reward_model(regime.label, replicate).absolute()
            update = {"checkpoint": str(reward)}
            judge = ready.reward_model.model_copy(update=update)
            ready = ready.model_copy(update={"reward_model": judge})
        inputs = run_inputs(ready, start, seed)
        if goal is not None:
            inputs["stop_at"] = goal.stop_at
            if self.also:
                inputs["also"] = [[regime_inputs(r), data_digests(r)] for r in self.also]
        arguments = {"regime": ready, "source": start, "seed": seed}
        job = regime_job(path, regime, inputs, train_checkpoint, arguments)
        arguments["work"] = run_folder(self.folder, path, job.inputs)
        if goal is not None:
            arguments |= {"goal": goal, "also": self.also, "keep": self.keep}
            return replace(job, work=run_trl_transfer, arguments=arguments)
        return replace(job, arguments=arguments)

    def _trains_reward(self, regime: Regime) -> TypeGuard[Rlhf]:
        named = "reward_model" in frozen_checkpoints(regime)
        return isinstance(regime, Rlhf) and self.base is not None and not named


def run_inputs(regime: Regime, start: Path, seed: int) -> dict[str, Any]:
    """Return what a run's artifact depends on, beside its regime: data, weights, seed, engine."""
    judged = frozen_checkpoints(regime).get("reward_model")
    return {
        "data": data_digests(regime),
        "source": weights_digest(start),
        "reward": weights_digest(Path(judged)) if judged else None,
        "seed": seed,
        "engine": ENGINE_VERSION,
    }


def data_digests(regime: Regime) -> list[str]:
    """Return the digests of a regime's files of examples."""
    files = [Path(f) for f in (regime.data.train, regime.data.held_out) if f]
    return [file_digest(file) for file in files if file.is_file()]


def weights_digest(folder: Path) -> str:
    """Return the digest of a checkpoint's weights, an adapter's or whole ones.

    Raises
    ------
    InputError
        If there are none as safetensors.
    """
    for name in WEIGHTS:
        if (folder / name).is_file():
            return file_digest(folder / name)
    raise InputError(f"{folder} has no weights; expected {' or '.join(WEIGHTS[:2])}")


def run_folder(folder: Path, path: Path, inputs: Mapping[str, Any]) -> Path:
    """Return where a run keeps its curve and checkpoints: by its inputs, so that none is mixed."""
    place = folder / "work" / path.relative_to(folder).with_suffix("")
    return place.with_name(f"{place.name}-{digest_of(dict(inputs))[:8]}")


def train_targets(runs: RealRuns, processes: int, clock: StageClock) -> None:
    """Train the reward models, then tune the base into every target."""
    rewards = runs.reward_jobs()
    if rewards:
        clock.run("rewards", "Training reward models", rewards, processes)
    clock.run("regimes", "Tuning the base into the targets", runs.target_jobs(), processes)


def run_transfers(
    runs: RealRuns, goals: Mapping[str, Goal], processes: int, clock: StageClock
) -> pd.DataFrame:
    """Tune every source into every target that has a goal; return one row an evaluation."""
    transfers = [transfer for transfer in runs.transfers() if transfer.target in goals]
    jobs = [runs.transfer_job(transfer, goals[transfer.target]) for transfer in transfers]
    clock.run("transfers", "Tuning every source into every target", jobs, processes)
    return collect_trl(transfers, goals)
