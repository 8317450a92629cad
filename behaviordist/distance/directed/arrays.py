"""Directed distances of arrays: exact at every position, on the contexts of the probes.

With one position a probe (a choice among V options) the answer is that token, and the sum over the
vocabulary is the exact KL or overlap of whole answers. With more, KL is the sum over the positions
of the continuation that was scored: contexts are the probes', not the target's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from behaviordist.behaviors import ArrayBehavior, check_comparable
from behaviordist.distance.fingerprints.collector import groups_of
from behaviordist.errors import InputError
from behaviordist.innerproduct.arrays import Float64Array, IntArray
from behaviordist.innerproduct.directed import DirectedMoments, ratio_moments
from behaviordist.probes import ProbeSet


def array_moments(
    sources: Sequence[ArrayBehavior],
    targets: Sequence[ArrayBehavior],
    probes: ProbeSet,
    geometry: str,
    per: str,
) -> tuple[list[DirectedMoments], dict[str, Any]]:
    """Return one column of estimates a target, and what the record says.

    Raises
    ------
    InputError
        Different vocabularies or positions, nats per byte, or an overlap of longer answers.
    """
    check_comparable([*sources, *targets])
    for behavior in (*sources, *targets):
        behavior.check(probes)
        if not np.array_equal(behavior.probe, sources[0].probe):
            raise InputError(
                f"'{behavior.label}' and '{sources[0].label}' hold different positions of probes"
            )
    positions = np.bincount(sources[0].probe, minlength=len(probes)).astype(np.float64)
    if per == "byte":
        raise InputError("arrays do not say which bytes their tokens are: take nats per token")
    if geometry == "overlap" and positions.max() > 1:
        raise InputError("an overlap of answers of several tokens needs more than arrays know")
    sizes = positions if per == "token" else np.ones(len(probes))
    columns = []
    for target in targets:
        target_rows = _rows(target, probes)
        rows = [
            _per_probe(_rows(s, probes), target_rows, s.probe, len(probes), geometry)
            for s in sources
        ]
        columns.append(ratio_moments(np.stack(rows), sizes, groups_of(probes)))
    said = {
        "probe_digest": probes.digest,
        "n_probes": {b.label: len(probes) for b in targets},
        "contexts": "answers" if positions.max() == 1 else "of the probes",
    }
    return columns, said


def _rows(behavior: ArrayBehavior, probes: ProbeSet) -> Float64Array:
    return np.concatenate([b.log_p for b in behavior.log_probs(probes)]).astype(np.float64)


def _per_probe(
    source: Float64Array, target: Float64Array, probe: IntArray, n: int, geometry: str
) -> Float64Array:
    p = np.exp(target)
    if geometry == "overlap":
        each = np.exp(source) * p
    else:
        with np.errstate(invalid="ignore"):
            each = np.where(p > 0, p * (target - source), 0.0)
    return np.asarray(np.bincount(probe, each.sum(axis=1), n), dtype=np.float64)
