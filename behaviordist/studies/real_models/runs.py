"""Everything that study `trl-transfer` trains: names, places, seeds."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from behaviordist.engines.trl_engine import (
    ENGINE_VERSION,
    reward_regime,
    train_checkpoint,
)
from behaviordist.errors import InputError
from behaviordist.regimes.declaration import Regime
from behaviordist.store import file_digest
from behaviordist.store.jobs import Job
from behaviordist.store.seeds import derived_seed
from behaviordist.studies.places import read_provenance
from behaviordist.studies.real_models.pairs import run_folder, weights_digest
from behaviordist.studies.real_models.study import Study
from behaviordist.transfer.runs import Goal, Transfer
from behaviordist.transfer.trl_runs import run_trl_transfer

BASE = "base"


@dataclass(frozen=True)
class TrlRuns:
    """Names and places of everything that a study trains, in one folder and for one seed."""

    study: Study
    folder: Path
    seed: int

    @cached_property
    def targets(self) -> dict[str, Regime]:
        """Label -> regime as the file says it, paths as they stand there."""
        return {regime.label: regime for regime in self.study.regimes()}

    @property
    def base(self) -> Path:
        """The base's folder: the study's own copy of a converted file, or where it lies."""
        given = Path(self.study.base)
        return given if (given / "config.json").is_file() else self.folder / "checkpoints" / BASE

    def checkpoint(self, label: str, replicate: int = 0) -> Path:
        """Folder of one checkpoint."""
        if label == BASE:
            return self.base
        return self.folder / "checkpoints" / f"{label}-s{replicate}"

    def provenance(self, label: str, replicate: int = 0) -> dict[str, Any]:
        """Read how a finished checkpoint was reached."""
        return read_provenance(self.checkpoint(label, replicate))

    def placed(self, regime: Regime) -> Regime:
        """Return a regime whose paths of data hold from anywhere."""
        data = regime.data
        both = {k: self._place(getattr(data, k)) for k in ("train", "held_out")}
        return regime.model_copy(update={"data": data.model_copy(update=both)})

    def reward_path(self, label: str, replicate: int) -> Path:
        """Folder of the reward model that belongs to one rlhf target."""
        return self.folder / "rewards" / f"{label}-s{replicate}"

    def reward_jobs(self) -> list[Job]:
        """Reward models of the rlhf targets, each trained once, from the base."""
        return [
            self._job(self.reward_path(label, r), reward_regime(regime), BASE, label, r)
            for label, regime in self.targets.items()
            if regime.algorithm == "rlhf"
            for r in range(self.study.seeds)
        ]

    def regime_jobs(self) -> list[Job]:
        """Tuning of every behavior from the base, once a seed."""
        return [
            self._job(self.checkpoint(label, r), regime, BASE, label, r)
            for label, regime in self.targets.items()
            for r in range(self.study.seeds)
        ]

    def transfers(self) -> list[Transfer]:
        """Every ordered pair of behaviors, and the base as a source."""
        roles = {BASE: BASE, **dict.fromkeys(self.targets, "behavior")}
        return [
            Transfer(
                source,
                role,
                target,
                r,
                self.folder / "transfers" / target / f"{source}-s{r}.json",
            )
            for target in self.targets
            for source, role in roles.items()
            for r in range(self.study.seeds)
            if source != target
        ]

    def transfer_job(self, transfer: Transfer, goal: Goal) -> Job:
        """Make the job of one transfer run; its data seed is shared by all sources of a target."""
        regime = self.study.transfer_regime(self.targets[transfer.target])
        made = self._job(transfer.path, regime, transfer.source, transfer.target, transfer.seed)
        seed = derived_seed(self.seed, "transfer", transfer.target, transfer.seed)
        inputs = {**made.inputs, "seed": seed, "stop_at": goal.stop_at}
        work = run_folder(self.folder, transfer.path, inputs)
        arguments = {**made.arguments, "seed": seed, "goal": goal, "work": work}
        return Job(transfer.path, inputs, run_trl_transfer, arguments)

    def _job(self, path: Path, regime: Regime, source: str, label: str, replicate: int) -> Job:
        seed = derived_seed(self.seed, regime.algorithm, label, replicate)
        start = self.checkpoint(source, replicate)
        placed = self.placed(regime)
        files = [placed.data.train, placed.data.held_out]
        inputs: dict[str, Any] = {
            "regime": regime.model_dump(mode="json"),
            "data": [file_digest(Path(f)) for f in files if f and Path(f).is_file()],
            "source": weights_digest(start),
            "seed": seed,
            "engine": ENGINE_VERSION,
        }
        if regime.algorithm == "rlhf":
            reward = self.reward_path(label, replicate)
            inputs["reward"] = weights_digest(reward)
            asked = placed.reward_model.model_copy(update={"checkpoint": str(reward.resolve())})
            placed = placed.model_copy(update={"reward_model": asked})
        work = run_folder(self.folder, path, inputs)
        arguments = {"regime": placed, "source": start, "seed": seed, "work": work}
        return Job(path, inputs, train_checkpoint, arguments)

    def _place(self, path: str | None) -> str | None:
        if path is None:
            return None
        inside = self.folder / path
        return str((inside if inside.exists() else Path(path)).absolute())


def fix_goals(runs: TrlRuns) -> dict[str, Goal]:
    """Fix tau of every target from its own runs, before any transfer.

    A regime whose own runs ended no higher than they started brings nothing out that others could
    be asked for (a policy that fools its reward model): it is a source, but no target.
    """
    asked, goals = runs.study.transfer, {}
    for label in runs.targets:
        first, level = own_scores(runs, label)
        if level > first:
            goals[label] = Goal(level, asked.share * level, max(asked.share, *asked.sweep) * level)
    if not goals:
        raise InputError(
            "no regime's own run scored above its start: raise budget or learning_rate"
        )
    return goals


def own_scores(runs: TrlRuns, label: str) -> tuple[float, float]:
    """Return the mean score of a regime's own runs where they started and where they ended."""
    found = [runs.provenance(label, r)["evidence"]["scores"] for r in range(runs.study.seeds)]
    first, last = (sum(scores[i] for scores in found) / len(found) for i in (0, -1))
    return first, last
