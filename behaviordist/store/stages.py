"""Long silent parts say what they are: a stage begins and ends, and whoever listens is told."""

from __future__ import annotations

import threading
import time
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


FIRST, EVERY = 20.0, 30.0
"""Seconds of silence before a first line, and between lines."""


class Heartbeat:
    """Says what is going on where nothing else does: one line after `FIRST`, then each `EVERY`.

    Parameters
    ----------
    write
        Takes a line.
    clock
        Seconds.
    """

    def __init__(
        self, write: Callable[[str], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._write, self._clock = write, clock
        self._text: str | None = None
        self._began = self._due = clock()
        self._end = threading.Event()

    def tell(self, text: str | None, *, same: bool = False) -> None:
        """Take in what is going on; `same`: the stage goes on, only its count is another."""
        if not (same and self._text is not None):
            self._began = self._clock()
            self._due = self._began + FIRST
        self._text = text

    def beat(self) -> None:
        """Write a line if one is due."""
        now, text = self._clock(), self._text
        if text is not None and now >= self._due:
            self._due = now + EVERY
            self._write(f"{text} ({now - self._began:.0f} s)")

    @contextmanager
    def beating(self) -> Iterator[None]:
        """Beat every second, in a thread of its own."""

        def run() -> None:
            while not self._end.wait(1.0):
                self.beat()

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._end.set()
            thread.join()
