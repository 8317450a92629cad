"""Behaviors whose hidden states are in a file: everything that needs log-probabilities, exactly."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from behaviordist.behaviors.behavior import IntArray, LogProbBlock, WithSettings
from behaviordist.behaviors.settings import InferenceSettings
from behaviordist.behaviors.states.head import Head, unpacked
from behaviordist.errors import InputError
from behaviordist.probes import ProbeSet
from behaviordist.store import digest_of

BLOCK_BYTES = 128 * 2**20


@dataclass(frozen=True, eq=False)
class StatesBehavior(WithSettings):
    """A behavior known by its hidden states on one probe set.

    Parameters
    ----------
    label
        What matrices call it.
    settings
        Those it was run with; logit-level ones may be others.
    states
        (n, d) as `head.packed`, in the order of the probes.
    probe
        (n,) probe of each row.
    head
        What makes log-probabilities of them.
    carried
        The probe set.
    digest
        Of the file.
    notes
        What the behavior said of itself, and how exact the states are.
    path
        Of the file, for messages.
    """

    label: str
    settings: InferenceSettings
    states: NDArray[Any]
    probe: IntArray
    head: Head
    carried: ProbeSet
    digest: str
    notes: tuple[str, ...]
    path: Path

    @property
    def identity(self) -> str:
        """Of the file and the settings: rounded states are not quite the model."""
        return digest_of(["states", self.digest, self.settings.canonical])

    @property
    def forward_key(self) -> str:
        """Shared by the same states under other logit-level settings."""
        return digest_of(["states", self.digest])

    @property
    def vocabulary(self) -> str:
        """Digest of the token -> id map."""
        return self.head.vocabulary

    @property
    def vocabulary_size(self) -> int:
        """V."""
        return len(self.head.texts)

    def check(self, probes: ProbeSet) -> None:
        """Refuse probes that it was not run on."""
        if self.carried.digest != probes.digest:
            raise InputError(
                f"'{self.label}' ({self.path}) was measured on other probes"
                f" ('{self.carried.name}', {self.carried.digest[:12]}) than '{probes.name}'"
                f" ({probes.digest[:12]}): leave out --probes, or make its fingerprint again on"
                " these"
            )

    def token_text(self, token: int) -> str:
        """Return the token as text."""
        return self.head.texts[token]

    def forward(self, probes: ProbeSet) -> Iterator[LogProbBlock]:
        """Yield log-probabilities before the logit-level settings, whole probes at a time."""
        self.check(probes)
        matrix = self.head.matrix()
        most = max(1, BLOCK_BYTES // (4 * self.vocabulary_size))
        ends = np.flatnonzero(np.r_[self.probe[1:] != self.probe[:-1], True]) + 1
        start = 0
        while start < len(self.probe):
            fits = ends[(ends > start) & (ends <= start + most)]
            stop = int(fits[-1]) if len(fits) else int(ends[ends > start][0])
            log_p = self.head.log_probs(unpacked(self.states[start:stop]), matrix)
            yield LogProbBlock(self.probe[start:stop], log_p, self._tokens(start, stop))
            start = stop

    def _tokens(self, start: int, stop: int) -> IntArray | None:
        del start, stop
        return None


@dataclass(frozen=True, eq=False)
class TokenStatesBehavior(StatesBehavior):
    """The same, where the scored tokens are known.

    Parameters
    ----------
    token
        (n,) the token that stands at each position.
    starts
        (n,) the byte of its continuation at which each begins, or empty.
    """

    token: IntArray
    starts: IntArray

    def scored_tokens(self, probes: ProbeSet) -> list[tuple[int, ...]]:
        """Return the ids of every continuation."""
        return [tuple(part) for part in self._by_probe(self.token, probes)]

    def token_ids(self) -> Mapping[str, int]:
        """Return token -> id."""
        return {name: index for index, name in enumerate(self.head.names) if name}

    def first_bytes(self) -> IntArray:
        """Return the first byte of every token, (V,).

        Raises
        ------
        InputError
            If the tokens are not known as bytes.
        """
        return self._known(self.head.first)

    def boundaries(self, probes: ProbeSet) -> list[list[int]]:
        """Return the byte of every continuation at which each scored token begins."""
        return self._by_probe(self._known(self.starts), probes)

    def _known(self, places: IntArray) -> IntArray:
        if not len(places):
            raise InputError(
                f"'{self.label}': its tokens are not known as bytes; use --geometry loglik"
            )
        return places

    def _tokens(self, start: int, stop: int) -> IntArray | None:
        return self.token[start:stop]

    def _by_probe(self, values: IntArray, probes: ProbeSet) -> list[list[int]]:
        self.check(probes)
        cuts = np.searchsorted(self.probe, np.arange(1, len(probes)))
        return [part.tolist() for part in np.split(values, cuts)]
