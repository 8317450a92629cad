"""What users plug in: named by an entry point, or by ``module:name`` of what can be imported."""

from __future__ import annotations

import importlib
import re
from importlib.metadata import entry_points
from typing import Any

from behaviordist.errors import InputError, did_you_mean, in_brief

PREFIX = "behaviordist."
PLACE = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")


def plugged(group: str) -> list[str]:
    """Return the names that installed packages give in a group, such as ``geometries``."""
    return sorted({point.name for point in entry_points(group=PREFIX + group)})


def is_place(name: str) -> bool:
    """Whether a name is of the form ``module:name``."""
    return PLACE.fullmatch(name) is not None


def find_plugin(group: str, name: str, known: list[str]) -> Any:
    """Return what is plugged in under a name: this imports the package that gives it.

    Parameters
    ----------
    group
        ``geometries``, ``rewards`` or ``kernels``; entry points stand in ``behaviordist.GROUP``.
    name
        Of an entry point, or ``module:name``.
    known
        Names of our own, for the message.

    Raises
    ------
    InputError
        There is none, two packages give one, or it cannot be imported.
    """
    what = {"geometries": "geometry", "rewards": "reward", "kernels": "kernel"}[group]
    if is_place(name):
        return _imported(what, name, name)
    points = [point for point in entry_points(group=PREFIX + group) if point.name == name]
    if len({point.value for point in points}) > 1:
        raise InputError(
            f"{what} '{name}': two packages give one"
            f" ({', '.join(sorted({p.value for p in points}))}); name the one by module:name"
        )
    if not points:
        raise InputError(
            f"unknown {what} '{name}'; {did_you_mean(name, [*known, *plugged(group)])}, or a"
            " module:name that can be imported"
        )
    return _imported(what, name, points[0].value)


def _imported(what: str, name: str, place: str) -> Any:
    module, _, attribute = place.partition(":")
    try:
        found = importlib.import_module(module)
        for part in attribute.split("."):
            found = getattr(found, part)
    except Exception as error:  # somebody else's code, at its import
        reason = in_brief(error)
        raise InputError(
            f"{what} '{name}': {place} cannot be imported ({type(error).__name__}: {reason})"
        ) from None
    return found
