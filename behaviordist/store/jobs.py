"""Many artifacts, made by parallel processes, each once: what a killed run finished is kept."""

from __future__ import annotations

import functools
import os
import signal
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from behaviordist.store import ranks
from behaviordist.store.artifacts import discarded, is_finished, publish


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

    @property
    def descriptions(self) -> tuple[dict[str, Any], ...]:
        """Every description under which the artifact is this one."""
        return tuple(dict(d) for d in (self.inputs, self.before) if d is not None)


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
    from joblib import Parallel, delayed

    if ranks.count() > 1:
        trained = 0
        for job in jobs:
            work = functools.partial(job.work, **job.arguments)
            trained += make_once(job.path, job.inputs, work, before=job.before)
            done(1)
        return trained
    waiting = [job for job in jobs if not is_finished(job.path, *job.descriptions)]
    done(len(jobs) - len(waiting))
    if not waiting:
        return 0
    # Always in other processes: they inherit the one-thread setting, whatever this one has loaded.
    # One process is two of which one is fed: joblib would run a pool of one in this process.
    pool = Parallel(
        n_jobs=max(2, processes),
        return_as="generator_unordered",
        batch_size=1,
        pre_dispatch=1 if processes == 1 else "2*n_jobs",
        **_watched(),
    )
    tasks = [delayed(_make)(job) for job in waiting]
    with warnings.catch_warnings():
        # A worker whose compiled programs fill memory is replaced; its job goes to the next one.
        warnings.filterwarnings("ignore", message="A worker stopped while some jobs")
        with _undisturbed():
            results = pool(tasks)
        for _ in results:
            done(1)
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
    descriptions = [dict(d) for d in (inputs, before) if d is not None]
    if ranks.agreed(is_finished(path, *descriptions)):
        return False
    place = publish(path, dict(inputs)) if ranks.is_first() else discarded(path)
    with place as temporary:
        work(temporary)
    ranks.wait()
    return True


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Let the processes that start here ignore Ctrl-C: it is this one's to end them, quietly."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _make(job: Job) -> None:
    with publish(job.path, dict(job.inputs)) as temporary:
        job.work(temporary, **job.arguments)


def _watched() -> dict[str, Any]:
    """Return what makes joblib's own processes, which are on this machine, end with this one."""
    from joblib._parallel_backends import LokyBackend
    from joblib.parallel import get_active_backend

    local = isinstance(get_active_backend()[0], LokyBackend)
    return {"initializer": _end_with, "initargs": (os.getpid(),)} if local else {}


def _end_with(parent: int) -> None:
    """End this process soon after its parent: a killed run must not go on writing unseen.

    Called as the process starts, not with its first job: one that is never fed ends as well.
    """

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.1)
        os._exit(1)

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=watch, daemon=True).start()
