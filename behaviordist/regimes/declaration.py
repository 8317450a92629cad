"""Regimes as data: what a training algorithm is, before anything executes it.

One model an algorithm. A key that the algorithm does not read is refused, whichever engine is to
execute it: what stands in a regime is what its artifacts are digested by.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from behaviordist.regimes.base import ALGORITHMS, MODELS, SPREADING, Algorithm, Regime, model_of
from behaviordist.regimes.sections import (
    GROWTH_SIZES,
    Convergence,
    Growth,
    Rater,
    RewardModel,
    Verifier,
)

__all__ = [
    "ALGORITHMS", "GROWTH_SIZES", "SPREADING", "Algorithm", "AnyRegime", "Continue", "Convergence",
    "Distill", "Dpo", "Grow", "Growth", "Pretrain", "Qat", "Rated", "Rater", "Regime", "Reward",
    "RewardModel", "Rlhf", "Rlvr", "Sft", "Spreading", "Tuning", "Verifier", "recorded",
]  # fmt: skip


class Spreading(Regime):
    """Training on documents of the whole language: `functions` in the lab, texts elsewhere."""

    task: str | None = Field(default=None, description="with files only: a name for what they say")
    hidden_share: float = Field(default=0.5, ge=0, le=1, description="documents with ?")
    mixture: dict[Literal["plain", "claim", "few-shot", "scratchpad"], float] = Field(
        default={"plain": 1.0}, description="shares of the kinds of documents"
    )

    LAB = ("functions", "claims_right", "hidden_share", "mixture")

    @model_validator(mode="after")
    def _documents(self) -> Spreading:
        if self.data.train is None and (self.task is not None or not self.functions):
            raise ValueError(f"{self.algorithm} takes 'functions' (a list) and no 'task'")
        if min(self.mixture.values(), default=0) < 0 or sum(self.mixture.values()) <= 0:
            raise ValueError("mixture holds shares of documents: none negative, one above 0")
        if not self.mixture.get("claim"):
            self.require_default(("claims_right",), "is about claims, and mixture has none")
        return self


class Pretrain(Spreading):
    """Next-token prediction on the whole language."""

    algorithm: Literal["pretrain"] = "pretrain"


class Continue(Spreading):
    """Pre-training that goes on."""

    algorithm: Literal["continue"] = "continue"


class Grow(Spreading):
    """A checkpoint made larger, which then trains on as `continue` does."""

    algorithm: Literal["grow"] = "grow"
    growth: Growth = Field(description="what becomes larger")


class Tuning(Regime):
    """Post-training: one function, or a mixture of several, is brought out.

    `functions` give the answers that are not the task's, all where none is named.
    """

    task: str | dict[str, float] = Field(
        description="function to bring out; sft: or function -> weight, made shares of examples"
    )
    prompts: Literal["plain", "claim"] = Field(
        default="plain", description="what is asked, with somebody's claim or not"
    )
    verifier: Verifier = Verifier()

    LAB: ClassVar[tuple[str, ...]] = ("functions", "claims_right", "prompts")
    MIXES: ClassVar[bool] = False
    """Whether the task may be a mixture."""

    @model_validator(mode="before")
    @classmethod
    def _shares(cls, values: Any) -> Any:
        """Make weights shares in one canonical form: mixtures that are the same look the same."""
        weights = values.get("task") if isinstance(values, Mapping) else None
        if not isinstance(weights, Mapping):
            return values
        algorithm = cls.model_fields["algorithm"].default
        if not cls.MIXES:
            mixing = ", ".join(name for name, m in MODELS.items() if getattr(m, "MIXES", False))
            raise ValueError(f"task: {algorithm} takes one function (mixtures: {mixing})")
        numbers = [w for w in weights.values() if isinstance(w, int | float) and 0 < w < 1e300]
        if not weights or len(numbers) < len(weights):
            raise ValueError("task: a mixture maps functions to weights above 0")
        # Weights of one mixture agree to rounding only, and a mixture is part of a digest.
        shares = {n: round(weights[n] / sum(numbers), 12) for n in sorted(weights, key=str)}
        shares = {name: share for name, share in shares.items() if share}
        return {**values, "task": shares if len(shares) > 1 else next(iter(shares))}

    @model_validator(mode="after")
    def _questions(self) -> Tuning:
        others = isinstance(self, Rated) or self.prompts == "claim"
        if self.prompts == "plain":
            self.require_default(("claims_right",), "is about claims: with prompts: claim only")
        if not others:
            self.require_default(("functions",), "gives other answers: with prompts: claim only")
        if others and set(self.functions) == {self.task}:
            raise ValueError("functions must name another function than the task, for its answers")
        if self.prompts == "claim" and isinstance(self.task, dict):
            raise ValueError("task: a claim is about one function: mixtures need plain prompts")
        if self.algorithm != "rlvr" and self.evaluation.score != "verifier":
            self.require_default(("verifier",), "is for evaluation.score: verifier only")
        return self


class Sft(Tuning):
    """Supervised fine-tuning: cross-entropy on answers."""

    algorithm: Literal["sft"] = "sft"

    MIXES = True


class Qat(Tuning):
    """Supervised fine-tuning of the weights that rounding will leave."""

    algorithm: Literal["qat"] = "qat"
    bits: Literal[2, 3, 4, 8] = Field(description="bits a weight")


class Distill(Tuning):
    """Imitation of a teacher's whole distribution."""

    algorithm: Literal["distill"] = "distill"
    teacher: str = Field(description="checkpoint that is imitated")


