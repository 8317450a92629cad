"""What every regime reads, whatever its algorithm; `declaration` has one model an algorithm."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self, get_args

from pydantic import Field, model_validator

from behaviordist.errors import InputError, did_you_mean
from behaviordist.regimes.sections import Adapter, Convergence, Data, Evaluation
from behaviordist.store.artifacts import digest_of
from behaviordist.store.declared import Declared

Algorithm = Literal[
    "pretrain", "continue", "sft", "dpo", "reward", "rlhf", "rlvr", "qat", "distill", "grow"
]
ALGORITHMS: tuple[str, ...] = get_args(Algorithm)
SPREADING = ("pretrain", "continue", "grow")
"""Algorithms that train on the whole language: they take `functions` and no `task`."""

MODELS: dict[str, type[Regime]] = {}
"""Algorithm -> its model, as `declaration` defines them."""


class Regime(Declared):
    """One training algorithm with its data, reward, budget and stopping rule.

    ``Regime(algorithm="sft", ...)`` and ``Regime.model_validate({"algorithm": "sft", ...})`` return
    an `Sft`, and so on for every algorithm: this class holds what all of them read. A converged
    regime *is* a behavior; one that does not converge within `budget` optimizer steps is marked so
    in its checkpoint's provenance.
    """

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
    claims_right: float = Field(default=0.5, ge=0, le=1, description="share of claims that are so")
    convergence: Convergence
    data: Data = Data()
    adapter: Adapter | None = Field(default=None, description="LoRA; None: the whole weights")
    evaluation: Evaluation = Evaluation()

    LAB: ClassVar[tuple[str, ...]] = ("functions", "claims_right")
    """Keys about the lab's grammar: examples from files leave them unread."""

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        """Make a model known under its algorithm."""
        algorithm = cls.model_fields["algorithm"].default
        if isinstance(algorithm, str):
            MODELS[algorithm] = cls

    def __new__(cls, *_: Any, **settings: Any) -> Self:
        """Make the model of the algorithm, as `pathlib.Path` makes that of the system."""
        model = model_of(settings) if cls is Regime else cls
        return super().__new__(model)  # type: ignore[return-value]

    @classmethod
    def model_validate(cls, obj: Any, **options: Any) -> Self:
        """Return the regime of plain values, with the model of its algorithm."""
        if cls is not Regime or isinstance(obj, Regime):
            return super().model_validate(obj, **options)
        if not isinstance(obj, Mapping):
            raise InputError("a regime is a mapping of keys such as algorithm, task, budget")
        return model_of(obj).model_validate(obj, **options)  # type: ignore[return-value]

    @classmethod
    def hint(cls, key: str, known: set[str]) -> str:
        """Say which algorithms read a key that this one does not."""
        algorithm = cls.model_fields["algorithm"].default
        others = [name for name, model in MODELS.items() if key in model.model_fields]
        if others:
            verb = "do" if others[1:] else "does"
            return f"{algorithm} does not read it ({', '.join(others)} {verb})"
        return did_you_mean(key, known)

    @model_validator(mode="after")
    def _consistent(self) -> Regime:
        if self.data.train is not None:
            self.require_default(self.LAB, "is about the lab's grammar, and data.train names files")
            if isinstance(self.task, dict):
                raise ValueError("task: a mixture is of the lab's functions, not of data.train")
        if self.budget < self.convergence.every:
            raise ValueError("budget is below one evaluation: raise it, or lower convergence.every")
        if self.budget % self.convergence.every:
            raise ValueError("budget must be a multiple of convergence.every")
        return self

    def require_default(self, keys: tuple[str, ...], why: str) -> None:
        """Refuse a value that nothing would read."""
        fields = type(self).model_fields
        for key in keys:
            if getattr(self, key) != fields[key].get_default(call_default_factory=True):
                raise ValueError(f"{self.algorithm} does not read '{key}' here: it {why}")

    @property
    def shares(self) -> dict[str, float]:
        """The functions that are brought out, each with its share of the examples; sum 1."""
        if self.task is None:
            return {}
        return self.task if isinstance(self.task, dict) else {self.task: 1.0}

    @property
    def label(self) -> str:
        """Name of the behavior the regime leads to, such as ``sft-reverse``.

        A mixture is named by its largest share and a digest of all: ``sft-copy50-3f2a91``.
        """
        if self.task is None:
            return self.algorithm
        if isinstance(self.task, str):
            return f"{self.algorithm}-{self.task}"
        first = max(self.task, key=lambda name: self.shares[name])
        percent = round(100 * self.task[first])
        return f"{self.algorithm}-{first}{percent}-{digest_of(self.task)[:6]}"


def require_lab(regime: Regime) -> None:
    """Refuse what only engine `trl` reads, where the lab's engine is to execute a regime.

    Raises
    ------
    InputError
        A section about files, adapters, scores or verifiers says something.
    """
    for key in ("data", "adapter", "evaluation", "verifier"):
        field = type(regime).model_fields.get(key)
        if field is not None and getattr(regime, key) != field.default:
            raise InputError(f"{regime.label}: engine jax does not read '{key}' (engine trl does)")


def model_of(settings: Mapping[str, Any]) -> type[Regime]:
    """Return the model of the algorithm that settings name.

    Raises
    ------
    InputError
        They name none, or one that does not exist.
    """
    name = settings.get("algorithm")
    if name is None:
        raise InputError(f"a regime needs an 'algorithm': {', '.join(ALGORITHMS)}")
    if not isinstance(name, str) or name not in MODELS:
        raise InputError(f"unknown algorithm '{name}'; {did_you_mean(str(name), ALGORITHMS)}")
    return MODELS[name]
