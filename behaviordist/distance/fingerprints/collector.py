"""Gather the features of one behavior in one geometry, block by block."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from behaviordist.behaviors import LogProbBlock
from behaviordist.distance.checks import check_support
from behaviordist.distance.fingerprints.headers import probes_to_bytes
from behaviordist.distance.fingerprints.parts import Parts
from behaviordist.distance.fingerprints.references import ReferenceTable
from behaviordist.errors import InputError
from behaviordist.innerproduct.arrays import IntArray
from behaviordist.innerproduct.fingerprint import Fingerprint, Identity
from behaviordist.innerproduct.geometries import Geometry, without_full_support
from behaviordist.innerproduct.sketch import position_keys, sketch_rows
from behaviordist.probes import Probe, ProbeSet
from behaviordist.store.journal import Journal


@dataclass
class Collector:
    """Features of one behavior in one geometry.

    Parameters
    ----------
    identity
        Of the fingerprint to be.
    geometry
        Its feature map.
    size
        D of the sketch, or None for exact features.
    path
        File to publish, or None.
    dtype
        Of the features kept.
    first
        (V,) the first byte of every token, where the geometry is of bytes.
    about, starts
        As of the fingerprint to be.
    """

    identity: Identity
    geometry: Geometry
    size: int | None
    path: Path | None
    dtype: str = "float32"
    first: IntArray | None = None
    about: Mapping[str, str] = field(default_factory=dict)
    starts: IntArray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    parts: Parts | None = None
    probe: list[IntArray] = field(default_factory=list)
    features: list[NDArray[np.floating]] = field(default_factory=list)

    @property
    def inputs(self) -> dict[str, str]:
        """What the file depends on."""
        licence = self.about.get("licence")
        named = {"licence": licence} if licence else {}
        return {**self.identity.inputs, "dtype": self.dtype, **named}

    def keep_parts(self) -> frozenset[int]:
        """From now on keep what is computed; return the probes that a killed run has kept."""
        if self.path is None:
            return frozenset()
        self.parts = Parts(Journal.beside(self.path, self.inputs))
        return frozenset(int(p) for probe, _ in self.parts.load() for p in probe)

    def resume(self, done: frozenset[int]) -> None:
        """Take in what was kept of these probes."""
        if self.parts is None or not done:
            return
        for probe, features in self.parts.load():
            mine = np.isin(probe, list(done))
            self.probe.append(probe[mine])
            self.features.append(features[mine])

    def add(self, block: LogProbBlock, probes: ProbeSet, table: ReferenceTable | None) -> None:
        """Take a block of whole probes in.

        Raises
        ------
        InputError
            On zero probabilities where log p is needed, or unknown tokens where texts are scored.
        """
        if self.geometry.full_support:
            check_support(block, self.identity.label, probes, self.geometry)
        if self.geometry.unit == "text":
            features = self._texts(block, probes)
        elif self.geometry.unit == "byte":
            features = self.geometry.features(block.log_p, self.first)
        else:
            features = self._positions(block, probes, table)
        self.probe.append(np.asarray(block.probe))
        self.features.append(features.astype(self.dtype))
        if self.parts is not None:
            self.parts.add(self.probe[-1], self.features[-1])

    def finish(self, probes: ProbeSet) -> Fingerprint:
        """Put the rows into canonical order, and publish the file."""
        probe = np.concatenate(self.probe)
        order = np.argsort(probe, kind="stable")
        features = np.concatenate(self.features)[order]
        if self.geometry.unit == "text":
            probe, starts = np.unique(probe[order], return_index=True)
            features = np.add.reduceat(features.astype(np.float64), starts).astype(self.dtype)
        else:
            probe = probe[order]
        if not np.isfinite(features).all():
            raise InputError(
                f"behavior '{self.identity.label}': features overflow {self.dtype};"
                " keep them as float32"
            )
        fingerprint = Fingerprint(
            self.identity,
            features,
            probe,
            groups_of(probes),
            about=self.about,
            probes=probes_to_bytes(probes),
            starts=self.starts,
        )
        if self.path is not None:
            fingerprint.save(self.path, self.inputs)
        if self.parts is not None:
            self.parts.journal.clear()
        return fingerprint

    def _positions(
        self, block: LogProbBlock, probes: ProbeSet, table: ReferenceTable | None
    ) -> NDArray[np.floating]:
        reference = None
        if self.geometry.needs_reference and table is not None:
            reference = table.rows(block.probe)
        features = self.geometry.features(block.log_p, reference)
        if self.size is None:
            return features
        keys = position_keys(probes.digest, block.probe, positions(block.probe))
        return sketch_rows(features, keys, self.size)

    def _texts(self, block: LogProbBlock, probes: ProbeSet) -> NDArray[np.floating]:
        if block.token is None:
            raise InputError(
                f"behavior '{self.identity.label}' does not say which tokens its texts consist of;"
                f" the {self.geometry.name} geometry needs them"
            )
        nats = self.geometry.features(block.log_p, block.token)
        impossible = np.flatnonzero(~np.isfinite(nats[:, 0]))
        if len(impossible):
            probe = probes.probes[int(block.probe[impossible[0]])].id
            raise InputError(
                f"behavior '{self.identity.label}', probe '{probe}': its text has probability zero"
                " (top-k, top-p or min-p), and log p does not exist; score without truncation, or"
                f" use {' or '.join(without_full_support())}"
            )
        return nats


def positions(probe: IntArray) -> IntArray:
    """Position inside its probe of every row of a block (rows of a probe are adjacent)."""
    starts = np.flatnonzero(np.r_[True, probe[1:] != probe[:-1]])
    lengths = np.diff(np.r_[starts, len(probe)])
    return np.arange(len(probe)) - np.repeat(starts, lengths)


def groups_of(probes: Iterable[Probe]) -> IntArray:
    """One number a probe; paraphrases of one another (same `group`) share it."""
    return numbered(("alone", i) if p.group is None else p.group for i, p in enumerate(probes))


def numbered(names: Iterable[Hashable]) -> IntArray:
    """Return the number of each name, in the order in which they first stand."""
    numbers: dict[Hashable, int] = {}
    return np.array([numbers.setdefault(name, len(numbers)) for name in names], dtype=np.int64)