def _whole_groups(regime: Any) -> Any:
    if regime.batch_size % regime.group_size:
        raise ValueError(f"{regime.algorithm}: batch_size must be a multiple of group_size")
    return regime


class Rlvr(Tuning):
    """Reinforcement learning with a verifiable reward."""

    algorithm: Literal["rlvr"] = "rlvr"
    group_size: int = Field(default=8, ge=2, description="samples a prompt")

    _groups = model_validator(mode="after")(_whole_groups)


class Rated(Tuning):
    """Learning from a rater's preferences between answers."""

    task: str = Field(description="function to bring out")
    rater: Rater = Rater()

    LAB = ("functions", "claims_right", "prompts", "rater")

    @model_validator(mode="after")
    def _opinion(self) -> Rated:
        if self.prompts == "plain" and self.rater.agreeableness == 1:
            raise ValueError("a rater of agreeableness 1 has no opinion of answers without a claim")
        return self


class Dpo(Rated):
    """Direct preference optimisation."""

    algorithm: Literal["dpo"] = "dpo"
    beta: float = Field(default=0.1, ge=0, allow_inf_nan=False, description="leash to the start")
    chosen_weight: float = Field(
        default=0.0,
        ge=0,
        allow_inf_nan=False,
        description="weight of the cross-entropy of chosen answers beside the preferences",
    )


class Reward(Rated):
    """A reward model from preferences."""

    algorithm: Literal["reward"] = "reward"


class Rlhf(Rated):
    """Reinforcement learning from preferences: reward model first, then the policy."""

    algorithm: Literal["rlhf"] = "rlhf"
    group_size: int = Field(default=8, ge=2, description="samples a prompt")
    beta: float = Field(default=0.1, ge=0, allow_inf_nan=False, description="leash to the start")
    reward_model: RewardModel = RewardModel()

    _groups = model_validator(mode="after")(_whole_groups)


AnyRegime = Annotated[
    Pretrain | Continue | Sft | Dpo | Reward | Rlhf | Rlvr | Qat | Distill | Grow,
    Field(discriminator="algorithm"),
]
"""The discriminated union: what a schema of a file with regimes refers to."""


def recorded(values: Mapping[str, Any]) -> Regime:
    """Return the regime that a record states, such as a checkpoint's ``provenance.json``.

    Records of 0.1.0 list every key of every algorithm; those that this one does not read say
    nothing and are passed over.
    """
    known = model_of(values).model_fields
    return Regime.model_validate({key: value for key, value in values.items() if key in known})
