"""How a run's pictures look: palette, names and groups of behaviors; kept in the run's folder.

``look.json`` holds no number: a folder without it is drawn with the defaults, and drawing again
(`behaviordist report DIR`) keeps the look that was chosen.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from behaviordist.drawing.colours import SEQUENTIAL, colour_map, unknown_palette
from behaviordist.errors import InputError, did_you_mean
from behaviordist.record import Behavior
from behaviordist.store import write_text
from behaviordist.store.declared import Declared, held
from behaviordist.store.delimited import read_rows

FILE = "look.json"


class Look(Declared):
    """How pictures are drawn.

    Attributes
    ----------
    palette
        Of `drawing.colours`; empty is the default.
    full_range
        Whether colours span all that the geometry allows, not the values' own range.
    labels
        Label of the run -> name to show.
    groups
        Name of a grouping -> label of the run -> group.
    """

    palette: str = ""
    full_range: bool = False
    labels: dict[str, str] = {}
    groups: dict[str, dict[str, str]] = {}

    def shown(self, labels: Sequence[str]) -> tuple[str, ...]:
        """Return the names to show."""
        return tuple(self.labels.get(label, label) for label in labels)

    def check(self, labels: Sequence[str]) -> None:
        """Hold the look against a run's labels.

        Raises
        ------
        InputError
            A label is not among the run's, or two behaviors would have one name.
        """
        for label in (*self.labels, *(x for of in self.groups.values() for x in of)):
            if label not in labels:
                raise InputError(
                    f"no behavior '{label}' to name or group; {did_you_mean(label, labels)}"
                )
        names = self.shown(labels)
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise InputError(f"two behaviors would be called '{twice}'; give each its own name")

    def save(self, folder: Path) -> None:
        """Write the look beside the run's numbers."""
        write_text(folder / FILE, json.dumps(self.model_dump(), indent=1, ensure_ascii=False))


def changed(
    look: Look,
    palette: str | None = None,
    full_range: bool | None = None,
    labels: Path | None = None,
    groups: Path | None = None,
) -> Look:
    """Return a look with what is given (not None) changed; names and groups are files.

    Names are a table ``label,name``; the first column of groups is the label, every other one a
    grouping, called as its header says (``label,base,training``).

    Raises
    ------
    InputError
        There is no such palette, a file cannot be read (`store.delimited.read_rows`), a row of it
        has other cells than its header, or a label stands twice.
    """
    given: dict[str, object] = {}
    if palette is not None:
        if palette not in SEQUENTIAL:
            raise unknown_palette(palette)
        given["palette"] = palette
    if full_range is not None:
        given["full_range"] = full_range
    if labels is not None:
        given["labels"] = next(iter(_columns(labels, exactly=True).values()))
    if groups is not None:
        given["groups"] = _columns(groups)
    return look.model_copy(update=given)


def read_look(folder: Path) -> Look:
    """Return the look kept in a folder, or the default.

    Raises
    ------
    InputError
        The file is damaged; the palette does not exist.
    """
    path = folder / FILE
    if not path.is_file():
        return Look()
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not readable as JSON ({error}); delete it") from None
    look = held(Look, values, str(path))
    colour_map(look.palette)
    return look


def _columns(path: Path, exactly: bool = False) -> dict[str, dict[str, str]]:
    """Return column -> label -> cell; `exactly`: of one column beside the labels."""
    rows = read_rows(path)
    if len(rows) < 2 or len(rows[0]) < 2 or (exactly and len(rows[0]) != 2):
        shape = "label,name" if exactly else "label,GROUPING,..."
        raise InputError(f"{path}: a header '{shape}' and a row a behavior are expected")
    table: dict[str, dict[str, str]] = {name: {} for name in rows[0][1:]}
    for number, row in enumerate(rows[1:], 2):
        if len(row) != len(rows[0]):
            raise InputError(f"{path}, row {number}: {len(row)} cells, the header {len(rows[0])}")
        for name, cell in zip(rows[0][1:], row[1:], strict=True):
            if row[0] in table[name]:
                raise InputError(f"{path}, row {number}: '{row[0]}' stands twice")
            table[name][row[0]] = cell
    return table


def groups_of(
    labels: Sequence[str], behaviors: Mapping[str, Behavior], look: Look
) -> dict[str, tuple[str, ...]]:
    """Return grouping -> a group for every label.

    Those of the look; else what the record knows (algorithm, task), else the model before an ``@``.
    A grouping that puts all into one, or each into its own, is none.
    """
    if look.groups:
        return {k: tuple(of.get(x, "") for x in labels) for k, of in look.groups.items()}
    known = [behaviors.get(label) for label in labels]
    tables = {
        "algorithm": tuple((row.algorithm or row.role) if row else "" for row in known),
        "task": tuple((row.task or row.role) if row else "" for row in known),
        "model": tuple(label.partition("@")[0] for label in labels),
    }
    # A column of answers alone has neither: it makes no group of its own.
    kinds = {k: set(of) - ({""} if None in known else set()) for k, of in tables.items()}
    return {k: of for k, of in tables.items() if 1 < len(kinds[k]) < len(of)}
