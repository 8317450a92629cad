"""Labelled square tables as CSV: the first column and the header are the labels.

Empty cells are missing (NaN). In a table of costs the diagonal is ignored, and a cell such as
``>80`` or ``>=80`` says that the run was stopped at 80 without arriving: it is *censored* there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from behaviordist.errors import InputError, in_brief
from behaviordist.store.artifacts import write_text
from behaviordist.store.delimited import read_rows

TableKind = Literal["distances", "costs", "matrix"]
MISSING = frozenset({"", "na", "nan", "null", "none", "-"})
ROUNDING = 1e-6
"""Share of the largest distance that counts as rounding (float32): below 0, or on the diagonal."""


FORMULA = ("=", "+", "-", "@")
"""Beginnings of what a spreadsheet runs."""


def read_parquet(path: str | Path, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Read a Parquet table, or some of its columns, with the index that pandas may have kept.

    Raises
    ------
    InputError
        If there is no such file, or it is not a whole table.
    """
    from pyarrow import parquet

    try:
        table = parquet.read_table(Path(path), columns=None if columns is None else list(columns))
        return pd.DataFrame(table.to_pandas())
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except Exception as error:  # a damaged table raises many kinds
        reason = in_brief(error, 120) or type(error).__name__
        raise InputError(f"{path}: not a Parquet table ({reason})") from None


def read_square(path: str | Path, kind: TableKind = "matrix") -> pd.DataFrame:
    """Read a labelled square CSV as float64, columns in the order of the rows.

    Parameters
    ----------
    path
        UTF-8 text, cells apart by commas, semicolons or tabs (`read_rows`). Header: a corner cell
        (ignored), then the labels of the columns (targets).
        Each row: the label (source), then numbers.
    kind
        ``distances``: finite, not negative, diagonal zero or empty (read as zero). ``costs``:
        any finite numbers, diagonal ignored (read as NaN), ``>80`` is read as 80 (`read_costs`
        also says which). ``matrix``: any finite numbers, such as a baseline.

    Returns
    -------
    pandas.DataFrame of shape (N, N); index = rows = sources, columns = targets; NaN is missing.

    Raises
    ------
    InputError
        Missing or empty file, not UTF-8, not square, duplicate or unequal labels, a cell that is
        not a number of the kind; the message names file, row and column.
    """
    return _read(Path(path), kind, square=True)[0]


def read_matrix(path: str | Path) -> pd.DataFrame:
    """Read a labelled CSV as `read_square` does, where rows and columns may differ."""
    return _read(Path(path), "matrix", square=False)[0]


