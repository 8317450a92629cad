"""Inner products of functions: geometries, sketches, fingerprints, all pairs with uncertainty."""

from behaviordist.innerproduct.fingerprint import Fingerprint, Identity, check_mixable
from behaviordist.innerproduct.geometries import (
    GEOMETRIES,
    Geometry,
    get_geometry,
    recorded_geometry,
)
from behaviordist.innerproduct.geometries.loglik import comparable
from behaviordist.innerproduct.pairs import PairMoments, pair_moments
from behaviordist.innerproduct.shifts import ShiftMoments, shift_moments

__all__ = [
    "GEOMETRIES",
    "Fingerprint",
    "Geometry",
    "Identity",
    "PairMoments",
    "ShiftMoments",
    "check_mixable",
    "comparable",
    "get_geometry",
    "pair_moments",
    "recorded_geometry",
    "shift_moments",
]
