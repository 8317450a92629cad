"""Distances between behaviors and between regimes, with intervals and noise floors."""

from __future__ import annotations

from behaviordist.distance.comparison import Comparison, compare
from behaviordist.distance.fingerprints.fingerprinting import fingerprint
from behaviordist.distance.fingerprints.samples import sample_distances
from behaviordist.distance.gate import Gate, gate
from behaviordist.distance.matrix import DistanceMatrix
from behaviordist.distance.measure import distances
from behaviordist.distance.pairwise import matrix_of
from behaviordist.distance.regimes import regime_distances
from behaviordist.distance.states import PairStates
from behaviordist.store.bars import Progress

__all__ = [
    "Comparison",
    "DistanceMatrix",
    "Gate",
    "PairStates",
    "Progress",
    "compare",
    "distances",
    "fingerprint",
    "gate",
    "matrix_of",
    "regime_distances",
    "sample_distances",
]
