"""Models of one tokenizer whose embeddings differ: padded to other widths, or with added tokens.

Qwen2.5 has 151,936 rows up to 3B and 152,064 above, 151,665 of them in use by the same tokens; a
fine-tuned model may have `<think>` or a padding token beside those of its base. Such behaviors are
compared over the ids that mean the same in all of them: each distribution is cut to these and
renormalised, which is the distribution given that one of them comes. What is cut off is counted,
and refused where it is more than `LARGEST_LOSS` of a probe.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from behaviordist.behaviors.abilities import NamesTokens, ScoresTokens
from behaviordist.behaviors.behavior import (
    Behavior,
    IntArray,
    LogProbBlock,
    Resumable,
    ShownBehavior,
    WithSettings,
    check_comparable,
)
from behaviordist.behaviors.settings import InferenceSettings, log_softmax
from behaviordist.behaviors.text.token_names import names_by_id
from behaviordist.errors import InputError
from behaviordist.probes import ProbeSet
from behaviordist.store import digest_of

# Largest mean probability, over the positions of a probe, on tokens that the others lack.
LARGEST_LOSS = 0.01
# Below this share of the smaller vocabulary in common, two tokenizers are two tokenizers.
LEAST_COMMON = 0.95


@dataclass(frozen=True, eq=False, repr=False)
class CommonTokens(ShownBehavior, WithSettings):
    """A behavior over the tokens that it shares with others; all else is the behavior's own.

    Parameters
    ----------
    inner
        The behavior.
    common
        (K,) the ids that are kept, in order.
    vocabulary
        Digest of the common tokens and their ids.
    lost
        Filled as it is run: for each probe, the mean probability that was cut off.
    """

    inner: Any  # a behavior that `NamesTokens`
    common: IntArray
    vocabulary: str
    lost: dict[int, float] = field(default_factory=dict)

    def __getattr__(self, name: str) -> Any:
        if name in ("inner", "common", "vocabulary", "lost"):
            raise AttributeError(name)
        return getattr(self.inner, name)

    @property
    def settings(self) -> InferenceSettings:
        return self.inner.settings  # type: ignore[no-any-return]

    @property
    def vocabulary_size(self) -> int:
        return len(self.common)

    @property
    def forward_key(self) -> str:
        return digest_of([self.inner.forward_key, self.vocabulary])

    @property
    def notes(self) -> tuple[str, ...]:
        width = self.inner.vocabulary_size
        note = f"compared over the {len(self.common):,} tokens that all share, of {width:,}"
        if self.lost:
            mean, most = float(np.mean(list(self.lost.values()))), max(self.lost.values())
            note += f"; dropped: {mean:.2g} of the probability, at most {most:.2g} of a probe's"
        else:
            note += f"; at most {LARGEST_LOSS:.0%} of a probe's probability is dropped"
        return (*self.inner.notes, note)

    def check(self, probes: ProbeSet) -> None:
        """Refuse what the behavior refuses, and texts with a token that the others lack."""
        self.inner.check(probes)
        for probe, ids in zip(probes, self.scored_tokens(probes), strict=True):
            strange = np.setdiff1d(ids, self.common)
            if len(strange):
                text = self.inner.token_text(int(strange[0]))
                raise InputError(
                    f"probe '{probe.id}' scores the token {text!r} of '{self.inner.label}', which"
                    " the others lack; leave the probe out"
                )

    def scored_tokens(self, probes: ProbeSet) -> list[tuple[int, ...]]:
        """Return the ids of every continuation, among all tokens of the behavior's own."""
        return list(self.inner.scored_tokens(probes))

    def token_text(self, token: int) -> str:
        """Return the text of the token at this place among the common ones."""
        return str(self.inner.token_text(int(self.common[token])))

    def forward(self, probes: ProbeSet) -> Iterator[LogProbBlock]:
        """Yield log-probabilities of the common tokens, before the logit-level settings."""
        return self._cut(self.inner.forward(probes), probes)

    def forward_rest(self, probes: ProbeSet, done: frozenset[int]) -> Iterator[LogProbBlock]:
        """Yield the same blocks, but for those all of whose probes are in `done`."""
        if not isinstance(self.inner, Resumable):
            return self.forward(probes)
        return self._cut(self.inner.forward_rest(probes, done), probes)

    def _cut(self, blocks: Iterator[LogProbBlock], probes: ProbeSet) -> Iterator[LogProbBlock]:
        for block in blocks:
            if len(self.common) == block.log_p.shape[1]:  # nothing is cut off
                self.lost.update(dict.fromkeys(block.probe.tolist(), 0.0))
                yield block
                continue
            log_p = block.log_p[:, self.common]
            kept = np.exp(log_p).sum(axis=1, dtype=np.float64)
            for index in dict.fromkeys(block.probe.tolist()):
                self._count(index, float(1 - kept[block.probe == index].mean()), probes)
            token = None if block.token is None else np.searchsorted(self.common, block.token)
            yield LogProbBlock(block.probe, log_softmax(log_p), token)

    def _count(self, index: int, lost: float, probes: ProbeSet) -> None:
        self.lost[index] = max(0.0, lost)
        if lost > LARGEST_LOSS:
            raise InputError(
                f"'{self.inner.label}', probe '{probes.probes[index].id}': {lost:.1%} of the"
                " probability lies on tokens that the others lack (at most"
                f" {LARGEST_LOSS:.0%}): next-token distributions cannot be compared; use a geometry"
                " that works across tokenizers (next-byte, loglik, samples)"
            )


def over_common_tokens(behaviors: Sequence[Behavior]) -> list[Behavior]:
    """Return behaviors that can be compared token by token: as they are, or over common tokens.

    Raises
    ------
    InputError
        If they are of different tokenizers; see `check_comparable`.
    """
    kinds = {(b.vocabulary, b.vocabulary_size) for b in behaviors}
    inner: list[Any] = [getattr(b, "inner", b) for b in behaviors]
    if len(kinds) < 2 or not all(isinstance(b, NamesTokens) for b in inner):
        check_comparable(behaviors)
        return list(behaviors)
    width = min(b.vocabulary_size for b in inner)
    names = [np.array(names_by_id(b.token_ids(), b.vocabulary_size), object) for b in inner]
    same = np.all([n[:width] == names[0][:width] for n in names[1:]], axis=0)
    common = np.flatnonzero(same)
    shared = np.count_nonzero(names[0][common] != "")
    if shared < LEAST_COMMON * min(np.count_nonzero(n != "") for n in names):
        check_comparable(behaviors)
    digest = digest_of([common.tolist(), names[0][common].tolist()])
    return [CommonTokens(b, common, digest) for b in inner]


def check_same_tokens(behaviors: Sequence[Behavior], probes: ProbeSet) -> None:
    """Refuse behaviors that cut the texts into different tokens, whatever their vocabularies.

    Raises
    ------
    InputError
        Naming the first probe, and the geometries that work across tokenizers.
    """
    able = [(b.label, b.scored_tokens(probes)) for b in behaviors if isinstance(b, ScoresTokens)]
    if len(able) < 2:
        return
    first, *others = able
    for label, ids in others:
        for probe, mine, theirs in zip(probes, first[1], ids, strict=True):
            if tuple(mine) != tuple(theirs):
                raise InputError(
                    f"probe '{probe.id}': '{first[0]}' and '{label}' cut its continuation into"
                    f" different tokens ({len(mine)} and {len(theirs)}), so that their next-token"
                    " distributions cannot be compared; use a geometry that works across tokenizers"
                    " (next-byte, loglik, samples)"
                )
