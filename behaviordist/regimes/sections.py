"""Sections of a regime: rater, growth, stopping rule; data, verifier, adapter and score."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import Field, field_validator, model_validator

from behaviordist.errors import did_you_mean
from behaviordist.store.declared import Declared
from behaviordist.store.plugins import is_place, plugged

Role = Literal["prompt", "completion", "chosen", "rejected", "answer", "tests", "text", "messages"]


VERIFIERS = ("exact", "numeric", "regex", "python")
"""Verifiers of our own."""


class Data(Declared):
    """Where a regime's examples come from; without files, the lab's grammar written as text.

    A file is JSON lines, JSON, CSV or Parquet; a folder is a data set that ``datasets`` saved;
    anything else is the hub id of a data set, ``NAME`` or ``NAME:SPLIT``. Rows hold the columns of
    their algorithm: ``prompt`` and ``completion``, or ``messages`` (sft, distill, qat); ``text``
    (pretrain, continue); ``prompt``, ``chosen``, ``rejected`` (dpo, reward, rlhf); ``prompt`` with
    ``answer`` or ``tests`` (rlvr).
    """

    train: str | None = None
    held_out: str | None = None
    columns: dict[Role, str] = Field(default={}, description="role -> name of the column")
    chat: bool = Field(default=False, description="prompts are a user's turn in the chat template")
    system: str | None = Field(default=None, description="chat: the system's turn")
    max_length: int = Field(default=512, gt=0, description="tokens a sequence is cut to")
    max_new_tokens: int = Field(default=32, gt=0, description="longest sampled answer")

    @model_validator(mode="after")
    def _both(self) -> Data:
        if (self.train is None) != (self.held_out is None):
            raise ValueError("train and held_out go together: scores need examples of their own")
        return self


class Verifier(Declared):
    """How `rlvr` rewards an answer, and how the score `verifier` does: 1 where it is right.

    ``exact``: the row's answer, blanks around it aside. ``numeric``: the last number in it equals
    the row's answer within `tolerance`. ``regex``: `pattern` matches it whole. ``python``: the
    row's `tests` (code) run to their last statement after the answer's code, in a process of its
    own without network; what exits has not passed, so end unit tests with
    ``assert unittest.main(exit=False).result.wasSuccessful()``. Anything else is a function of
    yours, called with the answer and its row, which returns the reward, 0 to 1.
    """

    kind: Literal["exact", "numeric", "regex", "python"] | str = Field(
        default="exact", description="or a reward of yours: an entry point, or module:function"
    )
    pattern: str | None = None
    tolerance: float = Field(default=1e-6, ge=0, allow_inf_nan=False)
    seconds: float = Field(default=2.0, gt=0, le=60, description="python, regex: time of a sample")
    memory_mb: int = Field(default=256, ge=32, description="python: address space of a sample")
    output_bytes: int = Field(default=65_536, gt=0, description="python: output that is read")

    @field_validator("kind")
    @classmethod
    def _known(cls, kind: str) -> str:
        names = (*VERIFIERS, *plugged("rewards"))
        if kind not in names and not is_place(kind):
            raise ValueError(f"unknown '{kind}'; {did_you_mean(kind, names)}, or module:function")
        return kind

    @model_validator(mode="after")
    def _pattern(self) -> Verifier:
        if (self.kind == "regex") != (self.pattern is not None):
            raise ValueError("regex needs a 'pattern', the other kinds take none")
        try:
            re.compile(self.pattern or "")
        except re.error as error:
            raise ValueError(f"pattern is not a regular expression ({error})") from None
        return self


class Adapter(Declared):
    """LoRA (Hu et al. 2022): what is trained instead of the whole weights."""

    rank: int = Field(default=16, gt=0)
    alpha: float = Field(default=32.0, gt=0, allow_inf_nan=False)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    target_modules: tuple[str, ...] = Field(
        default=("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"),
        min_length=1,
    )


class Evaluation(Declared):
    """What the score of a run is, on held-out examples; always between 0 and 1.

    ``answer``: expected exact match, the probability of the row's whole answer. ``likelihood``:
    geometric mean probability of a token. ``preference``: the probability of the chosen answer over
    that of both, as wholes. ``verifier``: share of greedy answers that the verifier accepts.
    ``reward``: probability that the reward model gives to the row's preference. By default
    ``answer`` for sft, distill and qat, ``likelihood`` for pretrain and continue, ``preference``
    for dpo and rlhf, ``verifier`` for rlvr; on the lab's grammar what the lab's engine measures.
    """

    score: Literal["default", "answer", "likelihood", "preference", "verifier", "reward"] = (
        "default"
    )
    batch_size: int = Field(default=16, gt=0, description="sequences a forward pass")


class Rater(Declared):
    """A simulated rater of answer pairs, for `dpo`, `reward` and `rlhf`.

    It likes the right answer with weight ``1 - agreeableness`` and the answer that agrees with
    the claim in the prompt with weight `agreeableness`; a pair is preferred by the logistic of
    the difference over `temperature` (Bradley and Terry 1952).
    """

    agreeableness: float = Field(default=0.0, ge=0, le=1)
    temperature: float = Field(default=0.25, gt=0, allow_inf_nan=False)


class RewardModel(Declared):
    """How the reward model of `rlhf` is trained before the policy is: from the run's start.

    It is trained until its held-out agreement with the rater is `at_least` this share of the best
    possible model's, twice in a row, or for the whole budget.
    """

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


class Growth(Declared):
    """How a model is made larger; sizes are those after growth, None where unchanged.

    `depth`, `mlp`, `heads`, `width` and `head-width` keep the function to rounding; `stack` and
    `interpolate` do not. See `behaviordist.lab.growth`.
    """

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


class Convergence(Declared):
    """When a regime has converged: a stated level, held for several evaluations in a row.

    The score is the expected exact match on held-out strings: the probability that an answer
    sampled at temperature 1 is right, computed exactly from the model's log-probabilities. With a
    rater (`dpo`, `rlhf`) an answer counts by its utility to the rater, over that of the best one:
    the same where agreeableness is 0. For `reward` it is the expected agreement with the rater
    over the best possible.
    """

    at_least: float = Field(gt=0, le=1, description="score to reach")
    consecutive: int = Field(default=2, ge=1, description="evaluations in a row at that score")
    every: int = Field(default=5, ge=1, description="optimizer steps between evaluations")
    strings: int = Field(default=128, ge=8, description="held-out strings an evaluation uses")


@dataclass(frozen=True)
class Stop:
    """Stop a run when its score reaches `at_least` at `consecutive` evaluations in a row."""

    at_least: float
    consecutive: int = 1

    def met(self, scores: Sequence[float]) -> bool:
        """Whether a curve ends with that many evaluations at the score."""
        last = scores[-self.consecutive :]
        return len(last) == self.consecutive and all(score >= self.at_least for score in last)
