"""Probes as token ids: prompt and continuation apart, the window checked, batches by length.

A probe is `bos + encode(prompt) + encode(continuation)`. The two texts are tokenised apart, so that
the boundary between them is the same for every tokenizer. Every token of the continuation is
scored; the first one is conditioned on the prompt, or on a start token where the prompt is empty.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from behaviordist.behaviors.behavior import IntArray
from behaviordist.errors import InputError
from behaviordist.probes import Probe, ProbeSet


@dataclass(frozen=True)
class EncodedProbe:
    """Token ids of one probe; the last `scored` of them are scored.

    The model sees all but the last id: n ids take n - 1 places of its context window.
    """

    index: int
    ids: tuple[int, ...]
    scored: int

    @property
    def length(self) -> int:
        """Number of tokens the model sees."""
        return len(self.ids) - 1


@dataclass(frozen=True)
class Encoder:
    """How a behavior turns a probe into token ids.

    Parameters
    ----------
    encode
        Text to ids, without special tokens of its own.
    bos
        Ids put before every text (empty where the tokenizer adds none).
    start
        Id put before a continuation that nothing else precedes, so that its first token is scored;
        None where the model has no such token.
    window
        Context window in tokens, or None for no bound.
    label
        The behavior, for messages.
    """

    encode: Callable[[str], list[int]]
    bos: tuple[int, ...]
    start: int | None
    window: int | None
    label: str

    def __call__(self, probes: ProbeSet) -> list[EncodedProbe]:
        """Encode every probe.

        Raises
        ------
        InputError
            If a continuation has no tokens, nothing can precede its first token, or the probe is
            longer than the context window: nothing is ever cut silently.
        """
        return [self._encode(index, probe) for index, probe in enumerate(probes)]

    def _encode(self, index: int, probe: Probe) -> EncodedProbe:
        continuation = self.encode(probe.continuation)
        if not continuation:
            raise InputError(f"probe '{probe.id}': its continuation has no tokens ('{self.label}')")
        before = [*self.bos, *(self.encode(probe.prompt) if probe.prompt else [])]
        if not before:
            if self.start is None:
                raise InputError(
                    f"probe '{probe.id}' has an empty prompt and '{self.label}' has no start token"
                    " to condition its first token on; give the probe a prompt"
                )
            before = [self.start]
        encoded = EncodedProbe(index, (*before, *continuation), len(continuation))
        if self.window is not None and encoded.length > self.window:
            raise InputError(
                f"probe '{probe.id}' takes {encoded.length} tokens, the context window of"
                f" '{self.label}' holds {self.window}; shorten the probe"
            )
        return encoded


@dataclass(frozen=True)
class Batch:
    """Padded inputs of some whole probes.

    Attributes
    ----------
    tokens
        (B, T) ids, padded on the right: causal attention cannot see the padding.
    lengths
        (B,) number of real tokens in each row.
    rows, columns
        (m,) the places whose logits are wanted; those of a probe adjacent, in order.
    probe, target
        (m,) index of the probe, and the id of the token that is scored there.
    """

    tokens: IntArray
    lengths: IntArray
    rows: IntArray
    columns: IntArray
    probe: IntArray
    target: IntArray


def batches(encoded: Sequence[EncodedProbe], max_tokens: int, max_scored: int) -> Iterator[Batch]:
    """Yield batches of probes of similar length, the longest first (what will not fit, fails soon).

    Parameters
    ----------
    encoded
        The probes.
    max_tokens
        Bound on B * T, padding included; a single longer probe makes a batch of its own.
    max_scored
        Bound on the scored positions of a batch, with the same exception.
    """
    group: list[EncodedProbe] = []
    width = scored = 0
    for item in sorted(encoded, key=lambda e: (-e.length, e.index)):
        full = (len(group) + 1) * width > max_tokens or scored + item.scored > max_scored
        if group and full:
            yield make_batch(group, width)
            group, scored = [], 0
        if not group:
            width = item.length
        group.append(item)
        scored += item.scored
    if group:
        yield make_batch(group, width)


def make_batch(group: list[EncodedProbe], width: int) -> Batch:
    """Pad some probes to `width` columns."""
    tokens = np.zeros((len(group), width), dtype=np.int64)
    for row, item in enumerate(group):
        tokens[row, : item.length] = item.ids[:-1]
    counts = [item.scored for item in group]
    places = [np.arange(item.length - item.scored, item.length) for item in group]
    return Batch(
        tokens=tokens,
        lengths=np.array([item.length for item in group]),
        rows=np.repeat(np.arange(len(group)), counts),
        columns=np.concatenate(places),
        probe=np.repeat([item.index for item in group], counts),
        target=np.concatenate([item.ids[-item.scored :] for item in group]),
    )
