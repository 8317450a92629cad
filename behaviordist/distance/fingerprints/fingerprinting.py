"""Fingerprints of behaviors: walk each behavior's outputs once, feed every geometry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from behaviordist.behaviors import (
    Behavior,
    check_comparable,
    check_same_tokens,
    over_common_tokens,
    shared_log_probs,
)
from behaviordist.behaviors.abilities import SpellsBytes
from behaviordist.behaviors.behavior import Resumable
from behaviordist.distance.checks import check_block
from behaviordist.distance.fingerprints.collector import Collector
from behaviordist.distance.fingerprints.headers import about, file_name
from behaviordist.distance.fingerprints.references import (
    Reference,
    choose_table,
    reference_identity,
)
from behaviordist.errors import InputError
from behaviordist.innerproduct.fingerprint import EXACT, Fingerprint, Identity
from behaviordist.innerproduct.geometries import Geometry, get_geometry
from behaviordist.innerproduct.sketch import choose_size
from behaviordist.probes import ProbeSet
from behaviordist.store import is_finished
from behaviordist.store.bars import Progress


@runtime_checkable
class GivesFingerprints(Protocol):
    """A behavior of which fingerprints are there already, and perhaps nothing else."""

    label: str

    def fingerprint_in(self, geometry: str) -> Fingerprint:
        """Return its fingerprint in a geometry, labelled as the behavior is."""
        ...


def fingerprint(
    behaviors: Sequence[Behavior],
    probes: ProbeSet,
    geometries: Sequence[str] = ("hellinger",),
    *,
    folder: Path | None = None,
    sketch: float | str | None = "auto",
    reference: Reference = None,
    dtype: str = "float32",
    licence: str = "",
    progress: Progress | None = None,
) -> dict[str, list[Fingerprint]]:
    """Fingerprints of N behaviors in one or more geometries, one walk over each behavior.

    Parameters
    ----------
    behaviors
        Behaviors over one vocabulary (any vocabularies for ``loglik`` and ``next-byte`` alone).
        Those that are fingerprints themselves (`GivesFingerprints`) give what they hold.
    probes
        The contexts.
    geometries
        Names (`innerproduct.geometries`).
    folder
        Where fingerprint files are kept. What is finished there is loaded instead of computed, and
        what a killed run left of the others is continued at its block.
    sketch
        ``"auto"`` (exact up to 1024 tokens, else D = 64), None (exact), D, or a target: the
        relative error, below 1, that the sketch may add to a squared distance.
    reference
        Reference distribution of the `fisher` geometry: a behavior (default the first one),
        ``"uniform"``, or ``"mixture"`` (the mean of all behaviors' probabilities: symmetric, but a
        function of the set, so that adding a behavior changes every distance).
    dtype
        ``"float32"`` or ``"float16"``: how features are kept.
    licence
        What the files say they may be used under.
    progress
        Called with (label, probes done, probes in all) after every block, and before the first
        one where a killed run is continued.

    Returns
    -------
    geometry -> fingerprints in the order of `behaviors`.

    Raises
    ------
    InputError
        Unknown geometry, vocabularies that differ, NaN or infinite log-probabilities, rows that do
        not sum to one, or zero probabilities in a geometry that needs full support.
    """
    chosen = [get_geometry(name) for name in dict.fromkeys(geometries)]
    behaviors, reference = _check(behaviors, chosen, reference, dtype, probes)
    reference = behaviors[0] if reference is None else reference
    kept: dict[tuple[str, int], Fingerprint] = {}
    missing: dict[int, list[Collector]] = {}
    for index, behavior in enumerate(behaviors):
        for geometry in chosen:
            if isinstance(behavior, GivesFingerprints):
                kept[geometry.name, index] = behavior.fingerprint_in(geometry.name)
                continue
            size = choose_size(sketch, behavior.vocabulary_size, len(probes))
            size = size if geometry.unit == "position" else None
            source = reference_identity(reference, behaviors) if geometry.needs_reference else ""
            identity = _identity(behavior, probes, geometry, size, source)
            name = file_name(behavior.label, geometry.name, [identity.inputs, dtype])
            path = None if folder is None else folder / name
            first, starts = _bytes(behavior, geometry, probes)
            texts = about(behavior, probes, licence)
            collector = Collector(identity, geometry, size, path, dtype, first, texts, starts)
            if path is not None and is_finished(path, collector.inputs):
                loaded = Fingerprint.load(path)
                renamed = replace(loaded.identity, label=behavior.label)
                kept[geometry.name, index] = replace(loaded, identity=renamed)
            else:
                missing.setdefault(index, []).append(collector)
    if missing:
        _compute(behaviors, probes, missing, kept, reference, progress)
    return {g.name: [kept[g.name, i] for i in range(len(behaviors))] for g in chosen}


def _compute(
    behaviors: Sequence[Behavior],
    probes: ProbeSet,
    missing: dict[int, list[Collector]],
    finished: dict[tuple[str, int], Fingerprint],
    reference: Reference,
    progress: Progress | None,
) -> None:
    """Walk the behaviors that lack a fingerprint; each is published as soon as it is whole."""
    needed = any(c.geometry.needs_reference for several in missing.values() for c in several)
    table = choose_table(reference, behaviors, probes) if needed else None
    indices = sorted(missing)
    done = _resumed([behaviors[i] for i in indices], [missing[i] for i in indices])
    seen = {i: len(d) for i, d in zip(indices, done, strict=True)}

    def finish(index: int) -> None:
        for collector in missing[index]:
            finished[collector.geometry.name, index] = collector.finish(probes)
        missing[index] = []  # lets the features go

    for index in (i for i in indices if seen[i]):
        if progress is not None:
            progress(behaviors[index].label, seen[index], len(probes))
        if seen[index] == len(probes):
            finish(index)
    rest = [(i, d) for i, d in zip(indices, done, strict=True) if missing[i]]
    walk = shared_log_probs([behaviors[i] for i, _ in rest], probes, [d for _, d in rest])
    for place, block in walk:
        index = rest[place][0]
        check_block(block, behaviors[index].label, probes)
        for collector in missing[index]:
            collector.add(block, probes, table)
        seen[index] += len(set(block.probe.tolist()))
        if progress is not None:
            progress(behaviors[index].label, seen[index], len(probes))
        if seen[index] == len(probes):
            finish(index)
    for index in indices:
        if seen[index] != len(probes):
            raise InputError(
                f"behavior '{behaviors[index].label}' answered {seen[index]} of the {len(probes)}"
                f" probes of '{probes.name}'"
            )


def _resumed(
    behaviors: Sequence[Behavior], collectors: Sequence[Sequence[Collector]]
) -> list[frozenset[int]]:
    """Take in what a killed run left; return the probes that need no computing, a set a behavior.

    Behaviors that share a forward pass continue together, where the first of them lacks a block.
    """
    done: dict[str, frozenset[int]] = {}
    for behavior, several in zip(behaviors, collectors, strict=True):
        can = isinstance(behavior, Resumable)
        for collector in several:
            kept = collector.keep_parts() if can else frozenset()
            done[behavior.forward_key] = done.get(behavior.forward_key, kept) & kept
    for behavior, several in zip(behaviors, collectors, strict=True):
        for collector in several:
            collector.resume(done[behavior.forward_key])
    return [done[behavior.forward_key] for behavior in behaviors]


def _bytes(
    behavior: Behavior, geometry: Geometry, probes: ProbeSet
) -> tuple[NDArray[np.int64] | None, NDArray[np.int64]]:
    """Return the first byte of every token, and where in its continuation each row's token begins.

    None and nothing where the geometry is not of bytes.
    """
    if geometry.unit != "byte":
        return None, np.empty(0, dtype=np.int64)
    if not isinstance(behavior, SpellsBytes):
        raise InputError(
            f"'{behavior.label}' does not say which bytes its tokens stand for; use --geometry"
            " loglik or samples"
        )
    first = np.asarray(behavior.first_bytes(), dtype=np.int64)
    starts = [np.array(s, dtype=np.int64) for s in behavior.boundaries(probes)]
    return first, np.concatenate(starts)


def _check(
    behaviors: Sequence[Behavior],
    chosen: Sequence[Geometry],
    reference: Reference,
    dtype: str,
    probes: ProbeSet,
) -> tuple[Sequence[Behavior], Reference]:
    """Refuse what cannot be compared; return what is, over the tokens that all share."""
    if not behaviors:
        raise InputError("no behaviors given; at least one is needed")
    if dtype not in ("float32", "float16"):
        raise InputError(f"fingerprints are kept as float32 or float16, not '{dtype}'")
    if isinstance(reference, str) and reference not in ("uniform", "mixture"):
        raise InputError(f"reference is a behavior, 'uniform' or 'mixture', not '{reference}'")
    for geometry in chosen:
        if geometry.unit == "answers":
            raise InputError(
                f"the {geometry.name} geometry takes sampled answers, which have no fingerprint;"
                " use behaviordist.distance.sample_distances"
            )
    if not any(geometry.unit == "position" for geometry in chosen):
        return behaviors, reference
    others = [] if reference is None or isinstance(reference, str) else [reference]
    together = [*behaviors, *others]
    if all(geometry.unit == "position" for geometry in chosen):
        together = over_common_tokens(together)
    else:
        check_comparable(together)
    check_same_tokens(together, probes)
    return together[: len(behaviors)], together[-1] if others else reference


def _identity(
    behavior: Behavior, probes: ProbeSet, geometry: Geometry, size: int | None, reference: str
) -> Identity:
    across = geometry.unit in ("text", "byte")
    return Identity(
        label=behavior.label,
        behavior=behavior.identity,
        vocabulary="" if across else behavior.vocabulary,
        probe_digest=probes.digest,
        geometry=geometry.name,
        sketch=EXACT if size is None else f"countsketch-{size}",
        reference=reference,
    )
