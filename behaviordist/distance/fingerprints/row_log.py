"""Results that come one probe at a time, each kept as it comes: answers and scores cost money."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from behaviordist.behaviors import Behavior
from behaviordist.errors import InputError
from behaviordist.store import digest_of
from behaviordist.store.bars import Progress
from behaviordist.store.journal import Journal


def collect(
    log: Journal | None,
    rest: Callable[..., Iterable[tuple[int, Any]]],
    total: int,
    tick: Callable[[int], None],
) -> list[Any]:
    """Return one value a probe: those of the log, and `rest(done=...)` for the others.

    Parameters
    ----------
    log
        Where values are kept, or None.
    rest
        Yields (index, value) for every index below `total` that is not in `done`.
    total
        Number of probes.
    tick
        Called with how many are there.

    Raises
    ------
    InputError
        If `rest` leaves a probe out.
    """
    known = {} if log is None else _kept(log, total)
    if log is not None:
        log.restart(_row(*item) for item in known.items())
    if known:
        tick(len(known))
    if len(known) < total:
        for index, value in rest(done=frozenset(known)):
            known[index] = value
            if log is not None:
                log.append(_row(index, value))
            tick(len(known))
    if len(known) != total:
        raise InputError(f"{len(known)} of {total} probes were answered; run the command again")
    return [known[index] for index in range(total)]


@contextmanager
def collected(
    path: Path | None,
    inputs: Any,
    rest: Callable[..., Iterable[tuple[int, Any]]],
    total: int,
    label: str,
    progress: Progress | None,
) -> Iterator[list[Any]]:
    """Yield one value a probe, as `collect`; once they are kept in `path`, their log goes."""
    log = None if path is None else Journal.beside(path, inputs)

    def tick(done: int) -> None:
        if progress is not None:
            progress(label, done, total)

    yield collect(log, rest, total, tick)
    if log is not None:
        log.clear()


def own_seed(behavior: Behavior, seed: int) -> int:
    """Return a behavior's own seed: common random numbers would tie the answers of two together."""
    return int(digest_of([seed, behavior.label, behavior.identity])[:8], 16)


def _kept(log: Journal, total: int) -> dict[int, Any]:
    """Return index -> value of the probes that a log has."""
    pairs = [(row["probe"], row["value"]) for row in log.rows()]
    return {index: value for index, value in pairs if 0 <= index < total}


def _row(index: int, value: Any) -> dict[str, Any]:
    return {"probe": index, "value": value}
