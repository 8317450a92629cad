"""Geometries: what "inner product" means. One short module each, one registry."""

from behaviordist.errors import InputError, did_you_mean
from behaviordist.innerproduct.geometries import aitchison, euclidean, fisher, hellinger
from behaviordist.innerproduct.geometries.base import Geometry

GEOMETRIES: dict[str, Geometry] = {
    module.GEOMETRY.name: module.GEOMETRY for module in (hellinger, euclidean, aitchison, fisher)
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
    """Return the names of the geometries that allow tokens of probability zero."""
    return [name for name, geometry in GEOMETRIES.items() if not geometry.full_support]


__all__ = ["GEOMETRIES", "Geometry", "get_geometry", "without_full_support"]
