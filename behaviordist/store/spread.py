"""Independent work spread over processes, here or elsewhere; what a lost one had is done again."""

from __future__ import annotations

import os
import pickle
import signal
import threading
import time
import uuid
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from behaviordist.errors import InputError
from behaviordist.store.artifacts import write_text

LOST = frozenset(
    {
        "TerminatedWorkerError", "BrokenProcessPool",  # loky
        "WorkerCrashedError", "NodeDiedError", "OutOfMemoryError", "ObjectLostError",  # Ray
        "OwnerDiedError", "LocalRayletDiedError",
        "KilledWorker", "CancelledError", "FutureCancelledError",  # Dask
    }
)  # fmt: skip
"""How libraries say that a process which had work is gone."""

TRIES = 3
"""So often in a row may processes be lost with nothing finished between."""

SAME = ("NPROC", "XLA_FLAGS", "OMP_", "OPENBLAS_", "MKL_", "JAX_", "TOKENIZERS_", "HF_HUB_OFFLINE")
"""Beginnings of the variables that decide how a process computes: the same on every machine."""


def spread(
    work: Callable[[Any], Any],
    tasks: Sequence[Any],
    processes: int,
    done: Callable[[int], Any],
    folder: Path,
) -> list[Any]:
    """Call a function on every task, each in some other process, by joblib's active backend.

    Parameters
    ----------
    work
        A module-level function. It may be called on a task again where a process was lost.
    tasks
        Picklable.
    processes
        How many run at a time; a Dask cluster uses all of its workers.
    done
        Called with the index of each task that is done.
    folder
        Where results go: workers on other machines must see it.

    Returns
    -------
    What `work` returned, in the order of `tasks`.

    Raises
    ------
    InputError
        If processes are lost again and again, or one on another machine does not see this folder.
    """
    from joblib import delayed
    from joblib.externals.loky.cloudpickle_wrapper import dumps  # a script's own functions too

    returned: dict[int, Any] = {}
    lost = 0
    with ExitStack() as stack:
        place = None if is_local() else stack.enter_context(_elsewhere(folder))
        call = delayed(partial(_do, dumps(work), place))
        while len(returned) < len(tasks):
            left = [i for i in range(len(tasks)) if i not in returned]
            before = len(returned)
            try:
                for index, value in _run((call(i, dumps(tasks[i])) for i in left), processes):
                    returned[index] = value
                    done(index)
            except Exception as error:
                if type(error).__name__ not in LOST:
                    raise
                lost = 1 if len(returned) > before else lost + 1
                if lost == TRIES:
                    raise InputError(
                        f"processes that had work were ended from outside {TRIES} times"
                        f" ({type(error).__name__}): give them more memory, or fewer at a time"
                        " with --jobs; the same command then continues"
                    ) from None
    return [returned[index] for index in range(len(tasks))]


def is_local() -> bool:
    """Whether the active backend starts processes of this one, on this machine."""
    from joblib._parallel_backends import LokyBackend
    from joblib.parallel import get_active_backend

    return isinstance(get_active_backend()[0], LokyBackend)


@dataclass(frozen=True)
class _Elsewhere:
    """What a process on another machine needs to do as this one would.

    Parameters
    ----------
    current
        The folder that paths are relative to.
    token
        A file that is seen where the folder of results is shared.
    variables
        See `SAME`.
    """

    current: str
    token: str
    variables: dict[str, str]

    def enter(self) -> None:
        """Make this process like the one that sent the work."""
        os.environ.update(self.variables)
        if not (os.path.isdir(self.current) and seen(Path(self.token), within=5.0)):
            raise InputError(
                f"{os.uname().nodename} does not see the files of {Path(self.token).parent}:"
                " workers need the same folders at the same paths, on a shared file system"
            )
        os.chdir(self.current)


@contextmanager
def _elsewhere(folder: Path) -> Iterator[_Elsewhere]:
    variables = {k: v for k, v in os.environ.items() if k.startswith(SAME)}
    token = folder.absolute() / f".{uuid.uuid4().hex[:8]}.tmp"
    write_text(token, "")
    try:
        yield _Elsewhere(os.getcwd(), str(token), variables)
    finally:
        token.unlink(missing_ok=True)


def _do(work: bytes, elsewhere: _Elsewhere | None, index: int, task: bytes) -> tuple[int, Any]:
    # Libraries that size their threads as they are loaded are loaded by the unpickling.
    if elsewhere is not None:
        elsewhere.enter()
    return index, pickle.loads(work)(pickle.loads(task))


def _run(calls: Iterable[Any], processes: int) -> Iterator[Any]:
    """Yield what calls return, as they end."""
    from joblib import Parallel

    # Always in other processes: they inherit the one-thread setting, whatever this one has loaded.
    # One process is two of which one is fed: joblib would run a pool of one in this process.
    local = is_local()
    pool = Parallel(
        n_jobs=max(2, processes),
        return_as="generator_unordered",
        batch_size=1,
        pre_dispatch=1 if processes == 1 else "2*n_jobs" if local else "n_jobs",
        **({"initializer": _end_with, "initargs": (os.getpid(),)} if local else {}),
    )
    with warnings.catch_warnings():
        # A worker whose compiled programs fill memory is replaced; its job goes to the next.
        warnings.filterwarnings("ignore", message="A worker stopped while some jobs")
        with undisturbed():
            results = pool(calls)
        yield from results


@contextmanager
def undisturbed() -> Iterator[None]:
    """Let the processes that start here ignore Ctrl-C: it is this one's to end them, quietly."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _end_with(parent: int) -> None:
    """End this process soon after its parent: a killed run must not go on writing unseen.

    Called as a process of joblib's own starts, not with its first job: one that is never fed ends
    as well. A worker of a cluster has another parent and no such watch.
    """

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.1)
        os._exit(1)

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=watch, daemon=True).start()


def seen(path: Path, within: float = 60.0) -> bool:
    """Whether a file that another machine wrote is seen here, at the latest after some seconds.

    Listing its folder makes a network file system look again.
    """
    end = time.monotonic() + within
    while not path.exists():
        if time.monotonic() > end:
            return False
        if path.parent.is_dir():
            os.listdir(path.parent)
        time.sleep(0.2)
    return True
