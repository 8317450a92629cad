"""Live progress of a study: a line a stage, finished stages with their time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from behaviordist.store import ranks
from behaviordist.store.jobs import Job, run_jobs

Advance = Callable[[int], None]


@dataclass
class StageClock:
    """Shows stages as they run and keeps how long each took, in seconds."""

    console: Console
    times: dict[str, float] = field(default_factory=dict)

    @classmethod
    def on_stderr(cls) -> StageClock:
        """Show stages on the terminal's error stream; of a launcher's processes, the first does."""
        return cls(Console(stderr=True, quiet=not ranks.is_first()))

    @contextmanager
    def stage(self, name: str, total: int, text: str) -> Iterator[Advance]:
        """Show one stage; yields a function to call with the number of parts that got done."""
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        started = time.monotonic()
        with Progress(*columns, console=self.console, transient=True) as progress:
            task = progress.add_task(text, total=total)
            yield lambda parts: progress.advance(task, parts)
        self.times[name] = round(time.monotonic() - started, 2)
        self.console.print(f"[green]done[/] {text} ({total}), {self.times[name]:.1f} s")

    def run(self, name: str, text: str, jobs: Sequence[Job], processes: int) -> None:
        """Make what is not finished of the jobs, as one stage; see `store.jobs.run_jobs`."""
        with self.stage(name, len(jobs), text) as done:
            run_jobs(jobs, processes, done)
