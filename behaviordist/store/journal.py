"""Journals: rows that are kept as they come, so that a killed run continues where it was.

A journal is a file of JSON lines. Every row carries the digest of itself and of what the journal
depends on: a line that a kill cut, a row that somebody edited and the rows of other inputs are not
there for the reader, and are made again.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from behaviordist.store.artifacts import digest_of, write_text

Row = dict[str, Any]
DIGEST = "digest"


@dataclass(frozen=True)
class Journal:
    """Append-only rows in a file.

    Attributes
    ----------
    path
        The file.
    inputs
        JSON-able; everything that the rows depend on.
    """

    path: Path
    inputs: Any = None

    @staticmethod
    def beside(path: Path, inputs: Any) -> Journal:
        """Return the journal of the artifact that is to be at `path`."""
        return Journal(path.with_name(path.name + ".part.jsonl"), inputs)

    def rows(self, until_damage: bool = False) -> list[Row]:
        """Return every whole row of these inputs, in the order in which they came.

        With `until_damage` those before the first line that is none: rows that follow each other.
        """
        try:
            lines = self.path.read_text(encoding="utf-8").split("\n")
        except (OSError, ValueError):
            return []
        inputs, rows = digest_of(self.inputs), []
        for line in lines:
            row = _read(line, inputs)
            if row is not None:
                rows.append(row)
            elif until_damage:
                break
        return rows

    def restart(self, rows: Iterable[Mapping[str, Any]] = ()) -> None:
        """Write the file anew with these rows only: nothing cut or foreign stays in its middle."""
        write_text(self.path, self._lines(rows))

    def append(self, *rows: Mapping[str, Any]) -> None:
        """Add rows; they are on the disk when the call returns."""
        with self.path.open("a", encoding="utf-8") as stream:
            stream.write(self._lines(rows))
            stream.flush()
            os.fsync(stream.fileno())

    def clear(self) -> None:
        """Remove the file: the artifact is whole."""
        self.path.unlink(missing_ok=True)

    def _lines(self, rows: Iterable[Mapping[str, Any]]) -> str:
        inputs = digest_of(self.inputs)
        return "".join(
            json.dumps({**row, DIGEST: _seal(row, inputs)}, sort_keys=True) + "\n" for row in rows
        )


def _read(line: str, inputs: str) -> Row | None:
    try:
        row: Row = json.loads(line)
        seal = row.pop(DIGEST)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    return row if seal == _seal(row, inputs) else None


def _seal(row: Mapping[str, Any], inputs: str) -> str:
    """Return the digest of a row under its inputs; infinities and NaN are written as JSON may."""
    text = json.dumps(row, sort_keys=True)
    return hashlib.sha256(f"{inputs} {text}".encode()).hexdigest()[:16]
