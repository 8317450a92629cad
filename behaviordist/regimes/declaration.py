"""Regimes as data: what a training algorithm is, before anything executes it."""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from behaviordist.errors import InputError
from behaviordist.regimes.data import Adapter, Data, Evaluation, Verifier

Algorithm = Literal[
    "pretrain", "continue", "sft", "dpo", "reward", "rlhf", "rlvr", "qat", "distill", "grow"
]
ALGORITHMS: tuple[str, ...] = get_args(Algorithm)
SPREADING = ("pretrain", "continue", "grow")
"""Algorithms that train on the whole language: they take `functions` and no `task`."""


class Rater(BaseModel):
    """A simulated rater of answer pairs, for `dpo`, `reward` and `rlhf`.

    It likes the right answer with weight ``1 - agreeableness`` and the answer that agrees with
    the claim in the prompt with weight `agreeableness`; a pair is preferred by the logistic of
    the difference over `temperature` (Bradley and Terry 1952).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    agreeableness: float = Field(default=0.0, ge=0, le=1)
    temperature: float = Field(default=0.25, gt=0, allow_inf_nan=False)


class RewardModel(BaseModel):
    """How the reward model of `rlhf` is trained before the policy is: from the run's start.

    It is trained until its held-out agreement with the rater is `at_least` this share of the best
    possible model's, twice in a row, or for the whole budget.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    budget: int = Field(default=200, gt=0, description="optimizer steps")
    batch_size: int = Field(default=64, gt=0, description="preference pairs a step")
    learning_rate: float = Field(default=2e-3, gt=0, allow_inf_nan=False)
    at_least: float = Field(default=1.0, gt=0, le=1)
    every: int = Field(default=10, gt=0, description="optimizer steps between evaluations")
    checkpoint: str | None = Field(
        default=None, description="a finished reward model to use instead of training one"
    )

    @model_validator(mode="after")
    def _whole(self) -> RewardModel:
        if self.budget % self.every:
            raise ValueError("budget must be a multiple of every")
        return self


GROWTH_SIZES = {
    "depth": "layers",
    "mlp": "intermediate_size",
    "heads": "heads",
    "width": "hidden_size",
    "head-width": "head_dim",
    "stack": "layers",
    "interpolate": "layers",
}
"""Growth operators, and the size that each makes larger."""


class Growth(BaseModel):
    """How a model is made larger; sizes are those after growth, None where unchanged.

    `depth`, `mlp`, `heads`, `width` and `head-width` keep the function to rounding; `stack` and
    `interpolate` do not. See `behaviordist.lab.growth`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    operator: Literal["depth", "mlp", "heads", "width", "head-width", "stack", "interpolate"]
    layers: int | None = Field(default=None, gt=0)
    intermediate_size: int | None = Field(default=None, gt=0)
    heads: int | None = Field(default=None, gt=0)
    kv_heads: int | None = Field(default=None, gt=0)
    hidden_size: int | None = Field(default=None, gt=0)
    head_dim: int | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _its_own_size(self) -> Growth:
        needed = GROWTH_SIZES[self.operator]
        given = set(self.model_dump(exclude_none=True)) - {"operator"}
        if needed not in given:
            raise ValueError(f"operator '{self.operator}' needs '{needed}'")
        others = given - {needed} - ({"kv_heads"} if needed == "heads" else set())
        if others:
            raise ValueError(f"operator '{self.operator}' does not change '{min(others)}'")
        return self


class Convergence(BaseModel):
    """When a regime has converged: a stated level, held for several evaluations in a row.

    The score is the expected exact match on held-out strings: the probability that an answer
    sampled at temperature 1 is right, computed exactly from the model's log-probabilities. With a
    rater (`dpo`, `rlhf`) an answer counts by its utility to the rater, over that of the best one:
    the same where agreeableness is 0. For `reward` it is the expected agreement with the rater
    over the best possible.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    at_least: float = Field(gt=0, le=1, description="score to reach")
    consecutive: int = Field(default=2, ge=1, description="evaluations in a row at that score")
    every: int = Field(default=5, ge=1, description="optimizer steps between evaluations")
    strings: int = Field(default=128, ge=8, description="held-out strings an evaluation uses")


