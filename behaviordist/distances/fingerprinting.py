"""Fingerprints of behaviors: walk each behavior's outputs once, feed every geometry."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from behaviordist.behaviors import Behavior, LogProbBlock, check_comparable, shared_log_probs
from behaviordist.distances.checks import check_block, check_support
from behaviordist.distances.references import ReferenceTable, reference_table
from behaviordist.errors import InputError
from behaviordist.innerproduct.fingerprint import EXACT, Fingerprint, Identity
from behaviordist.innerproduct.geometries import Geometry, get_geometry
from behaviordist.innerproduct.sketch import choose_size, position_keys, sketch_rows
from behaviordist.probes import ProbeSet
from behaviordist.store import digest_of, is_finished

Progress = Callable[[str, int, int], None]
FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]


def fingerprint(
    behaviors: Sequence[Behavior],
    probes: ProbeSet,
    geometries: Sequence[str] = ("hellinger",),
    *,
    folder: Path | None = None,
    sketch: int | str | None = "auto",
    reference: Behavior | None = None,
    progress: Progress | None = None,
) -> dict[str, list[Fingerprint]]:
    """Fingerprints of N behaviors in one or more geometries, one walk over each behavior.

    Parameters
    ----------
    behaviors
        Behaviors over one vocabulary.
    probes
        The contexts.
    geometries
        Names (`innerproduct.geometries`).
    folder
        Where fingerprint files are kept. What is finished there is loaded instead of computed.
    sketch
        ``"auto"`` (exact up to 1024 tokens, else D = 64), None (exact), or D.
    reference
        Reference distribution of the `fisher` geometry; default the first behavior.
    progress
        Called with (label, probes done, probes in all) after every block.

    Returns
    -------
    geometry -> fingerprints in the order of `behaviors`.

    Raises
    ------
    InputError
        Unknown geometry, vocabularies that differ, NaN or infinite log-probabilities, rows that do
        not sum to one, or zero probabilities in a geometry that needs full support.
    """
    if not behaviors:
        raise InputError("no behaviors given; at least one is needed")
    chosen = [get_geometry(name) for name in dict.fromkeys(geometries)]
    check_comparable([*behaviors, *([] if reference is None else [reference])])
    reference = behaviors[0] if reference is None else reference
    size = choose_size(sketch, behaviors[0].vocabulary_size)

    found: dict[tuple[str, int], Fingerprint] = {}
    missing: dict[int, list[_Collector]] = {}
    for index, behavior in enumerate(behaviors):
        for geometry in chosen:
            identity = _identity(behavior, probes, geometry, size, reference)
            path = None if folder is None else folder / _file_name(identity)
            if path is not None and is_finished(path, identity.inputs):
                found[geometry.name, index] = _relabelled(Fingerprint.load(path), behavior.label)
            else:
                collector = _Collector(identity, geometry, size, path)
                missing.setdefault(index, []).append(collector)
    _compute(behaviors, probes, missing, found, reference, progress)
    return {g.name: [found[g.name, i] for i in range(len(behaviors))] for g in chosen}


def _compute(
    behaviors: Sequence[Behavior],
    probes: ProbeSet,
    missing: dict[int, list[_Collector]],
    found: dict[tuple[str, int], Fingerprint],
    reference: Behavior,
    progress: Progress | None,
) -> None:
    """Walk the behaviors that lack a fingerprint; each is published as soon as it is whole."""
    collectors = [c for several in missing.values() for c in several]
    if not collectors:
        return
    needed = any(c.geometry.needs_reference for c in collectors)
    table = reference_table(reference, probes) if needed else None
    indices = sorted(missing)
    seen = dict.fromkeys(indices, 0)
    for place, block in shared_log_probs([behaviors[i] for i in indices], probes):
        index = indices[place]
        check_block(block, behaviors[index].label, probes)
        for collector in missing[index]:
            collector.add(block, probes, table)
        seen[index] += len(set(block.probe.tolist()))
        if progress is not None:
            progress(behaviors[index].label, seen[index], len(probes))
        if seen[index] == len(probes):
            for collector in missing.pop(index):
                found[collector.geometry.name, index] = collector.finish(probes)
    if missing:
        label = behaviors[min(missing)].label
        raise InputError(f"behavior '{label}' did not answer every probe of '{probes.name}'")


@dataclass
class _Collector:
    """Gathers the features of one behavior in one geometry, block by block."""

    identity: Identity
    geometry: Geometry
    size: int | None
    path: Path | None
    probe: list[IntArray] = field(default_factory=list)
    features: list[FloatArray] = field(default_factory=list)

    def add(self, block: LogProbBlock, probes: ProbeSet, table: ReferenceTable | None) -> None:
        if self.geometry.full_support:
            check_support(block, self.identity.label, probes, self.geometry)
        reference = None
        if self.geometry.needs_reference and table is not None:
            reference = table.rows(block.probe)
        features = self.geometry.features(block.log_p, reference)
        if self.size is not None:
            keys = position_keys(probes.digest, block.probe, positions(block.probe))
            features = sketch_rows(features, keys, self.size)
        self.probe.append(block.probe)
        self.features.append(features.astype(np.float32))

    def finish(self, probes: ProbeSet) -> Fingerprint:
        """Put the rows into canonical order and publish the file."""
        probe = np.concatenate(self.probe)
        order = np.argsort(probe, kind="stable")
        made = Fingerprint(
            self.identity, np.concatenate(self.features)[order], probe[order], groups_of(probes)
        )
        if self.path is not None:
            made.save(self.path)
        return made


def positions(probe: IntArray) -> IntArray:
    """Position inside its probe of every row of a block (rows of a probe are adjacent)."""
    starts = np.flatnonzero(np.r_[True, probe[1:] != probe[:-1]])
    lengths = np.diff(np.r_[starts, len(probe)])
    return np.arange(len(probe)) - np.repeat(starts, lengths)


def groups_of(probes: ProbeSet) -> IntArray:
    """One number a probe; paraphrases of one another (same `group`) share it."""
    numbers: dict[object, int] = {}
    keys = [("alone", i) if p.group is None else ("group", p.group) for i, p in enumerate(probes)]
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys], dtype=np.int64)


def _identity(
    behavior: Behavior,
    probes: ProbeSet,
    geometry: Geometry,
    size: int | None,
    reference: Behavior,
) -> Identity:
    return Identity(
        label=behavior.label,
        behavior=behavior.identity,
        vocabulary=behavior.vocabulary,
        probe_digest=probes.digest,
        geometry=geometry.name,
        sketch=EXACT if size is None else f"countsketch-{size}",
        reference=reference.identity if geometry.needs_reference else "",
    )


def _file_name(identity: Identity) -> str:
    slug = re.sub(r"[^A-Za-z0-9._-]+", "-", identity.label).strip("-.")[:60] or "behavior"
    return f"{slug}-{identity.geometry}-{digest_of(identity.inputs)[:12]}.safetensors"


def _relabelled(found: Fingerprint, label: str) -> Fingerprint:
    return replace(found, identity=replace(found.identity, label=label))
