"""Study `growing`: is a small model, grown, a cheaper way to a large one, and is distance all?

Method, in the order of the code. A small model is pre-trained until it is coherent, from several
seeds. Every operator makes it larger; nothing is trained yet, so the distance from the small one
is the operator's jump. The larger models train on until small and grown together have used as
many FLOPs as a large model of the same shape that started from random weights (and the small one
trains on too, as the control that is not grown). What FLOPs each needed to the large model's level
is read off the curves. At last every model (small, freshly grown, trained on, from scratch) is
post-trained towards one function by every algorithm until it reaches tau.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pandas as pd
from pydantic import Field, model_validator

from behaviordist.engines.checkpoints import flops_per_step
from behaviordist.engines.growing import grow_checkpoint
from behaviordist.errors import InputError
from behaviordist.lab import checkpoint, llama
from behaviordist.lab.llama import LlamaConfig
from behaviordist.regimes import grow
from behaviordist.regimes.declaration import GROWTH_SIZES, Algorithm, Convergence, Growth, Regime
from behaviordist.store import file_digest
from behaviordist.store.jobs import Job, run_jobs
from behaviordist.store.seeds import derived_seed
from behaviordist.studies.catalogue import Settings
from behaviordist.studies.config import (
    DistanceSection,
    ModelSection,
    Section,
    StudyFile,
    check_distances,
    check_functions,
)
from behaviordist.studies.lab_jobs import training_job, transfer_job
from behaviordist.studies.progress import StageClock
from behaviordist.studies.provenance import read_provenance
from behaviordist.transfer.runs import Goal, Transfer, write_table

SMALL, CONTROL = "small", "not-grown"


class SmallSection(Section):
    """When the small model is coherent enough to grow."""

    budget: int = Field(gt=0)
    at_least: float = Field(gt=0, le=1)
    consecutive: int = Field(default=2, ge=1)


class Study(StudyFile):
    """Growth operators x post-training, against large models from scratch."""

    task: str
    model: ModelSection
    growths: tuple[Growth, ...] = Field(min_length=1)
    pretrain: dict[str, Any]
    small: SmallSection
    large_steps: int = Field(gt=0)
    every: int = Field(gt=0)
    strings: int = Field(default=240, ge=8)
    level_share: float = Field(gt=0, le=1)
    tau: float = Field(gt=0, lt=1)
    post_training: dict[Algorithm, dict[str, Any]] = Field(min_length=1)
    distances: DistanceSection

    @model_validator(mode="after")
    def _one_each(self) -> Study:
        operators = [growth.operator for growth in self.growths]
        if len(set(operators)) < len(operators):
            raise ValueError("growths names one operator twice")
        if self.large_steps % self.every or self.small.budget % self.every:
            raise ValueError("large_steps and small.budget must be multiples of every")
        return self

    @classmethod
    def regime_sections(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the settings of pre-training and of every post-training algorithm."""
        post = values.get("post_training")
        return {"pretrain": values.get("pretrain"), **(post if isinstance(post, Mapping) else {})}

    def small_regime(self) -> Regime:
        """Return the pre-training of the small model: until it is coherent."""
        rule = Convergence(
            at_least=self.small.at_least,
            consecutive=self.small.consecutive,
            every=self.every,
            strings=self.strings,
        )
        budget = self.small.budget
        return Regime(algorithm="pretrain", budget=budget, convergence=rule, **self.pretrain)

    def spend(self, steps: int) -> Regime:
        """Return pre-training, begun or continued, whose only stopping rule is its length."""
        never = Convergence(
            at_least=1.0, consecutive=steps + 1, every=self.every, strings=self.strings
        )
        # Not called `continue`: one algorithm is one compiled program, and it is the same one.
        return Regime(algorithm="pretrain", budget=steps, convergence=never, **self.pretrain)

    def regimes(self) -> list[Regime]:
        """Return every post-training regime, once the pre-trainings have been checked."""
        self.small_regime(), self.spend(self.large_steps)
        return [
            Regime(algorithm=algorithm, task=self.task, **settings)
            for algorithm, settings in self.post_training.items()
        ]

    def check(self, where: str) -> None:
        """Refuse unknown functions and probes, sizes that cannot be grown, budgets too small."""
        check_functions((self.task, *self.small_regime().functions), where)
        check_distances(self.distances)
        regime, small = self.small_regime(), self.model.architecture()
        dearest = self.small.budget * flops_per_step(regime, small)
        for growth in self.growths:
            large = larger(growth, small)
            if dearest >= (self.large_steps - self.every) * flops_per_step(regime, large):
                raise InputError(
                    f"{where}: small.budget may use up the FLOPs of the large model of operator "
                    f"'{growth.operator}': raise large_steps or lower small.budget"
                )


def larger(growth: Growth, small: LlamaConfig) -> LlamaConfig:
    """Return the architecture after growth; the large model from scratch has the very same."""
    shapes = jax.eval_shape(lambda: llama.init(small, 0))
    return grow.apply(growth, jax.tree.map(lambda x: np.zeros(x.shape), shapes), small, 0)[1]


def grow_job(path: Path, source: Path, growth: Growth, seed: int) -> Job:
    """Return the job that makes a checkpoint larger, and trains nothing."""
    inputs = {
        "growth": growth.model_dump(mode="json"),
        "source": file_digest(source / "model.safetensors"),
        "seed": seed,
    }
    return Job(path, inputs, _grow, {"source": source, "growth": growth, "seed": seed})


def _grow(path: Path, source: Path, growth: Growth, seed: int) -> None:
    grow_checkpoint(path, source, growth, seed)


