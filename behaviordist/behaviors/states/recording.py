"""Record hidden states while a behavior is run for something else: one pass serves both."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from behaviordist.behaviors.abilities import GivesStates, NamesTokens, SpellsBytes
from behaviordist.behaviors.behavior import Behavior, IntArray, LogProbBlock, WithSettings
from behaviordist.behaviors.states.head import DTYPES, Head, packed, unpacked
from behaviordist.behaviors.text.token_names import names_by_id
from behaviordist.errors import InputError, did_you_mean
from behaviordist.probes import ProbeSet
from behaviordist.store import digest_of

FEW_TOKENS = 1024
"""Vocabularies up to this size are kept as log-probabilities: they need no head."""
ROWS = 64
LARGEST = 1e-2
"""KL, nats at a position, above which states and head are another behavior than the model. What
types lose lies far below: bfloat16 weights, whose logits are rounded too, about 1e-3."""


@dataclass
class Recorded(WithSettings):
    """A behavior that keeps the hidden states of its passes; all else is the behavior's own.

    Parameters
    ----------
    behavior
        One that `GivesStates`, or of few tokens.
    dtype
        In which states are kept.

    Raises
    ------
    InputError
        If it gives no hidden states, or on an unknown type.
    """

    behavior: Any
    dtype: str = "float16"
    head: Head | None = None
    rows: list[tuple[IntArray, NDArray[Any], IntArray | None]] = field(default_factory=list)
    mean: float = 0.0
    largest: float = 0.0

    def __post_init__(self) -> None:
        if self.dtype not in DTYPES:
            raise InputError(f"states are kept as {did_you_mean(self.dtype, DTYPES)}")
        if not isinstance(self.behavior, GivesStates) and not self.few:
            raise InputError(
                f"'{self.behavior.label}' gives no hidden states; name a model of transformers, or"
                " leave out --states"
            )

    def __getattr__(self, name: str) -> Any:
        if name == "behavior":
            raise AttributeError(name)
        return getattr(self.behavior, name)

    @property
    def few(self) -> bool:
        """Whether log-probabilities are kept in place of states."""
        return 0 < getattr(self.behavior, "vocabulary_size", 0) <= FEW_TOKENS

    @property
    def forward_key(self) -> str:
        """Its own: a pass that another behavior makes is not recorded here."""
        return digest_of([self.behavior.forward_key, "states", self.behavior.label])

    @property
    def done(self) -> bool:
        """Whether a pass was recorded."""
        return self.head is not None

    def forward(self, probes: ProbeSet) -> Iterator[LogProbBlock]:
        """Yield what the behavior's pass yields, and keep the states."""
        rows: list[tuple[IntArray, NDArray[Any], IntArray | None]] = []
        total = largest = 0.0
        head = matrix = None
        for block, states, head in self._pass(probes):
            matrix = head.matrix() if matrix is None else matrix
            kept = packed(states, "float32" if self.few else self.dtype)
            gaps = divergences(block.log_p, head.log_probs(unpacked(kept), matrix))
            if gaps.max() > LARGEST:
                raise InputError(
                    f"'{self.behavior.label}': hidden states kept as {self.dtype} do not give its"
                    f" distributions (KL {gaps.max():.2g} nats at a position): its logits are more"
                    " than a head of its last states; leave out --states"
                )
            total, largest = total + float(gaps.sum()), max(largest, float(gaps.max()))
            rows.append((block.probe, kept, block.token))
            yield block
        self.mean, self.largest = total / sum(len(r[0]) for r in rows), largest
        self.rows, self.head = rows, head

    def forward_rest(self, probes: ProbeSet, done: frozenset[int]) -> Iterator[LogProbBlock]:
        """Yield the whole pass: states are kept of all probes or none."""
        del done
        return self.forward(probes)

    def starts(self, probes: ProbeSet) -> IntArray:
        """Return where in its continuation each token begins; empty where that is not known."""
        if isinstance(self.behavior, SpellsBytes):
            with suppress(InputError):
                return np.concatenate([np.array(s, np.int64) for s in self.boundaries(probes)])
        return np.empty(0, dtype=np.int64)

    def _pass(self, probes: ProbeSet) -> Iterator[tuple[LogProbBlock, Any, Head]]:
        if not self.few:
            yield from self.behavior.forward_states(probes)
            return
        head = plain_head(self.behavior)
        for block in self.behavior.forward(probes):
            yield block, block.log_p, head


def plain_head(behavior: Behavior) -> Head:
    """Return the head of log-probabilities: none."""
    empty = np.empty((0, 0), dtype=np.float32)
    ids = behavior.token_ids() if isinstance(behavior, NamesTokens) else {}
    names = names_by_id(ids, behavior.vocabulary_size)
    texts = tuple(behavior.token_text(t) for t in range(behavior.vocabulary_size))
    first = np.empty(0, dtype=np.int64)
    if isinstance(behavior, SpellsBytes):
        with suppress(InputError):  # its tokens are not known as bytes
            first = np.asarray(behavior.first_bytes(), dtype=np.int64)
    return Head(
        empty, empty[0:0, 0:0].ravel(), 1.0, 0.0, texts, tuple(names), first, behavior.vocabulary
    )


def divergences(log_p: NDArray[np.float32], log_q: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return KL(p || q) of every row, (m,), nats, a few rows at a time in float64.

    Both are normalised anew: what float32 leaves of a sum over a vocabulary is no difference.
    """
    out = np.empty(len(log_p))
    for start in range(0, len(log_p), ROWS):
        part = slice(start, start + ROWS)
        a, b = log_p[part].astype(np.float64), log_q[part].astype(np.float64)
        a -= np.log(np.exp(a).sum(axis=1, keepdims=True))
        b -= np.log(np.exp(b).sum(axis=1, keepdims=True))
        with np.errstate(invalid="ignore"):
            out[part] = np.where(np.isfinite(a), np.exp(a) * (a - b), 0).sum(axis=1)
    return out
