"""Noise floors: how far apart the same thing lies when it is done again.

A floor is a mean squared distance between fingerprints that a user holds to be the same: the same
weights in another dtype, on another engine, the same regime with another seed, or the same prompt
in other words. A distance whose interval reaches down to the floor says nothing about the
behaviors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np

from behaviordist.distance.matrix import DistanceMatrix
from behaviordist.errors import InputError
from behaviordist.innerproduct.fingerprint import EXACT, Fingerprint
from behaviordist.innerproduct.pairs import pair_moments


@dataclass(frozen=True)
class NoiseFloor:
    """A squared distance between things held to be the same.

    Parameters
    ----------
    name
        What was done again: "dtype", "engine", "seed", "paraphrase", ...
    squared
        Mean squared distance, in the geometry's units.
    standard_error
        Of `squared`: over probes within pairs and between pairs, or over groups of paraphrases;
        NaN where it cannot be known.
    n
        Pairs of fingerprints, or groups.
    """

    name: str
    squared: float
    standard_error: float
    n: int

    @property
    def distance(self) -> float:
        """The floor as a distance, sqrt(squared)."""
        return float(np.sqrt(max(self.squared, 0.0)))


def repeat_floor(name: str, pairs: Sequence[tuple[Fingerprint, Fingerprint]]) -> NoiseFloor:
    """Floor from pairs of fingerprints of the same behavior: another dtype, engine or seed.

    Raises
    ------
    InputError
        On no pairs, or fingerprints that cannot be mixed.
    """
    if not pairs:
        raise InputError(f"the floor '{name}' needs at least one pair of fingerprints")
    moments = [pair_moments(pair) for pair in pairs]
    squared = np.array([m.squared[0, 1] for m in moments])
    within = float(np.mean([m.squared_standard_errors[0, 1] ** 2 for m in moments]))
    # Pairs share the probes: that part of the error does not shrink with more pairs.
    between = float(squared.var(ddof=1) / len(squared)) if len(squared) > 1 else 0.0
    return NoiseFloor(name, float(squared.mean()), float(np.sqrt(within + between)), len(pairs))


def paraphrase_floor(fingerprint: Fingerprint) -> NoiseFloor:
    """Floor from paraphrases: how far one behavior's answers to one prompt in other words lie.

    Compares the positions of the probes of a group one by one, so that their continuations must be
    the same; groups whose probes have different numbers of positions are left out.

    Raises
    ------
    InputError
        On sketched features (each probe has its own hash: only exact ones compare across probes),
        or if no group has two probes with equally many positions.
    """
    if fingerprint.identity.sketch != EXACT:
        raise InputError(
            "the paraphrase floor compares different probes, which sketches cannot;"
            " make the fingerprint with sketch=None"
        )
    values = []
    for group in np.unique(fingerprint.group):
        members = np.flatnonzero(fingerprint.group == group)
        rows = [np.flatnonzero(fingerprint.probe == probe) for probe in members]
        if len(members) < 2 or len({len(r) for r in rows}) > 1:
            continue
        features = np.array([fingerprint.features[r] for r in rows], dtype=np.float64)
        # Mean over pairs of ||x - y||^2 = 2 m / (m - 1) * mean ||x - mean||^2.
        spread = np.sum((features - features.mean(axis=0)) ** 2, axis=2).mean()
        values.append(2 * len(members) / (len(members) - 1) * spread)
    if not values:
        raise InputError(
            "no paraphrases to take a floor from: give probes that share a 'group' and a"
            " continuation"
        )
    n = len(values)
    error = float(np.std(values, ddof=1) / np.sqrt(n)) if n > 1 else float("nan")
    return NoiseFloor("paraphrase", float(np.mean(values)), error, n)


def with_floors(matrix: DistanceMatrix, floors: Sequence[NoiseFloor]) -> DistanceMatrix:
    """Return the matrix with the largest of some floors, all of them recorded in its metadata.

    Pairs that do not lie above it, beyond the errors of both, are not `apart` (`matrix.states`).

    Raises
    ------
    InputError
        On no floors.
    """
    if not floors:
        raise InputError("no noise floors given; at least one is needed")
    metadata = {
        **matrix.metadata,
        "noise_floors": [
            {k: None if v != v else v for k, v in asdict(floor).items()} for floor in floors
        ],
    }
    largest = max(floors, key=lambda floor: floor.squared)
    error = largest.standard_error if np.isfinite(largest.standard_error) else 0.0
    return replace(matrix.with_floor(largest.squared, error), metadata=metadata)
