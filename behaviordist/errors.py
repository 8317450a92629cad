"""Errors that a user can mend: one line that says what, where, and what to do."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

SHORT = {"temp": "temperature", "t": "temperature", "ctx": "context", "eps": "epsilon"}
"""What people write for a name that other names begin like."""
INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""


class BehaviordistError(Exception):
    """Base of every error that behaviordist raises on purpose.

    Examples
    --------
    >>> import behaviordist as bd
    >>> issubclass(bd.InputError, bd.BehaviordistError)
    True
    """


class InputError(BehaviordistError, ValueError):
    """Bad input. The message is one line; the command line prints it and exits with 2.

    Examples
    --------
    >>> import behaviordist as bd
    >>> bd.InferenceSettings(temperature=-1)
    Traceback (most recent call last):
    behaviordist.errors.InputError: temperature must be ...
    """


def in_brief(error: object, most: int = 160) -> str:
    """Return what an error of somebody else's says in one line, cut after `most` characters.

    >>> in_brief(ValueError("no   such file"))
    'no such file'
    """
    return " ".join(str(error).split())[:most]


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` when a known name is close, else the list of known names."""
    names = sorted(known)
    close = _meant(name.lower(), names)
    if close:
        return f"did you mean '{close}'? (known: {', '.join(names)})"
    return f"known: {', '.join(names)}"


def _meant(name: str, names: list[str]) -> str | None:
    """Return the name that an abbreviation or a slip stands for: ``lr``, ``temp``, ``quantt``."""
    usual = SHORT.get(name)
    if usual in names:
        return usual
    letters = {x: "".join(word[:1] for word in re.split(r"[_\-]", x)) for x in names}
    initials = [x for x in names if len(name) > 1 and letters[x] == name]
    longer = [x for x in names if len(name) > 2 and x.startswith(name)]
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    return next(iter((*initials, *longer[: len(longer) == 1], *close)), None)
