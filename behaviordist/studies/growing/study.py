"""The file of study `growing`: operators, equal FLOPs, post-training."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
from pydantic import Field, model_validator

from behaviordist.engines.checkpoints import flops_per_step
from behaviordist.errors import InputError
from behaviordist.lab import llama
from behaviordist.lab.llama import LlamaConfig
from behaviordist.regimes import grow
from behaviordist.regimes.declaration import Algorithm, Convergence, Growth, Regime
from behaviordist.studies.study_file import (
    AnswerSection,
    DistanceSection,
    ModelSection,
    Section,
    StudyFile,
    check_distances,
    check_functions,
)


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
    answers: AnswerSection

    @model_validator(mode="after")
    def _one_each(self) -> Study:
        operators = [growth.operator for growth in self.growths]
        if len(set(operators)) < len(operators):
            raise ValueError("growths names one operator twice")
        if self.large_steps % self.every or self.small.budget % self.every:
            raise ValueError("large_steps and small.budget must be multiples of every")
        return self

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
