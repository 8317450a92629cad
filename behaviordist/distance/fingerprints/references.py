"""Reference distributions of the fisher geometry, kept for lookup by probe."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np

from behaviordist.behaviors import Behavior
from behaviordist.distance.checks import check_block
from behaviordist.errors import InputError
from behaviordist.innerproduct.arrays import Float32Array, IntArray
from behaviordist.probes import ProbeSet
from behaviordist.store import digest_of

Reference: TypeAlias = Behavior | Literal["uniform", "mixture"] | None

IN_MEMORY_BYTES = 512 * 2**20


@dataclass(frozen=True, eq=False)
class ReferenceTable:
    """log pi at every position of every probe: one array (positions, V) a probe; none: uniform."""

    label: str
    by_probe: dict[int, Float32Array] = field(default_factory=dict)
    uniform_over: int = 0

    def rows(self, probe: IntArray) -> Float32Array:
        """Return log pi (m, V) at the rows of a block of whole probes.

        Raises
        ------
        InputError
            If a probe has another number of positions than the reference gave.
        """
        if self.uniform_over:
            shape = (len(probe), self.uniform_over)
            return np.full(shape, -np.log(self.uniform_over), dtype=np.float32)
        starts = np.flatnonzero(np.r_[True, probe[1:] != probe[:-1]])
        table = np.concatenate([self.by_probe[int(probe[k])] for k in starts])
        if len(table) != len(probe):
            raise InputError(
                f"reference '{self.label}' scores other positions than a behavior it is compared"
                " with; use a reference with the same tokenizer"
            )
        return table


def reference_identity(reference: Reference, behaviors: Sequence[Behavior]) -> str:
    """Return what fingerprints record: "uniform", the behavior's identity, or a digest of all."""
    if reference == "mixture":
        return "mixture-" + digest_of(sorted(b.identity for b in behaviors))
    if reference is None or isinstance(reference, str):
        return "uniform"
    return reference.identity


def choose_table(
    reference: Reference, behaviors: Sequence[Behavior], probes: ProbeSet
) -> ReferenceTable:
    """Return log pi of a chosen reference, reading the behaviors it is made of once.

    Raises
    ------
    InputError
        If the reference gives a token probability zero, or is no distribution.
    """
    if reference == "mixture":
        return _mixture_table(behaviors, probes)
    if reference is None or isinstance(reference, str):
        return ReferenceTable("uniform", uniform_over=behaviors[0].vocabulary_size)
    return reference_table(reference, probes)


def reference_table(
    reference: Behavior, probes: ProbeSet, *, zeros: bool = False
) -> ReferenceTable:
    """Walk the reference once. Past 512 MiB the rows lie in unnamed temporary files.

    `zeros` allows probabilities of zero.

    Raises
    ------
    InputError
        If the reference gives a token probability zero, or is no distribution.
    """
    by_probe: dict[int, Float32Array] = {}
    held = 0
    for probe, log_p in _whole_probes(reference, probes):
        if not zeros and not np.isfinite(log_p).all():
            raise _no_support(reference.label, probe, probes)
        held += log_p.nbytes
        by_probe[probe] = _room(log_p.shape, held > IN_MEMORY_BYTES)
        by_probe[probe][:] = log_p
    return ReferenceTable(reference.label, by_probe)


def _mixture_table(behaviors: Sequence[Behavior], probes: ProbeSet) -> ReferenceTable:
    """Log of the mean of all behaviors' probabilities; some may be zero, not all."""
    by_probe: dict[int, Float32Array] = {}
    held = 0
    for member in behaviors:
        for probe, log_p in _whole_probes(member, probes):
            if probe not in by_probe:
                held += log_p.nbytes
                by_probe[probe] = _room(log_p.shape, held > IN_MEMORY_BYTES)
                by_probe[probe][:] = 0
            by_probe[probe] += np.exp(log_p)
    for probe, mass in by_probe.items():
        if not mass.min() > 0:
            raise _no_support("mixture", probe, probes)
        np.log(mass / np.float32(len(behaviors)), out=mass)
    return ReferenceTable("mixture", by_probe)


def _no_support(label: str, probe: int, probes: ProbeSet) -> InputError:
    return InputError(
        f"reference '{label}', probe '{probes.probes[probe].id}': a token has probability zero"
        " (top-k, top-p, min-p or underflow); use a reference with full support"
    )


def _whole_probes(behavior: Behavior, probes: ProbeSet) -> Iterator[tuple[int, Float32Array]]:
    """Yield (probe, its log-probabilities (positions, V)), checked."""
    for block in behavior.log_probs(probes):
        check_block(block, behavior.label, probes)
        starts = np.flatnonzero(np.r_[True, block.probe[1:] != block.probe[:-1]])
        for start, rows in zip(starts, np.split(block.log_p, starts[1:]), strict=True):
            yield int(block.probe[start]), rows


def _room(shape: tuple[int, ...], on_disk: bool) -> Float32Array:
    if not on_disk:
        return np.empty(shape, dtype=np.float32)
    # The file has no name: it vanishes with the map, however the process ends.
    with tempfile.TemporaryFile() as file:
        return np.memmap(file, dtype=np.float32, mode="w+", shape=shape)