def run_study(study: Study, settings: Settings, clock: StageClock) -> dict[str, Any]:
    """Run every stage that is not finished; write the folder; return ``run.json``."""
    from behaviordist.studies.growing_results import write_results

    runs = Runs(study, settings.folder, settings.seed)
    for name, text, make in (
        ("small", "Pre-training small models until coherent", runs.small_jobs),
        ("growth", "Growing them", runs.growth_jobs),
        ("large", "Training on, and from scratch, to equal FLOPs", runs.large_jobs),
        ("post-training", "Post-training all of them", runs.transfer_jobs),
    ):
        jobs = make()
        with clock.stage(name, len(jobs), text) as done:
            run_jobs(jobs, settings.jobs, done)
    rows = runs.collect()
    write_table(settings.folder, rows)
    return write_results(runs, settings, rows, clock)


@dataclass(frozen=True)
class Runs:
    """Names, places and seeds of everything that the study trains."""

    study: Study
    folder: Path
    seed: int

    @cached_property
    def small_config(self) -> LlamaConfig:
        """Architecture of the small model."""
        return self.study.model.architecture()

    @cached_property
    def shapes(self) -> dict[str, LlamaConfig]:
        """Architecture of the large model of every operator."""
        return {g.operator: larger(g, self.small_config) for g in self.study.growths}

    def scratch(self, operator: str) -> str:
        """Return the name of the large model from scratch with the operator's shape."""
        growth = next(g for g in self.study.growths if g.operator == operator)
        size = GROWTH_SIZES[operator]
        return f"scratch-{size.replace('_', '-')}-{getattr(growth, size)}"

    @property
    def scratches(self) -> dict[str, LlamaConfig]:
        """Large models from scratch, one a shape: operators may share it."""
        return {self.scratch(operator): shape for operator, shape in self.shapes.items()}

    def place(self, name: str, replicate: int) -> Path:
        """Folder of one checkpoint."""
        return self.folder / "checkpoints" / f"{name}-s{replicate}"

    def provenance(self, name: str, replicate: int) -> dict[str, Any]:
        """Read how a finished checkpoint was reached."""
        return read_provenance(self.place(name, replicate))

    def small_jobs(self) -> list[Job]:
        """Return the pre-training of the small model, once a seed."""
        regime = self.study.small_regime()
        return [
            training_job(
                self.place(SMALL, r), regime, self.small_config, None, self._seed("small", r)
            )
            for r in range(self.study.seeds)
        ]

    def growth_jobs(self) -> list[Job]:
        """Return every growth of every small model."""
        return [
            grow_job(
                self.place(fresh(g.operator), r), self.place(SMALL, r), g, self._seed("new", r)
            )
            for g in self.study.growths
            for r in range(self.study.seeds)
        ]

    def large_jobs(self) -> list[Job]:
        """Return the trainings to equal FLOPs: from scratch, grown, and small but not grown.

        All that train on see the same data in a seed; large models from scratch see other data.
        """
        jobs, steps = [], self.study.large_steps
        for name, shape in self.scratches.items():
            regime = self.study.spend(steps)
            for r in range(self.study.seeds):
                seed = self._seed("scratch", r)
                jobs.append(training_job(self.place(name, r), regime, shape, None, seed))
        for name in (*self.shapes, CONTROL):
            source = SMALL if name == CONTROL else fresh(name)
            for r in range(self.study.seeds):
                regime = self.study.spend(self.steps_left(name, r))
                where, seed = self.place(source, r), self._seed("continue", r)
                shape = self.shapes.get(name, self.small_config)
                jobs.append(training_job(self.place(name, r), regime, shape, where, seed))
        return jobs

    def steps_left(self, name: str, replicate: int) -> int:
        """Steps that the small model's FLOPs leave of the large one's; the control's is the first.

        Rounded down to whole evaluations: the grown models never get more than the large one.
        """
        large = self.shapes.get(name, next(iter(self.shapes.values())))
        own = self.shapes.get(name, self.small_config)
        regime = self.study.small_regime()
        total = self.study.large_steps * flops_per_step(regime, large)
        left = total - self.provenance(SMALL, replicate)["flops"]
        every = self.study.every
        return int(left / flops_per_step(regime, own) // every) * every

    def sources(self) -> list[str]:
        """Return the names of all models that are post-trained."""
        grown = [fresh(operator) for operator in self.shapes]
        return [SMALL, *grown, *self.shapes, CONTROL, *self.scratches]

    def transfers(self) -> list[Transfer]:
        """Return one post-training run for every model, algorithm and seed."""
        return [
            Transfer(
                name,
                "base",
                regime.label,
                r,
                self.folder / "transfers" / regime.label / f"{name}-s{r}.json",
            )
            for regime in self.study.regimes()
            for name in self.sources()
            for r in range(self.study.seeds)
        ]

    def transfer_jobs(self) -> list[Job]:
        """Return the jobs of the post-training runs; in a seed all sources see the same data."""
        regimes = {regime.label: regime for regime in self.study.regimes()}
        jobs = []
        for t in self.transfers():
            source = self.place(t.source, t.seed)
            config = checkpoint.load(source).config
            seed = self._seed(t.target, t.seed)
            jobs.append(transfer_job(t.path, regimes[t.target], config, source, seed, self._goal()))
        return jobs

    def collect(self) -> pd.DataFrame:
        """Gather the curves of post-training, one row an evaluation."""
        from behaviordist.transfer.runs import collect

        return collect(self.transfers(), {r.label: self._goal() for r in self.study.regimes()})

    def _goal(self) -> Goal:
        return Goal(level=self.study.tau, tau=self.study.tau, stop_at=self.study.tau)

    def _seed(self, *what: str | int) -> int:
        return derived_seed(self.seed, *what)


def fresh(operator: str) -> str:
    """Return the name of a model right after growth, before it trains on."""
    return f"{operator}-fresh"
