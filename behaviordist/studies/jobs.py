"""Jobs of the lab that any study is made of: a checkpoint, random weights, one transfer run.

A job's inputs hold everything that its numbers depend on (the digest of the source's weights too,
so a source must be finished before its job is made); `store.jobs.run_jobs` makes what is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from behaviordist.engines.checkpoints import ENGINE_VERSION, save_random, train_checkpoint
from behaviordist.engines.growing import grow_checkpoint, permute_checkpoint
from behaviordist.errors import InputError
from behaviordist.lab.llama import LlamaConfig
from behaviordist.regimes.artifacts import frozen_checkpoints, inputs_in_0_1, regime_inputs
from behaviordist.regimes.declaration import Growth, Regime
from behaviordist.store import file_digest
from behaviordist.store.jobs import Job
from behaviordist.transfer.runs import Goal, run_transfer


def training_job(
    path: Path, regime: Regime, config: LlamaConfig, source: Path | None, seed: int
) -> Job:
    """Train `source` (None: random weights of that seed) under a regime into a checkpoint."""
    weights = None if source is None else file_digest(source / "model.safetensors")
    inputs = {
        "model": asdict(config),
        "source": weights,
        "seed": seed,
        "engine": ENGINE_VERSION,
        **_frozen(regime),
    }
    arguments = {"regime": regime, "config": config, "source": source, "seed": seed}
    return regime_job(path, regime, inputs, train_checkpoint, arguments)


def random_job(path: Path, config: LlamaConfig, seed: int) -> Job:
    """Write random weights as a checkpoint."""
    inputs = {"random": asdict(config), "seed": seed}
    return Job(path, inputs, save_random, {"config": config, "seed": seed})


def transfer_job(
    path: Path, regime: Regime, config: LlamaConfig, source: Path, seed: int, goal: Goal
) -> Job:
    """Tune `source` under a regime until `goal.stop_at` or the regime's budget; keep the curve."""
    inputs = {
        "source": file_digest(source / "model.safetensors"),
        "seed": seed,
        "stop_at": goal.stop_at,
        "engine": ENGINE_VERSION,
        **_frozen(regime),
    }
    arguments = {
        "regime": regime,
        "config": config,
        "source": source,
        "seed": seed,
        "goal": goal,
    }
    return regime_job(path, regime, inputs, run_transfer, arguments)


def regime_job(
    path: Path,
    regime: Regime,
    inputs: Mapping[str, Any],
    work: Callable[..., None],
    arguments: Mapping[str, Any],
) -> Job:
    """Make a job that also depends on its regime; what 0.1.0 made of it is kept."""
    now, before = ({"regime": f(regime), **inputs} for f in (regime_inputs, inputs_in_0_1))
    return Job(path, now, work, arguments, before)


def _frozen(regime: Regime) -> dict[str, str]:
    """Return digests of the weights that a regime names: a teacher, a finished reward model."""
    return {
        role: file_digest(Path(folder) / "model.safetensors")
        for role, folder in frozen_checkpoints(regime).items()
    }


def transfers_job(
    path: Path,
    regimes: Mapping[str, Regime],
    config: LlamaConfig,
    source: Path,
    seeds: Mapping[str, int],
    goals: Mapping[str, Goal],
) -> Job:
    """Tune `source` under several regimes, by name: a folder with a curve each, made as one."""
    inputs = {
        "regimes": {name: regime_inputs(regime) for name, regime in regimes.items()},
        "source": file_digest(source / "model.safetensors"),
        "seeds": dict(seeds),
        "stop_at": {name: goal.stop_at for name, goal in goals.items()},
        "engine": ENGINE_VERSION,
    }
    arguments = {
        "regimes": dict(regimes),
        "config": config,
        "source": source,
        "seeds": dict(seeds),
        "goals": dict(goals),
    }
    return Job(path, inputs, run_transfers, arguments)


def run_transfers(
    folder: Path,
    regimes: Mapping[str, Regime],
    config: LlamaConfig,
    source: Path,
    seeds: Mapping[str, int],
    goals: Mapping[str, Goal],
) -> None:
    """Write ``NAME.json`` for every regime: see `run_transfer`.

    Raises
    ------
    InputError
        Somebody took the folder away meanwhile: what is left of it must not be published.
    """
    for name, regime in regimes.items():
        run_transfer(folder / f"{name}.json", regime, config, source, seeds[name], goals[name])
    lost = [name for name in regimes if not (folder / f"{name}.json").is_file()]
    if lost:
        raise InputError(
            f"{folder}: '{lost[0]}.json' was removed while others were made; run again"
        )


def write_grown(folder: Path, source: Path, growth: Growth, seed: int) -> None:
    """Write a grown copy: see `grow_checkpoint`."""
    grow_checkpoint(folder, source, growth, seed)


def grown_job(path: Path, source: Path, growth: Growth, seed: int, key: str = "growth") -> Job:
    """Make a checkpoint larger and train nothing; `key` names the growth among the inputs."""
    inputs = {
        key: growth.model_dump(mode="json"),
        "source": file_digest(source / "model.safetensors"),
        "seed": seed,
    }
    return Job(path, inputs, write_grown, {"source": source, "growth": growth, "seed": seed})


def write_permuted(folder: Path, source: Path, seed: int) -> None:
    """Write a permuted copy: see `permute_checkpoint`."""
    permute_checkpoint(folder, source, seed)


def permuted_job(path: Path, source: Path, seed: int) -> Job:
    """Write the same function at permuted weights."""
    inputs = {"permuted": file_digest(source / "model.safetensors"), "seed": seed}
    return Job(path, inputs, write_permuted, {"source": source, "seed": seed})
