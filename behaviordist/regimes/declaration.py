"""Regimes as data: what a training algorithm is, before anything executes it."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from behaviordist.errors import InputError

ALGORITHMS = ("pretrain", "sft", "rlvr")


class Convergence(BaseModel):
    """When a regime has converged: a stated level, held for several evaluations in a row.

    The score is the expected exact match on held-out strings: the probability that an answer
    sampled at temperature 1 is right, computed exactly from the model's log-probabilities.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    at_least: float = Field(gt=0, le=1, description="score to reach")
    consecutive: int = Field(default=2, ge=1, description="evaluations in a row at that score")
    every: int = Field(default=5, ge=1, description="optimizer steps between evaluations")
    strings: int = Field(default=128, ge=8, description="held-out strings an evaluation uses")


class Regime(BaseModel):
    """One training algorithm with its data, reward, budget and stopping rule.

    `task` names the string function that the regime brings out (none for pre-training, which
    spreads over `functions`). A converged regime *is* a behavior; one that does not converge
    within `budget` optimizer steps is marked so in its checkpoint's provenance.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    algorithm: Literal["pretrain", "sft", "rlvr"]
    task: str | None = None
    functions: tuple[str, ...] = ()
    budget: int = Field(gt=0, description="most optimizer steps")
    batch_size: int = Field(gt=0, description="sequences a step; for rlvr prompts x group_size")
    learning_rate: float = Field(gt=0, allow_inf_nan=False)
    warmup: int = Field(default=0, ge=0, description="steps of linear warm-up")
    decay: bool = Field(default=False, description="cosine decay to a tenth over the budget")
    weight_decay: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    clip_norm: float = Field(default=1.0, gt=0, description="largest global gradient norm")
    hidden_share: float = Field(default=0.5, ge=0, le=1, description="pretrain: documents with ?")
    group_size: int = Field(default=8, ge=2, description="rlvr: samples a prompt")
    convergence: Convergence

    @model_validator(mode="after")
    def _consistent(self) -> Regime:
        if self.algorithm == "pretrain":
            if self.task is not None or not self.functions:
                raise ValueError("pretrain takes 'functions' (a list) and no 'task'")
        elif self.task is None:
            raise ValueError(f"{self.algorithm} needs a 'task': the function to bring out")
        if self.algorithm == "rlvr" and self.batch_size % self.group_size:
            raise ValueError("rlvr: batch_size must be a multiple of group_size")
        if self.budget % self.convergence.every:
            raise ValueError("budget must be a multiple of convergence.every")
        return self

    @property
    def label(self) -> str:
        """Name of the behavior the regime leads to, such as ``sft-reverse``."""
        return self.algorithm if self.task is None else f"{self.algorithm}-{self.task}"


def one_line(error: ValidationError, where: str) -> InputError:
    """Turn a pydantic error into one line that names the place and the key."""
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"]) or "(top level)"
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return InputError(f"{where}: '{key}': {first['msg']}{more}")
