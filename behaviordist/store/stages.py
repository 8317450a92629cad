"""Long silent parts say what they are: a stage begins and ends, and whoever listens is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

_listeners: list[Callable[[str | None], None]] = []


@contextmanager
def stage(text: str) -> Iterator[None]:
    """Tell the listeners that something which may take long is going on: `text`, then None."""
    for tell in _listeners:
        tell(text)
    try:
        yield
    finally:
        for tell in _listeners:
            tell(None)


@contextmanager
def listening(tell: Callable[[str | None], None]) -> Iterator[None]:
    """Call `tell` with the text of every stage that begins, and with None when it ends."""
    _listeners.append(tell)
    try:
        yield
    finally:
        _listeners.remove(tell)
