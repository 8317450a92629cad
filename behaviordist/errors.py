"""Errors that a user can mend: one line that says what, where, and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""


class BehaviordistError(Exception):
    """Base of every error that behaviordist raises on purpose."""


class InputError(BehaviordistError, ValueError):
    """Bad input. The message is one line; the command line prints it and exits with 2."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` when a known name is close, else the list of known names."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    if close:
        return f"did you mean '{close[0]}'? (known: {', '.join(names)})"
    return f"known: {', '.join(names)}"
