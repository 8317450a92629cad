"""What a behavior may be able to do beside `Behavior`: protocols that can be asked, one an ability.

Whatever dispatches on behaviors asks ``isinstance(behavior, Ability)``; a user's own behavior has
an ability when it has the methods, wherever its class comes from. `Resumable` lies beside
`Behavior`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from behaviordist.behaviors.behavior import FloatArray, IntArray, LogProbBlock
from behaviordist.probes import ProbeSet


@runtime_checkable
class GivenRows(Protocol):
    """It is an array of log-probabilities: it can be asked about its own positions alone."""

    label: str
    probe: IntArray
    log_p: FloatArray


@runtime_checkable
class ScoresTokens(Protocol):
    """It says which ids of a probe it scores."""

    def scored_tokens(self, probes: ProbeSet) -> list[tuple[int, ...]]:
        """Return the ids of every continuation, as they are scored."""
        ...


@runtime_checkable
class NamesTokens(ScoresTokens, Protocol):
    """It says which token each id is, too."""

    def token_ids(self) -> Mapping[str, int]:
        """Return token -> id."""
        ...


@runtime_checkable
class GivesStates(Protocol):
    """Its log-probabilities are those of hidden states under one head."""

    def forward_states(self, probes: ProbeSet) -> Iterator[tuple[LogProbBlock, Any, Any]]:
        """Yield the blocks of `forward`, the states (m, d) of their rows, and the `Head`."""
        ...


@runtime_checkable
class SpellsBytes(Protocol):
    """It says which bytes its tokens stand for."""

    def first_bytes(self) -> IntArray:
        """Return the first byte of every token, (V,); 256 for tokens without text."""
        ...

    def boundaries(self, probes: ProbeSet) -> list[list[int]]:
        """Return the byte of every continuation at which each scored token begins."""
        ...


@runtime_checkable
class ScoresTexts(Protocol):
    """It scores whole texts and has no next-token distributions: a model behind a server."""

    def text_log_probs(self, probes: ProbeSet) -> Any:
        """Return log p(continuation | prompt) of every probe, (n_probes,), nats."""
        ...


@runtime_checkable
class Samples(Protocol):
    """It answers prompts."""

    def samples(
        self, probes: ProbeSet, count: int, max_tokens: int = 64, seed: int = 0
    ) -> list[tuple[str, ...]]:
        """Return `count` answers to every probe's prompt."""
        ...


@runtime_checkable
class SamplesInTurn(Protocol):
    """It answers prompts one by one, so that a killed run continues."""

    def samples_rest(
        self,
        probes: ProbeSet,
        count: int,
        max_tokens: int = 64,
        seed: int = 0,
        done: frozenset[int] = frozenset(),
    ) -> Iterator[tuple[int, tuple[str, ...]]]:
        """Yield (index of a probe, its answers), but for those in `done`."""
        ...


@runtime_checkable
class FirstTokens(Protocol):
    """It says the likeliest first tokens of its answers, as servers do."""

    def first_tokens_rest(
        self, probes: ProbeSet, done: frozenset[int] = frozenset()
    ) -> Iterator[tuple[int, dict[str, float]]]:
        """Yield (index of a probe, token -> log-probability, nats), but for those in `done`."""
        ...


@runtime_checkable
class EndsAnswers(Protocol):
    """It answers prompts one by one, and says of each answer whether it ended."""

    def answers_rest(
        self,
        probes: ProbeSet,
        count: int,
        max_tokens: int = 64,
        seed: int = 0,
        done: frozenset[int] = frozenset(),
    ) -> Iterator[tuple[int, tuple[tuple[str, bool], ...]]]:
        """Yield (index of a probe, its answers as (text, ended)), but for those in `done`."""
        ...


@runtime_checkable
class ListsAnswers(Protocol):
    """A few answers carry nearly all its mass, and it can list them."""

    def likely_answers(
        self, probes: ProbeSet, max_tokens: int = 8, done: frozenset[int] = frozenset()
    ) -> Iterator[tuple[int, Sequence[Sequence[Any]]]]:
        """Yield (index of a probe, its likeliest answers as [text, ended, probability])."""
        ...


@runtime_checkable
class ChecksSpelling(Protocol):
    """It says which texts its tokens cannot spell."""

    def cannot_spell(self, text: str) -> bool:
        """Whether some of a text has no token but the one for the unknown."""
        ...


@runtime_checkable
class Encodes(Protocol):
    """It has a tokenizer here."""

    def encoder(self) -> Any:
        """Return the encoder of probes."""
        ...
