"""Geometries: what "inner product" means. One short module each, one registry."""

from dataclasses import replace

from behaviordist.errors import InputError
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
from behaviordist.store.plugins import find_plugin, is_place

GEOMETRIES: dict[str, Geometry] = {
    module.GEOMETRY.name: module.GEOMETRY
    for module in (hellinger, euclidean, aitchison, fisher, next_byte, loglik, samples)
}


def get_geometry(name: str) -> Geometry:
    """Return the geometry called `name`: one of ours, or what is plugged in under that name.

    A geometry of yours is a `Geometry` that a package gives as an entry point of
    ``behaviordist.geometries``, or ``module:NAME``. It goes by the name that it was asked for.

    Raises
    ------
    InputError
        If there is none; the message suggests the nearest name. What is plugged in is no
        `Geometry`, or is of answers or bytes, which are drawn by code of ours.
    """
    if name in GEOMETRIES:
        return GEOMETRIES[name]
    if name not in _asked:
        found = find_plugin("geometries", name, list(GEOMETRIES))
        if not isinstance(found, Geometry) or found.unit != "position":
            raise InputError(
                f"geometry '{name}': a behaviordist.innerproduct.Geometry of unit 'position' is"
                " needed"
            )
        _asked[name] = replace(found, name=name)
    return _asked[name]


_asked: dict[str, Geometry] = {}


def recorded_geometry(name: str) -> Geometry:
    """Return the geometry that a file names: as `get_geometry`, but no file chooses an import.

    Raises
    ------
    InputError
        It is ``module:NAME`` of what nobody asked for here.
    """
    if is_place(name) and name not in _asked:
        raise InputError(
            f"a file names the geometry '{name}', whose code is not run for a file's sake: say"
            f" --geometry {name}, or install its package with an entry point"
        )
    return get_geometry(name)


def without_full_support() -> list[str]:
    """Return the geometries of next-token distributions that allow probability zero."""
    return [n for n, g in GEOMETRIES.items() if g.unit == "position" and not g.full_support]


__all__ = ["GEOMETRIES", "Geometry", "get_geometry", "recorded_geometry", "without_full_support"]
