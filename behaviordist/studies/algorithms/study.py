"""The file of a transfer study: functions x algorithms, distances, transfers, the test."""

from __future__ import annotations

from typing import Any

from pydantic import Field, model_validator

from behaviordist.regimes.declaration import Algorithm, Regime
from behaviordist.studies.study_file import (
    DistanceSection,
    ModelSection,
    StudyFile,
    TestSection,
    TransferSection,
    check_distances,
    check_functions,
)


class Study(StudyFile):
    """What is trained, compared, transferred and tested, and by which rule."""

    tasks: tuple[str, ...] = Field(min_length=1)
    model: ModelSection
    pretrain: dict[str, Any]
    post_training: dict[Algorithm, dict[str, Any]] = Field(min_length=1)
    transfer: TransferSection
    distances: DistanceSection
    test: TestSection

    @model_validator(mode="after")
    def _complete(self) -> Study:
        for algorithm in self.post_training:
            if algorithm not in self.transfer.budget:
                raise ValueError(f"transfer.budget says nothing of '{algorithm}'")
        if len(set(self.tasks)) < len(self.tasks):
            raise ValueError("tasks names one function twice")
        return self

    def base_regime(self) -> Regime:
        """Return the pre-training regime."""
        return Regime(algorithm="pretrain", **self.pretrain)

    def regimes(self) -> list[Regime]:
        """Return the post-training regimes, one a behavior: algorithms x tasks."""
        return [
            Regime(algorithm=algorithm, task=task, **settings)
            for algorithm, settings in self.post_training.items()
            for task in self.tasks
        ]

    def transfer_regime(self, target: Regime) -> Regime:
        """Return the target's regime with the budget of a transfer run."""
        update = {"budget": self.transfer.budget[target.algorithm]}
        return Regime.model_validate({**target.model_dump(), **update})

    def check(self, where: str) -> None:
        """Refuse functions, geometries, probe sets and budgets that do not exist."""
        check_functions((*self.tasks, *self.base_regime().functions), where)
        check_distances(self.distances)
        for regime in self.regimes():
            self.transfer_regime(regime)
