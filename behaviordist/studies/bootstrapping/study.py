"""The file of study `bootstrapping`: pre-training budgets x post-training regimes."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, model_validator

from behaviordist.regimes.declaration import Algorithm, Convergence, Regime
from behaviordist.studies.study_file import (
    AnswerSection,
    DistanceSection,
    ModelSection,
    Section,
    StudyFile,
    check_distances,
    check_functions,
)


class CoherentSection(Section):
    """Soft sources: the share of the task in each, the rest is `other`; how they are tuned."""

    other: str
    shares: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = Field(min_length=2)
    training: dict[str, Any]


class Study(StudyFile):
    """Pre-training budgets x post-training regimes."""

    tasks: tuple[str, ...] = Field(min_length=1)
    model: ModelSection
    budgets: tuple[Annotated[int, Field(ge=0)], ...] = Field(min_length=3)
    pretrain: dict[str, Any]
    tau: float = Field(gt=0, lt=1)
    post_training: dict[Algorithm, dict[str, Any]] = Field(min_length=1)
    coherent: CoherentSection
    answers: AnswerSection
    budget_from_random: dict[Algorithm, int] = {}
    distances: DistanceSection

    @model_validator(mode="after")
    def _growing(self) -> Study:
        if list(self.budgets) != sorted(set(self.budgets)):
            raise ValueError("budgets must grow")
        if self.seeds < 2:
            raise ValueError("seeds: at least 2, a base is never compared with its own child")
        if self.coherent.other in self.tasks:
            raise ValueError("coherent.other: a function that is no task belongs there")
        return self

    def coherent_regimes(self, task: str) -> dict[str, Regime]:
        """Return the tuning of every coherent source of a task, by the source's name."""
        return {
            f"{task}-{round(100 * share):02d}": Regime(
                algorithm="sft",
                task={task: share, self.coherent.other: 1 - share},
                **self.coherent.training,
            )
            for share in self.coherent.shares
        }

    def base_regime(self, budget: int) -> Regime:
        """Return pre-training with a budget; its length is its only stopping rule."""
        rule = Convergence(at_least=1.0, consecutive=budget + 1, every=budget, strings=240)
        return Regime(algorithm="pretrain", budget=budget, convergence=rule, **self.pretrain)

    def regimes(self) -> list[Regime]:
        """Return every post-training regime, algorithms x tasks, after the pre-trainings."""
        for budget in self.budgets:
            if budget:
                self.base_regime(budget)
        for task in self.tasks:
            self.coherent_regimes(task)
        return [
            Regime(algorithm=algorithm, task=task, **settings)
            for algorithm, settings in self.post_training.items()
            for task in self.tasks
        ]

    def check(self, where: str) -> None:
        """Refuse functions, geometries and probe sets that do not exist."""
        check_functions(
            (*self.tasks, self.coherent.other, *self.base_regime(max(self.budgets)).functions),
            where,
        )
        check_distances(self.distances)


def base_name(budget: int) -> str:
    """Return what a base is called, such as ``base-00480``: sorted by budget."""
    return f"base-{budget:05d}"
