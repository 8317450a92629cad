"""Results that come one probe at a time, each kept as it comes: answers and scores cost money."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from behaviordist.errors import InputError
from behaviordist.store import digest_of


@dataclass(frozen=True)
class RowLog:
    """A file of JSON lines beside the artifact at `path`: what it depends on, then [index, value].

    A line that a kill cut is passed over; a log of other inputs counts as empty.
    """

    path: Path
    inputs: Any
    total: int

    @property
    def file(self) -> Path:
        """The file of the log."""
        return self.path.with_name(self.path.name + ".part.jsonl")

    def load(self) -> dict[int, Any]:
        """Return index -> value of every whole line."""
        try:
            head, *lines = self.file.read_text(encoding="utf-8").split("\n")
        except (OSError, ValueError):
            return {}
        if head != self._head():
            return {}
        found = {}
        for line in lines:
            try:
                index, value = json.loads(line)
            except (ValueError, TypeError):
                continue
            if isinstance(index, int) and 0 <= index < self.total:
                found[index] = value
        return found

    def start(self, known: dict[int, Any]) -> None:
        """Write the log anew with what is known: no cut line stays in its middle."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        lines = [self._head(), *(_line(*item) for item in known.items())]
        self.file.write_text("\n".join(lines) + "\n", encoding="utf-8")

    def append(self, index: int, value: Any) -> None:
        """Add one line, whole on disk when the call returns as far as the system is concerned."""
        with self.file.open("a", encoding="utf-8") as stream:
            stream.write(_line(index, value) + "\n")

    def clear(self) -> None:
        """Remove the log: the artifact is whole."""
        self.file.unlink(missing_ok=True)

    def _head(self) -> str:
        return json.dumps({"inputs": digest_of(self.inputs)})


def collect(
    log: RowLog | None,
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
    known = {} if log is None else log.load()
    if log is not None:
        log.start(known)
    if known:
        tick(len(known))
    if len(known) < total:
        for index, value in rest(done=frozenset(known)):
            known[index] = value
            if log is not None:
                log.append(index, value)
            tick(len(known))
    if len(known) != total:
        raise InputError(f"{len(known)} of {total} probes were answered; run the command again")
    return [known[index] for index in range(total)]


def _line(index: int, value: Any) -> str:
    return json.dumps([index, value], ensure_ascii=False)
