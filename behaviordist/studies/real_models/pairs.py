"""Transfers between checkpoints that are there already and targets that are regime files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from behaviordist.engines.trl_engine import ENGINE_VERSION, reward_regime, train_checkpoint
from behaviordist.engines.trl_extra import require_trl
from behaviordist.engines.trl_models import base_folder, is_adapter
from behaviordist.errors import InputError
from behaviordist.regimes.declaration import Regime
from behaviordist.regimes.files import load_regime
from behaviordist.store import digest_of, file_digest, write_json
from behaviordist.store.jobs import Job, run_jobs
from behaviordist.store.seeds import derived_seed
from behaviordist.studies.places import read_provenance
from behaviordist.studies.stages import StageClock
from behaviordist.transfer.runs import Goal, Transfer
from behaviordist.transfer.trl_runs import collect_trl, met_at_start, run_trl_transfer

BASE = "base"
WEIGHTS = ("adapter_model.safetensors", "model.safetensors", "model.safetensors.index.json")


@dataclass(frozen=True)
class Asked:
    """What is tuned into what, checked before anything is trained.

    Attributes
    ----------
    sources
        Label -> checkpoint folder; the base among them, under ``base``.
    targets
        Label -> regime.
    base
        Where the targets' own runs start, or None.
    """

    sources: dict[str, Path]
    targets: dict[str, Regime]
    base: Path | None
    seeds: int
    share: float
    seed: int
    out: Path

    @classmethod
    def of(
        cls,
        sources: Sequence[Path],
        targets: Sequence[Path],
        base: Path | None,
        *,
        seeds: int,
        share: float,
        seed: int,
        out: Path,
    ) -> Asked:
        """Open what is named.

        Raises
        ------
        InputError
            The extra or a checkpoint is missing, a regime file is wrong, a label appears twice.
        """
        require_trl()
        if seeds < 1 or not 0 < share <= 1 or seed < 0:
            raise InputError(
                "--seeds is 1 or more, --share above 0 and at most 1, --seed 0 or more"
            )
        regimes = [load_regime(path) for path in targets]
        named = [(source_label(path), path) for path in sources]
        if base is not None:
            named.append((BASE, base))
        for label in [*(n for n, _ in named)]:
            if [n for n, _ in named].count(label) > 1:
                raise InputError(f"two sources are called '{label}': rename one of the folders")
        for regime in regimes:
            if [r.label for r in regimes].count(regime.label) > 1:
                raise InputError(f"two targets are called '{regime.label}': give each its own task")
        for _, path in named:
            base_folder(path)
        return cls(
            dict(named), {r.label: r for r in regimes}, base, seeds, share, seed, out.absolute()
        )

    @property
    def labels(self) -> list[str]:
        """Rows and columns of the matrix: sources, then targets that are no source."""
        return list(dict.fromkeys([*self.sources, *self.targets]))


def source_label(folder: Path) -> str:
    """Return what a checkpoint is called: its regime's label where provenance says it.

    So the checkpoint of a target's own regime stands on that target's diagonal.
    """
    try:
        return Regime.model_validate(read_provenance(folder)["regime"]).label
    except (OSError, ValueError, KeyError, TypeError):
        return folder.resolve().name


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


def run_transfers(asked: Asked, processes: int, clock: StageClock) -> dict[str, Goal]:
    """Run every transfer that is not finished; return what each target asked for."""
    goals = fix_goals(asked, processes, clock)
    transfers = _transfers(asked)
    jobs = [_transfer_job(asked, transfer, goals[transfer.target]) for transfer in transfers]
    with clock.stage("transfers", len(jobs), "Tuning every source into every target") as done:
        run_jobs(jobs, processes, done)
    return goals


def write_transfers(
    asked: Asked, goals: Mapping[str, Goal], clock: StageClock
) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    """Write the folder of finished transfers; return costs, which are censored, and notes."""
    from behaviordist.transfer.matrix import TransferMatrix

    rows = collect_trl(_transfers(asked), goals)
    table = write_costs(asked.out, rows, asked.labels)
    notes = [f"{s} meets {t} before any training: cost 0" for s, t in met_at_start(rows)]
    record = {
        "schema": 1,
        "kind": "transfer",
        "study": "transfer",
        "question": "What does it cost to tune each checkpoint into each behavior?",
        "seed": asked.seed,
        "seeds": asked.seeds,
        "behaviors": [_behavior(asked, label) for label in asked.labels],
        "targets": [
            {"target": t, "level": g.level, "tau": g.tau, "budget": asked.targets[t].budget}
            for t, g in goals.items()
        ],
        "times_s": clock.times,
        "notes": notes,
    }
    write_json(asked.out / "run.json", record)
    matrix = TransferMatrix.from_runs(table, asked.labels)
    return matrix.costs, matrix.censored, notes


def write_costs(folder: Path, rows: pd.DataFrame, labels: Sequence[str]) -> pd.DataFrame:
    """Write ``transfers.parquet``, ``costs.csv``, ``censored.csv``; return one row a run."""
    from behaviordist.transfer.curves import summarise
    from behaviordist.transfer.matrix import TransferMatrix
    from behaviordist.transfer.runs import write_table

    table = summarise(rows)
    TransferMatrix.from_runs(table, labels).save(folder)
    write_table(folder, rows)
    return table


def fix_goals(asked: Asked, processes: int, clock: StageClock) -> dict[str, Goal]:
    """Fix tau of every target before any transfer: from its own runs, or from its stated rule."""
    if asked.base is None:
        levels = {label: r.convergence.at_least for label, r in asked.targets.items()}
    else:
        levels = _own_levels(asked, asked.base, processes, clock)
    for label, level in levels.items():
        if level <= 0:
            raise InputError(f"{label}: its own run ended at score 0: raise its budget")
    return {k: Goal(v, asked.share * v, asked.share * v) for k, v in levels.items()}


def _own_levels(asked: Asked, base: Path, processes: int, clock: StageClock) -> dict[str, float]:
    """Tune the base into every target, once a seed; return the mean score that each reached."""
    replicates = [(label, r) for label in asked.targets for r in range(asked.seeds)]
    rewards = [
        _job(asked, _reward_path(asked, label, r), reward_regime(asked.targets[label]), base, r)
        for label, r in replicates
        if _trains_reward(asked.targets[label])
    ]
    if rewards:
        with clock.stage("rewards", len(rewards), "Training reward models") as done:
            run_jobs(rewards, processes, done)
    own = [
        _job(asked, _own_path(asked, label, r), asked.targets[label], base, r)
        for label, r in replicates
    ]
    with clock.stage("targets", len(own), "Tuning the base into the targets") as done:
        run_jobs(own, processes, done)
    levels: dict[str, list[float]] = {}
    for label, r in replicates:
        score = read_provenance(_own_path(asked, label, r))["score"]
        levels.setdefault(label, []).append(float(score))
    return {label: sum(found) / len(found) for label, found in levels.items()}


def _trains_reward(regime: Regime) -> bool:
    return regime.algorithm == "rlhf" and regime.reward_model.checkpoint is None


def _own_path(asked: Asked, label: str, replicate: int) -> Path:
    return asked.out / "checkpoints" / f"{label}-s{replicate}"


def _reward_path(asked: Asked, label: str, replicate: int) -> Path:
    return asked.out / "rewards" / f"{label}-s{replicate}"


def _transfers(asked: Asked) -> list[Transfer]:
    return [
        Transfer(
            source,
            BASE if source == BASE else "behavior",
            target,
            r,
            asked.out / "transfers" / target / f"{source}-s{r}.json",
        )
        for target in asked.targets
        for source in asked.sources
        for r in range(asked.seeds)
        if source != target
    ]


def _transfer_job(asked: Asked, transfer: Transfer, goal: Goal) -> Job:
    regime, source = asked.targets[transfer.target], asked.sources[transfer.source]
    made = _job(asked, transfer.path, regime, source, transfer.seed)
    inputs = {**made.inputs, "stop_at": goal.stop_at}
    work = run_folder(asked.out, transfer.path, inputs)
    arguments = {**made.arguments, "goal": goal, "work": work}
    return Job(transfer.path, inputs, run_trl_transfer, arguments)


def _job(asked: Asked, path: Path, regime: Regime, source: Path, replicate: int) -> Job:
    """Make the job of one run; its data seed is shared by all sources of a target."""
    seed = derived_seed(asked.seed, regime.label, replicate)
    reward = _reward_path(asked, regime.label, replicate)
    if _trains_reward(regime) and asked.base is not None:
        given = regime.reward_model.model_copy(update={"checkpoint": str(reward)})
        regime = regime.model_copy(update={"reward_model": given})
    files = [f for f in (regime.data.train, regime.data.held_out) if f and Path(f).is_file()]
    finished = regime.reward_model.checkpoint
    inputs: dict[str, Any] = {
        "regime": regime.model_dump(mode="json"),
        "data": [file_digest(Path(f)) for f in files],
        "source": weights_digest(source),
        "reward": weights_digest(Path(finished)) if finished else None,
        "seed": seed,
        "engine": ENGINE_VERSION,
    }
    work = run_folder(asked.out, path, inputs)
    arguments = {"regime": regime, "source": source, "seed": seed, "work": work}
    return Job(path, inputs, train_checkpoint, arguments)


def _behavior(asked: Asked, label: str) -> dict[str, Any]:
    regime = asked.targets.get(label)
    return {
        "label": label,
        "algorithm": regime.algorithm if regime else None,
        "task": regime.task if regime else None,
        "role": BASE if label == BASE else "behavior",
        "adapter": is_adapter(asked.sources[label]) if label in asked.sources else None,
        "runs": [],
    }
