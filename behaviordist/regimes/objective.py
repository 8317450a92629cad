"""What an objective is to an engine: batches drawn on the host, a loss on the device.

An objective is a module of `objectives/`. It must have `draw`, `loss` and `sampled_tokens`; the
rest of `Objective`'s fields have defaults, which `regimes.registry` fills in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from behaviordist.lab import checkpoint
from behaviordist.lab.grammar import DOCUMENT_LENGTH, PROMPT_LENGTH
from behaviordist.lab.llama import LlamaConfig
from behaviordist.regimes.declaration import Distill, Regime

ANSWER_TOKENS = DOCUMENT_LENGTH - PROMPT_LENGTH
"""What is trained on, sampled and verified: the answer and its end marker."""

Batch = dict[str, NDArray[Any]]
"""Named arrays of one optimizer step; the leading axis is the sequence (or the prompt)."""


class Frozen(NamedTuple):
    """What a loss and a score read of one run without training it: reference, reward, teacher.

    Attributes
    ----------
    trees
        Name -> weights. A loss finds them in its batch under these names; no gradient reaches
        them.
    prepared
        Name -> (regime, run) of what was trained to make them: its evidence and its cost belong
        to the run.
    """

    trees: Mapping[str, Any] = {}
    prepared: Mapping[str, tuple[Regime, Any]] = {}


def nothing_frozen(
    regime: Regime, config: LlamaConfig, starts: Sequence[Any], train: Callable[..., Any]
) -> list[Frozen]:
    """Nothing but the weights that are trained."""
    del regime, config, train
    return [Frozen() for _ in starts]


def reference_frozen(
    regime: Regime, config: LlamaConfig, starts: Sequence[Any], train: Callable[..., Any]
) -> list[Frozen]:
    """Freeze the weights that each run starts from, as ``reference``."""
    del regime, config, train
    return [Frozen({"reference": start.params}) for start in starts]


def whole_rows(regime: Regime, context: int) -> int:
    """Tokens of a step that reads one row a sequence."""
    return regime.batch_size * context


def no_frozen_flops(regime: Regime, config: LlamaConfig, context: int) -> float:
    """No frozen model is read."""
    del regime, config, context
    return 0.0


def as_trained(params: Any, hyper: Hyper) -> Any:
    """Run the weights that were trained."""
    del hyper
    return params


@dataclass(frozen=True)
class Objective:
    """The seam between a declared regime and the engine that executes it.

    Attributes
    ----------
    draw
        ``(regime, rng) -> Batch``: the data of one optimizer step.
    loss
        ``(params, config, batch, key, hyper) -> scalar``: `batch` holds what was drawn and the
        frozen trees; `key` drives any sampling.
    sampled_tokens
        ``(regime) -> int``: tokens that a step samples from the model before it trains.
    held_out
        ``(regime) -> tree``: what every run of the regime is scored on.
    evaluate
        ``(params, config, held_out, frozen) -> (len(MEASURES),)``.
    deployed
        ``(params, hyper) -> params``: the weights that are run, and so scored.
    frozen
        ``(regime, config, starts, train) -> [Frozen]``, one a start, made before training;
        `train` is the engine's, for what must be trained first.
    trained_tokens
        ``(regime, context) -> int``: tokens that a step trains on; a row reads `context`.
    frozen_flops
        ``(regime, config, context) -> float``: operations of a step's frozen models.
    SCORE, MEASURES
        What the score is, in words; names of what `evaluate` returns, score and greedy first.
    """

    draw: Callable[[Any, np.random.Generator], Batch]
    loss: Callable[..., Any]
    sampled_tokens: Callable[[Any], int]
    held_out: Callable[[Any], Any]
    evaluate: Callable[[Any, LlamaConfig, Any, Any], Any]
    deployed: Callable[[Any, Hyper], Any] = as_trained
    frozen: Callable[..., list[Frozen]] = nothing_frozen
    trained_tokens: Callable[[Any, int], int] = whole_rows
    frozen_flops: Callable[[Any, LlamaConfig, int], float] = no_frozen_flops
    SCORE: str = "expected exact match on held-out strings"
    MEASURES: tuple[str, ...] = ("score", "greedy")


class Hyper(NamedTuple):
    """The settings of a regime that shape the compiled step; hashable, so a cache key."""

    algorithm: str
    every: int
    clip_norm: float
    weight_decay: float
    group_size: int = 0
    beta: float = 0.0
    bits: int | None = None
    teacher: LlamaConfig | None = None
    chosen_weight: float = 0.0

    @classmethod
    def of(cls, regime: Regime) -> Hyper:
        """Take what the compiled step depends on from a declared regime."""
        read = ("clip_norm", "weight_decay", "group_size", "beta", "bits", "chosen_weight")
        given = {key: getattr(regime, key) for key in read if key in type(regime).model_fields}
        if isinstance(regime, Distill):
            given["teacher"] = checkpoint.load(Path(regime.teacher)).config
        return cls(regime.algorithm, regime.convergence.every, **given)
