"""Geometries: what "inner product" means. One short module each, one registry."""

from behaviordist.errors import InputError, did_you_mean
from behaviordist.innerproduct.geometries import (
    aitchison,
    euclidean,
    fisher,
    hellinger,
    loglik,
    next_byte,
    samples,
)
from behaviordist.innerproduct.geometries.base import Geometry

GEOMETRIES: dict[str, Geometry] = {
    module.GEOMETRY.name: module.GEOMETRY
    for module in (hellinger, euclidean, aitchison, fisher, next_byte, loglik, samples)
}


def get_geometry(name: str) -> Geometry:
    """Return the geometry called `name`.

    Raises
    ------
    InputError
        If there is none; the message suggests the nearest name.
    """
    if name not in GEOMETRIES:
        raise InputError(f"unknown geometry '{name}': {did_you_mean(name, GEOMETRIES)}")
    return GEOMETRIES[name]


def without_full_support() -> list[str]:
    """Return the geometries of next-token distributions that allow probability zero."""
    return [n for n, g in GEOMETRIES.items() if g.unit == "position" and not g.full_support]


__all__ = ["GEOMETRIES", "Geometry", "get_geometry", "without_full_support"]
