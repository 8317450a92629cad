"""The file of study `bootstrapping`: pre-training budgets x post-training regimes."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, model_validator

from behaviordist.regimes.declaration import Algorithm, Convergence, Regime
from behaviordist.studies.study_file import (
    DistanceSection,
    ModelSection,
    StudyFile,
    check_distances,
    check_functions,
)


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


def base_name(budget: int) -> str:
    """Return what a base is called, such as ``base-00480``: sorted by budget."""
    return f"base-{budget:05d}"