class Regime(BaseModel):
    """One training algorithm with its data, reward, budget and stopping rule.

    `task` names the string function that the regime brings out (none for pre-training, which
    spreads over `functions`; elsewhere those give the answers that are not the task's, all where
    none is named). A converged regime *is* a behavior; one that does not converge
    within `budget` optimizer steps is marked so in its checkpoint's provenance.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    algorithm: Algorithm
    task: str | dict[str, float] | None = None
    functions: tuple[str, ...] = ()
    budget: int = Field(gt=0, description="most optimizer steps")
    batch_size: int = Field(
        gt=0, description="sequences a step; rlvr, rlhf: prompts x group_size; dpo, reward: pairs"
    )
    learning_rate: float = Field(gt=0, allow_inf_nan=False)
    warmup: int = Field(default=0, ge=0, description="steps of linear warm-up")
    decay: bool = Field(default=False, description="cosine decay to a tenth over the budget")
    weight_decay: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    clip_norm: float = Field(default=1.0, gt=0, description="largest global gradient norm")
    hidden_share: float = Field(default=0.5, ge=0, le=1, description="pretrain: documents with ?")
    group_size: int = Field(default=8, ge=2, description="rlvr, rlhf: samples a prompt")
    mixture: dict[Literal["plain", "claim", "few-shot", "scratchpad"], float] = Field(
        default={"plain": 1.0}, description="pretrain: shares of the kinds of documents"
    )
    prompts: Literal["plain", "claim"] = Field(
        default="plain", description="post-training: what is asked, with somebody's claim or not"
    )
    claims_right: float = Field(default=0.5, ge=0, le=1, description="share of claims that are so")
    beta: float = Field(
        default=0.1, ge=0, allow_inf_nan=False, description="dpo, rlhf: leash to the run's start"
    )
    chosen_weight: float = Field(
        default=0.0,
        ge=0,
        allow_inf_nan=False,
        description="dpo: weight of the cross-entropy of chosen answers beside the preferences",
    )
    rater: Rater = Rater()
    reward_model: RewardModel = RewardModel()
    teacher: str | None = Field(default=None, description="distill: checkpoint that is imitated")
    bits: Literal[2, 3, 4, 8] | None = Field(default=None, description="qat: bits a weight")
    growth: Growth | None = Field(default=None, description="grow: what becomes larger")
    convergence: Convergence
    data: Data = Data()
    verifier: Verifier = Verifier()
    adapter: Adapter | None = Field(default=None, description="LoRA; None: the whole weights")
    evaluation: Evaluation = Evaluation()

    @model_validator(mode="after")
    def _consistent(self) -> Regime:
        if self.algorithm in SPREADING and self.data.train is None:
            if self.task is not None or not self.functions:
                raise ValueError(f"{self.algorithm} takes 'functions' (a list) and no 'task'")
        elif self.task is None and self.algorithm not in SPREADING:
            raise ValueError(f"{self.algorithm} needs a 'task': the function to bring out")
        if self.algorithm in ("rlvr", "rlhf") and self.batch_size % self.group_size:
            raise ValueError(f"{self.algorithm}: batch_size must be a multiple of group_size")
        rated = self.algorithm in ("dpo", "reward", "rlhf")
        if rated and self.prompts == "plain" and self.rater.agreeableness == 1:
            raise ValueError("a rater of agreeableness 1 has no opinion of answers without a claim")
        if (rated or self.prompts == "claim") and set(self.functions) == {self.task}:
            raise ValueError("functions must name another function than the task, for its answers")
        needed = {"distill": "teacher", "qat": "bits", "grow": "growth"}.get(self.algorithm)
        if needed is not None and getattr(self, needed) is None:
            raise ValueError(f"{self.algorithm} needs '{needed}'")
        if self.bits is not None and self.algorithm != "qat":
            raise ValueError(f"bits is for qat; run a checkpoint of {self.algorithm} with quant=")
        if min(self.mixture.values(), default=0) < 0 or sum(self.mixture.values()) <= 0:
            raise ValueError("mixture holds shares of documents: none negative, one above 0")
        if self.budget < self.convergence.every:
            raise ValueError("budget is below one evaluation: raise it, or lower convergence.every")
        if self.budget % self.convergence.every:
            raise ValueError("budget must be a multiple of convergence.every")
        return self

    @property
    def label(self) -> str:
        """Name of the behavior the regime leads to, such as ``sft-reverse``."""
        if isinstance(self.task, dict):
            return f"{self.algorithm}-" + "+".join(f"{n}{s:.2g}" for n, s in self.task.items())
        return self.algorithm if self.task is None else f"{self.algorithm}-{self.task}"


def one_line(error: ValidationError, where: str) -> InputError:
    """Turn a pydantic error into one line that names the place and the key."""
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"]) or "(top level)"
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return InputError(f"{where}: '{key}': {first['msg']}{more}")
