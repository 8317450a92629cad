"""Behaviors given by arrays of log-probabilities: somebody else's model, or a closed form."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from behaviordist.behaviors.behavior import (
    FloatArray,
    IntArray,
    LogProbBlock,
    ShownBehavior,
    WithSettings,
)
from behaviordist.behaviors.settings import InferenceSettings
from behaviordist.errors import InputError
from behaviordist.probes import ProbeSet
from behaviordist.store import digest_of


@dataclass(frozen=True, eq=False, repr=False)
class ArrayBehavior(ShownBehavior, WithSettings):
    """A behavior whose log-probabilities are known.

    Parameters
    ----------
    label
        What matrices call it.
    probe
        (n,) index of the probe that each row belongs to; rows of a probe adjacent, in order.
    log_p
        (n, V) log-probabilities; rows sum to one within 1e-3.
    settings
        Logit-level settings to apply on top; others need a model and are refused.
    vocabulary
        Digest or name of the token -> id map; equal strings are comparable.
    probe_digest
        Digest of the probe set the rows were computed on; checked when given.
    token
        (n,) token that stands at each position, if known.

    Raises
    ------
    InputError
        On wrong shapes, NaN, rows that are not distributions, or settings that need a model.
    """

    label: str
    probe: IntArray
    log_p: FloatArray
    settings: InferenceSettings = InferenceSettings()
    vocabulary: str = "array"
    probe_digest: str | None = None
    token: IntArray | None = None
    forward_key: str = field(init=False)
    identity: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "probe", np.asarray(self.probe, dtype=np.int64))
        object.__setattr__(self, "log_p", np.asarray(self.log_p, dtype=np.float32))
        self._check()
        arrays = [_bytes_digest(array) for array in (self.probe, self.log_p)]
        key = digest_of([self.vocabulary, list(self.log_p.shape), *arrays])
        object.__setattr__(self, "forward_key", key)
        object.__setattr__(self, "identity", digest_of([key, self.settings.canonical]))

    @property
    def vocabulary_size(self) -> int:
        """V."""
        return int(self.log_p.shape[1])

    @property
    def notes(self) -> tuple[str, ...]:
        """None: nothing was computed here."""
        return ()

    def check(self, probes: ProbeSet) -> None:
        """Refuse probes that the arrays were not computed on."""
        if self.probe_digest is not None and self.probe_digest != probes.digest:
            raise InputError(f"'{self.label}' was computed on other probes than '{probes.name}'")
        if set(self.probe.tolist()) != set(range(len(probes))):
            raise InputError(
                f"'{self.label}' holds {len(set(self.probe.tolist()))} probes,"
                f" '{probes.name}' has {len(probes)}"
            )

    def token_text(self, token: int) -> str:
        """Return the token's number: arrays know no texts."""
        return f"#{token}"

    def forward(self, probes: ProbeSet) -> Iterator[LogProbBlock]:
        """Yield the given log-probabilities in one block."""
        self.check(probes)
        yield LogProbBlock(self.probe, self.log_p, self.token)

    def _check(self) -> None:
        if self.log_p.ndim != 2 or self.probe.shape != self.log_p.shape[:1]:
            raise InputError(
                f"'{self.label}': log_p must be (n, V) and probe (n,),"
                f" not {self.log_p.shape} and {self.probe.shape}"
            )
        if self.token is not None and np.shape(self.token) != self.probe.shape:
            raise InputError(f"'{self.label}': token must be (n,), not {np.shape(self.token)}")
        if len(np.flatnonzero(np.diff(self.probe))) + 1 != len(set(self.probe.tolist())):
            raise InputError(f"'{self.label}': rows of one probe must be adjacent")
        with np.errstate(over="ignore"):  # a sum that no float holds is not 1 either
            mass = np.exp(self.log_p.astype(np.float64)).sum(axis=1)
        bad = np.flatnonzero(~(np.abs(mass - 1) < 1e-3))
        if len(bad):
            raise InputError(
                f"'{self.label}': row {bad[0]} of log_p sums to {mass[bad[0]]:.4g}, not 1;"
                " give log-probabilities (natural logarithm), without NaN"
            )
        if self.settings.forward != InferenceSettings():
            raise InputError(
                f"'{self.label}': {self.settings.forward.canonical} needs a model;"
                " arrays take temperature, top_k, top_p, min_p"
            )


def _bytes_digest(array: IntArray | FloatArray) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()
