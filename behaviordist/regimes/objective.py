"""What an objective is to an engine: batches drawn on the host, a loss on the device."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from behaviordist.lab.grammar import DOCUMENT_LENGTH, PROMPT_LENGTH
from behaviordist.lab.llama import LlamaConfig
from behaviordist.regimes.declaration import Regime

ANSWER_TOKENS = DOCUMENT_LENGTH - PROMPT_LENGTH
"""What is trained on, sampled and verified: the answer and its end marker."""

Batch = dict[str, NDArray[Any]]
"""Named arrays of one optimizer step; the leading axis is the sequence (or the prompt)."""


class Objective(Protocol):
    """The seam between a declared regime and the engine that executes it."""

    def draw(self, regime: Regime, rng: np.random.Generator) -> Batch:
        """Draw the data of one optimizer step."""
        ...

    def loss(
        self, params: Any, config: LlamaConfig, batch: dict[str, Any], key: Any, hyper: Hyper
    ) -> Any:
        """Return the scalar loss (a JAX value) of one batch; `key` drives any sampling."""
        ...

    def sampled_tokens(self, regime: Regime) -> int:
        """Tokens that one step generates before it trains (0 where data is given)."""
        ...


class Hyper(NamedTuple):
    """The settings of a regime that shape the compiled step; hashable, so a cache key."""

    algorithm: str
    every: int
    clip_norm: float
    weight_decay: float
    group_size: int
    bits: int | None = None

    @classmethod
    def of(cls, regime: Regime) -> Hyper:
        """Take what the compiled step depends on from a declared regime."""
        return cls(
            regime.algorithm,
            regime.convergence.every,
            regime.clip_norm,
            regime.weight_decay,
            regime.group_size,
            regime.bits,
        )
