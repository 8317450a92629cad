"""The file of the default study: bases, sources by degrees, targets, the square, the claims."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from behaviordist.regimes.declaration import Regime
from behaviordist.studies.study_file import (
    AnswerSection,
    ClaimSection,
    DistanceSection,
    ModelSection,
    Section,
    SoftSection,
    StudyFile,
    check_distances,
    check_functions,
)

Targeting = Literal["sft", "rlvr"]


class SourceSection(Section):
    """Which sources are made; `training` is the SFT that turns a base into a mixture."""

    mixtures: dict[Literal["A", "B"], int]
    concentration: float = Field(gt=0)
    floor: float = Field(gt=0, lt=1)
    permuted: int = Field(ge=2)
    hard: dict[str, Targeting]
    training: dict[str, Any]


class TransferSection(Section):
    """How far sources are tuned: tau is `share` of the target's own level."""

    share: float = Field(gt=0, le=1)
    budget: dict[Targeting, int]
    repeated: int = Field(ge=1)


class SquareSection(SoftSection):
    """Soft behaviors that are tuned into one another."""

    strings: int = Field(ge=8)


class Study(StudyFile):
    """What is trained, tuned, measured and claimed."""

    functions: tuple[str, ...] = Field(min_length=3)
    model: ModelSection
    pretrain: dict[str, Any]
    snapshots: tuple[Annotated[int, Field(gt=0)], ...] = Field(min_length=1)
    sources: SourceSection
    targets: dict[Targeting, dict[str, Any]] = Field(min_length=1)
    transfer: TransferSection
    square: SquareSection
    answers: AnswerSection
    distances: DistanceSection
    claims: ClaimSection

    @model_validator(mode="after")
    def _complete(self) -> Study:
        for algorithm in self.targets:
            if algorithm not in self.transfer.budget:
                raise ValueError(f"transfer.budget says nothing of '{algorithm}'")
        if len(set(self.functions)) < len(self.functions):
            raise ValueError("functions names one twice")
        if self.sources.permuted > self.sources.mixtures.get("A", 0):
            raise ValueError("sources.permuted: there are fewer mixtures of A to copy")
        if set(self.sources.hard.values()) - set(self.targets):
            raise ValueError("sources.hard: an algorithm that targets does not declare")
        return self

    def base_regime(self, budget: int | None = None) -> Regime:
        """Return pre-training, shorter for a snapshot."""
        values = {**self.pretrain, **({} if budget is None else {"budget": budget})}
        return Regime(algorithm="pretrain", **values)

    def mixture_regime(self, shares: Mapping[str, float]) -> Regime:
        """Return the SFT on a mixture that makes a soft source."""
        return Regime(algorithm="sft", task=dict(shares), **self.sources.training)

    def square_regime(self, shares: Mapping[str, float], budget: int) -> Regime:
        """Return the SFT on a mixture that makes, or is the target of, the square's behaviors."""
        every = {**self.sources.training["convergence"], "every": 1, "strings": self.square.strings}
        values = {**self.sources.training, "budget": budget, "convergence": every}
        return Regime(algorithm="sft", task=dict(shares), **values)

    def targets_of(self, algorithm: str) -> list[Regime]:
        """Return the regimes of one algorithm, a function each."""
        settings = self.targets[algorithm]  # type: ignore[index]
        return [
            Regime.model_validate({"algorithm": algorithm, "task": function, **settings})
            for function in self.functions
        ]

    def regimes(self) -> list[Regime]:
        """Return all target regimes."""
        return [regime for algorithm in self.targets for regime in self.targets_of(algorithm)]

    def transfer_regime(self, target: Regime) -> Regime:
        """Return a target's regime with the budget of a transfer run."""
        budget = self.transfer.budget[target.algorithm]  # type: ignore[index]
        return Regime.model_validate({**target.model_dump(), "budget": budget})

    def check(self, where: str) -> None:
        """Refuse functions, geometries, probe sets and budgets that do not exist."""
        named = (*self.functions, *self.sources.hard, *self.base_regime().functions)
        check_functions(named, where)
        check_distances(self.distances)
        even = dict.fromkeys(self.functions, 1.0)
        self.mixture_regime(even)
        for budget in (self.square.steps, self.square.budget):
            self.square_regime(even, budget)
        for snapshot in self.snapshots:
            self.base_regime(snapshot)
        for regime in self.regimes():
            self.transfer_regime(regime)
