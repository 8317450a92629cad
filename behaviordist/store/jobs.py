"""Many artifacts, made by parallel processes, each once: what a killed run finished is kept."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from behaviordist.errors import InputError
from behaviordist.store import ranks
from behaviordist.store.artifacts import discarded, is_finished, publish
from behaviordist.store.spread import is_local, seen, spread


@dataclass(frozen=True)
class Job:
    """One artifact to make.

    Attributes
    ----------
    path
        Where the artifact goes.
    inputs
        JSON-able; everything that the artifact depends on.
    before
        How an earlier release described the very same inputs: its artifacts are kept.
    work
        A module-level function, called as ``work(temporary_path, **arguments)`` in some process.
    arguments
        What `work` needs beyond the path; picklable.
    """

    path: Path
    inputs: Mapping[str, Any]
    work: Callable[..., None]
    arguments: Mapping[str, Any] = field(default_factory=dict)
    before: Mapping[str, Any] | None = None

    def also(self, **inputs: Any) -> Job:
        """Return a job that depends on more."""
        before = None if self.before is None else {**self.before, **inputs}
        return replace(self, inputs={**self.inputs, **inputs}, before=before)


def run_jobs(jobs: Sequence[Job], processes: int, done: Callable[[int], None]) -> int:
    """Make every artifact that is not finished yet.

    Parameters
    ----------
    jobs
        Independent of one another.
    processes
        How many run at a time; one after another, all of a launcher's processes on each, where
        there is a launcher (see `ranks`).
    done
        Called with the number of artifacts that have become finished, as they do.

    Returns
    -------
    int
        How many were made now; the others were there.
    """
    if ranks.count() > 1:
        trained = 0
        for job in jobs:
            trained += _make(job)
            done(1)
        return trained
    waiting = [job for job in jobs if not _is_there(job.path, job.inputs, job.before)]
    done(len(jobs) - len(waiting))
    if not waiting:
        return 0
    folder = Path(os.path.commonpath([job.path.parent.absolute() for job in waiting]))
    spread(_make, waiting, processes, lambda _: done(1), folder)
    lost = [] if is_local() else [job.path for job in waiting if not seen(job.path)]
    if lost:
        raise InputError(
            f"{lost[0]} was made on another machine and is not seen here: workers need the same"
            " folders at the same paths, on a shared file system"
        )
    return len(waiting)


def make_once(
    path: Path,
    inputs: Mapping[str, Any],
    work: Callable[[Path], Any],
    before: Mapping[str, Any] | None = None,
) -> bool:
    """Make one artifact unless it is finished; return whether it was made now; see `Job`.

    A launcher's processes all do the work, each at a temporary path, and the first publishes.
    """
    if ranks.agreed(_is_there(path, inputs, before)):
        return False
    place = publish(path, dict(inputs)) if ranks.is_first() else discarded(path)
    with place as temporary:
        work(temporary)
    ranks.wait()
    return True


def _is_there(path: Path, *descriptions: Mapping[str, Any] | None) -> bool:
    return is_finished(path, *(dict(inputs) for inputs in descriptions if inputs is not None))


def _make(job: Job) -> bool:
    # It may be finished: by a worker whose word was lost.
    return make_once(
        job.path, job.inputs, functools.partial(job.work, **job.arguments), before=job.before
    )
