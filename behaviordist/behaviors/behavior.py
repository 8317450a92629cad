"""What a behavior is to the rest of the library: a function from probes to log-probabilities."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from behaviordist.behaviors.settings import InferenceSettings
from behaviordist.errors import InputError
from behaviordist.probes import ProbeSet
from behaviordist.store.shown import html_table

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class LogProbBlock:
    """Next-token log-probabilities at all positions of some whole probes.

    Parameters
    ----------
    probe
        (m,) index into the probe set of the probe that each row belongs to. The rows of a probe
        are adjacent, its positions in order; the probes come in any order.
    log_p
        (m, V) float32, normalised; -inf where a setting removed the token.
    token
        (m,) the token of the continuation that stands at each position, where the source knows it.
    """

    probe: IntArray
    log_p: FloatArray
    token: IntArray | None = None


class WithSettings:
    """What a behavior says under its settings, out of what its pass says without them."""

    def log_probs(self: Any, probes: ProbeSet) -> Iterator[LogProbBlock]:
        """Yield the behavior's log-probabilities, after the logit-level settings."""
        for block in self.forward(probes):
            yield with_settings(block, self.settings)


class ShownBehavior:
    """What a behavior made with ``repr=False`` shows of itself: one line, and a small table."""

    def __repr__(self: Any) -> str:
        return f"{type(self).__name__}('{self.label}', {self.vocabulary_size} tokens)"

    def _repr_html_(self: Any) -> str:
        rows = [
            ("settings", self.settings.canonical or "none"),
            ("vocabulary", f"{self.vocabulary_size} tokens"),
            ("identity", self.identity),
            *(("note", note) for note in self.notes),
        ]
        return html_table(self.label, ("", "value"), rows)


class Behavior(Protocol):
    """A checkpoint and the settings it is run with.

    Attributes
    ----------
    label
        What matrices call it.
    identity
        Digest of the checkpoint's bytes and the settings.
    forward_key
        Equal for behaviors that differ in logit-level settings only: they share a forward pass.
    vocabulary
        Digest of the token -> id map; behaviors with equal digests are comparable.
    vocabulary_size
        V, the width of the log-probabilities.
    notes
        Sentences that a report should carry: what is simulated, what could not be checked.

    Notes
    -----
    A behavior whose passes take long may be `Resumable` too.

    Examples
    --------
    >>> import numpy as np, behaviordist as bd
    >>> from behaviordist.behaviors import ArrayBehavior  # one of those that `load` gives
    >>> coin = ArrayBehavior("coin", probe=[0], log_p=np.log([[0.5, 0.5]]))
    >>> coin.label, coin.vocabulary_size
    ('coin', 2)
    """

    @property
    def label(self) -> str: ...
    @property
    def settings(self) -> InferenceSettings: ...
    @property
    def identity(self) -> str: ...
    @property
    def forward_key(self) -> str: ...
    @property
    def vocabulary(self) -> str: ...
    @property
    def vocabulary_size(self) -> int: ...
    @property
    def notes(self) -> tuple[str, ...]: ...

    def check(self, probes: ProbeSet) -> None:
        """Raise the InputError that `forward` would raise for these probes, without running."""
        ...

    def token_text(self, token: int) -> str:
        """Return a token as text, for people."""
        ...

    def forward(self, probes: ProbeSet) -> Iterator[LogProbBlock]:
        """Yield log-probabilities before the logit-level settings; then free the model."""
        ...

    def log_probs(self, probes: ProbeSet) -> Iterator[LogProbBlock]:
        """Yield the behavior's log-probabilities at every position of every probe."""
        ...


@runtime_checkable
class Resumable(Protocol):
    """What a behavior has whose pass can be continued."""

    def forward_rest(self, probes: ProbeSet, done: frozenset[int]) -> Iterator[LogProbBlock]:
        """Yield the blocks of `forward` that hold a probe whose index is not in `done`."""
        ...


def shared_log_probs(
    behaviors: Sequence[Behavior],
    probes: ProbeSet,
    done: Sequence[frozenset[int]] | None = None,
) -> Iterator[tuple[int, LogProbBlock]]:
    """Yield (index of the behavior, block) for all behaviors, one forward pass per `forward_key`.

    Equals calling `log_probs` on each of them; blocks of behaviors that share a pass interleave.
    `done` says, for every behavior, which probes are not needed any more (the same where a pass is
    shared); those that have no `forward_rest` give them all the same.
    """
    groups: dict[str, list[int]] = {}
    for index, behavior in enumerate(behaviors):
        groups.setdefault(behavior.forward_key, []).append(index)
    for members in groups.values():
        first, ready = behaviors[members[0]], done[members[0]] if done else frozenset()
        blocks = (
            cast(Resumable, first).forward_rest(probes, ready) if ready else first.forward(probes)
        )
        for block in blocks:
            if ready:  # other batch sizes than those of the run that was killed
                block = without(block, ready)
            for index in members:
                yield index, with_settings(block, behaviors[index].settings)


def without(block: LogProbBlock, done: frozenset[int]) -> LogProbBlock:
    """Return the block without the rows of some probes."""
    left = ~np.isin(block.probe, list(done))
    if left.all():
        return block
    token = None if block.token is None else block.token[left]
    return LogProbBlock(block.probe[left], block.log_p[left], token)


def with_settings(block: LogProbBlock, settings: InferenceSettings) -> LogProbBlock:
    """Apply the logit-level settings to a block."""
    return LogProbBlock(block.probe, settings.apply(block.log_p), block.token)


def check_comparable(behaviors: Sequence[Behavior]) -> None:
    """Refuse behaviors whose next-token distributions are over different vocabularies.

    Raises
    ------
    InputError
        Naming the first two that differ, and the geometries that work across tokenizers.
    """
    first = behaviors[0]
    for other in behaviors[1:]:
        same = other.vocabulary == first.vocabulary
        if not same or other.vocabulary_size != first.vocabulary_size:
            how = (
                f"vocabularies of {first.vocabulary_size} and {other.vocabulary_size} tokens"
                if other.vocabulary_size != first.vocabulary_size
                else f"different token ids in vocabularies of {first.vocabulary_size}"
            )
            raise InputError(
                f"'{first.label}' and '{other.label}' have {how}: next-token distributions cannot"
                " be compared; compare models that share a tokenizer, or use a geometry that works"
                " across tokenizers (next-byte, loglik, samples)"
            )