def read_costs(path: str | Path, square: bool = True) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read a table of costs and, of the same shape, where it is censored (1.0) or not (0.0)."""
    return _read(Path(path), "costs", square)


def write_square(path: str | Path, frame: pd.DataFrame) -> None:
    """Write a labelled table atomically, every digit kept, NaN as an empty cell.

    A label that a spreadsheet would run as a formula (it begins with = + - or @) stands behind an
    apostrophe, which is taken off when it is read.
    """
    stream = StringIO()
    safe = frame.rename(index=_quoted, columns=_quoted)
    safe.to_csv(stream, lineterminator="\n")
    write_text(Path(path), stream.getvalue())


def _quoted(label: object) -> object:
    return f"'{label}" if isinstance(label, str) and label.startswith(FORMULA) else label


def _unquoted(label: str) -> str:
    return label[1:] if label[:1] == "'" and label[1:].startswith(FORMULA) else label


def require_same_labels(
    first: Sequence[str], second: Sequence[str], first_name: str, second_name: str
) -> None:
    """Raise `InputError` naming the labels that only one of two tables has."""
    if set(first) == set(second):
        return
    parts = [
        f"only in {name}: {', '.join(sorted(extra)[:8])}{' ...' if len(extra) > 8 else ''}"
        for name, extra in (
            (first_name, set(first) - set(second)),
            (second_name, set(second) - set(first)),
        )
        if extra
    ]
    raise InputError(f"{first_name} and {second_name} have different labels ({'; '.join(parts)})")


def _read(path: Path, kind: TableKind, square: bool) -> tuple[pd.DataFrame, pd.DataFrame]:
    rows = read_rows(path)
    if not rows:
        raise InputError(f"{path}: the file is empty; expected a labelled square CSV")
    columns = [_unquoted(cell.strip()) for cell in rows[0][1:]]
    labels = [_unquoted(row[0].strip()) for row in rows[1:]]
    _check_labels(path, rows, labels, columns)
    if square:
        if len(labels) != len(columns):
            raise InputError(
                f"{path}: not square: {len(labels)} rows and {len(columns)} columns of numbers"
            )
        require_same_labels(labels, columns, f"{path} (rows)", f"{path} (header)")
    values = np.full((len(labels), len(columns)), math.nan)
    censored = np.zeros_like(values)
    for i, row in enumerate(rows[1:]):
        for j, cell in enumerate(row[1:]):
            where = f"{path}, row '{labels[i]}', column '{columns[j]}'"
            same = labels[i] == columns[j]
            if kind == "costs" and same:
                continue
            values[i, j], censored[i, j] = _number(cell.strip(), kind, where)
    if kind == "distances":
        values = _without_rounding(path, values, labels, columns)
    order = labels if set(labels) == set(columns) else columns
    frame = pd.DataFrame(values, index=labels, columns=columns)[order]
    return frame, pd.DataFrame(censored, index=labels, columns=columns)[order]


def _check_labels(path: Path, rows: list[list[str]], labels: list[str], columns: list[str]) -> None:
    for names, place in ((labels, "first column"), (columns, "header")):
        if "" in names:
            raise InputError(f"{path}: an empty label in the {place}; name every behavior")
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise InputError(f"{path}: label '{twice[0]}' appears twice in the {place}")
    for label, row in zip(labels, rows[1:], strict=True):
        if len(row) != len(rows[0]):
            raise InputError(
                f"{path}, row '{label}': {len(row) - 1} cells where the header has {len(columns)}"
            )


def _number(cell: str, kind: TableKind, where: str) -> tuple[float, float]:
    if cell.lower() in MISSING:
        return math.nan, 0.0
    censored = cell.startswith(">")
    if censored and kind != "costs":
        raise InputError(f"{where}: '{cell}' is not a number (only costs may be censored)")
    try:
        value = float(cell[1:].removeprefix("=") if censored else cell)
    except ValueError:
        raise InputError(f"{where}: '{cell}' is not a number") from None
    if not math.isfinite(value):
        raise InputError(f"{where}: '{cell}' is not finite; leave the cell empty if it is missing")
    return value, float(censored)


def _without_rounding(
    path: Path, values: NDArray[np.float64], labels: list[str], columns: list[str]
) -> NDArray[np.float64]:
    """Return distances (S, T) with zeros where rounding left less, or nothing on the diagonal.

    Raises
    ------
    InputError
        For a distance below zero or on the diagonal that is more than rounding.
    """
    same = np.array(labels)[:, None] == np.array(columns)[None, :]
    values = np.where(same & np.isnan(values), 0.0, values)
    rounding = ROUNDING * np.nanmax(np.abs(values), initial=0.0, where=~same & ~np.isnan(values))
    for wrong, reason in (
        (~same & (values < -rounding), "is negative; distances cannot be"),
        (same & (np.abs(values) > rounding), "on the diagonal; a distance to itself is 0 or empty"),
    ):
        if wrong.any():
            i, j = np.argwhere(wrong)[0]
            where = f"{path}, row '{labels[i]}', column '{columns[j]}'"
            raise InputError(f"{where}: {values[i, j]:g} {reason}")
    return np.where(same, 0.0, np.where(values < 0, 0.0, values))
