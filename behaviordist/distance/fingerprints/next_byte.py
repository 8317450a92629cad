"""Distances between next-byte distributions: the positions that all tokenizations share."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from behaviordist.behaviors import Behavior
from behaviordist.behaviors.abilities import SpellsBytes
from behaviordist.errors import InputError
from behaviordist.innerproduct.fingerprint import Fingerprint
from behaviordist.probes import ProbeSet


def check_bytes(behaviors: Sequence[Behavior], probes: ProbeSet) -> None:
    """Refuse, before a model runs, behaviors whose tokens are not known as bytes.

    Raises
    ------
    InputError
        For behaviors behind servers, from arrays or of the lab, tokenizers that do not spell their
        texts, and probes without a position that all tokenizations share.
    """
    starts = {b.label: _boundaries(b, probes) for b in behaviors}
    shared_positions(starts, probes)


def aligned(
    behaviors: Sequence[Behavior], fingerprints: Sequence[Fingerprint], probes: ProbeSet
) -> tuple[list[Fingerprint], dict[str, Any]]:
    """Keep the positions of `next-byte` fingerprints that every behavior has.

    Parameters
    ----------
    behaviors, fingerprints
        N of each, in one order; fingerprints hold a row at every token of the continuations.
    probes
        The set they were made on.

    Returns
    -------
    N fingerprints over the same positions; for the record, their number and each one's tokens.

    Raises
    ------
    InputError
        If a probe has no position that all share.
    """
    starts = {b.label: _boundaries(b, probes) for b in behaviors}
    shared = shared_positions(starts, probes)
    kept = []
    for behavior, fingerprint in zip(behaviors, fingerprints, strict=True):
        mine = [
            np.isin(places, common)
            for places, common in zip(starts[behavior.label], shared, strict=True)
        ]
        rows = np.flatnonzero(np.concatenate(mine))
        features = np.asarray(fingerprint.features)[rows]
        kept.append(
            dataclasses.replace(fingerprint, features=features, probe=fingerprint.probe[rows])
        )
    tokens = {label: sum(map(len, places)) for label, places in starts.items()}
    return kept, {"positions": sum(map(len, shared)), "tokens": tokens}


def shared_positions(starts: dict[str, list[list[int]]], probes: ProbeSet) -> list[list[int]]:
    """Return, for every probe, the bytes of its continuation at which all tokenizations have a cut.

    Raises
    ------
    InputError
        Naming the first probe that has none.
    """
    shared = []
    for index, probe in enumerate(probes):
        common = set.intersection(*(set(places[index]) for places in starts.values())) - {-1}
        if not common:
            raise InputError(
                f"probe '{probe.id}': its continuation has no place where the tokens of"
                f" {', '.join(starts)} all begin; lengthen it, or use --geometry loglik"
            )
        shared.append(sorted(common))
    return shared


def _boundaries(behavior: Behavior, probes: ProbeSet) -> list[list[int]]:
    if not isinstance(behavior, SpellsBytes):
        raise InputError(
            f"'{behavior.label}' does not say which bytes its tokens stand for (servers, arrays and"
            " lab checkpoints do not); use --geometry loglik or samples"
        )
    return behavior.boundaries(probes)
