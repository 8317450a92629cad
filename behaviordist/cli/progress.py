"""What a long command says while it runs: bars in a terminal, a line now and then elsewhere."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from behaviordist.behaviors import Behavior
    from behaviordist.probes import ProbeSet

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


@contextmanager
def heartbeat(console: Console) -> Iterator[Heartbeat]:
    """Let the stages of the library be heard on a console while they last."""
    from behaviordist.store.stages import listening

    def write(line: str) -> None:
        console.print(line, markup=False, highlight=False, soft_wrap=True)

    heart = Heartbeat(write)
    with listening(heart.tell), heart.beating():
        yield heart


@contextmanager
def progress(
    behaviors: Sequence[Behavior], probes: ProbeSet, ran: set[str]
) -> Iterator[Callable[[str, int, int], None]]:
    """Show a bar for every behavior, with the time that is left; collect in `ran` who was run.

    Outside a terminal a line is written every half minute instead. The bars vanish where an error
    ends them.
    """
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("probes"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console) as bars, heartbeat(console) as heart:
        tasks = {b.label: bars.add_task(b.label, total=len(probes), start=False) for b in behaviors}
        known = set(tasks)

        def update(label: str, done: int, total: int) -> None:
            if label not in tasks:
                tasks[label] = bars.add_task(label, total=total)
            ran.update({label} & known)
            bars.start_task(tasks[label])
            bars.update(tasks[label], completed=done, total=total)
            if not console.is_terminal:
                heart.tell(f"{label}: {done} of {total} probes", same=True)

        try:
            yield update
        except BaseException:
            # The error is the one line that stays.
            bars.live.transient = True
            bars.console.quiet = not bars.console.is_terminal
            raise
        for label in known:
            bars.start_task(tasks[label])
            bars.update(tasks[label], completed=len(probes))
