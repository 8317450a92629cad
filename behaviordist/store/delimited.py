"""Text tables as other programs write them: quoted headers, semicolons, tabs, a byte order mark.

R quotes every header, European spreadsheets put semicolons between cells and commas into numbers,
others write tabs or a line of comment first. All of them become the same cells here.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd

from behaviordist.errors import InputError

SEPARATORS = (",", ";", "\t")
DECIMAL_COMMA = re.compile(r"\s*[+-]?\d+,\d+([eE][+-]?\d+)?\s*")
LONGEST = 131_072  # characters of a cell: the csv module's own bound


def read_rows(path: Path) -> list[list[str]]:
    """Return the cells of a text table, rows without any text left out; the first is the header.

    The separator is the first of comma, semicolon and tab that gives every row as many cells as
    the header. Where it is the semicolon, a number such as ``0,5`` is read as 0.5.

    Raises
    ------
    InputError
        No such file, not UTF-8, or a cell of more than 131,072 characters.
    """
    text = _text(path)
    parsed = {separator: _parsed(path, text, separator) for separator in SEPARATORS}
    whole = (s for s in SEPARATORS if len({len(row) for row in parsed[s]} - {0, 1}) == 1)
    separator = next((s for s in whole if all(len(row) > 1 for row in parsed[s])), ",")
    rows = parsed[separator]
    if separator == ";":
        body = ([row[0], *map(_decimal_point, row[1:])] for row in rows[1:])
        rows = [rows[0], *body]
    return rows


def read_table(path: Path, needed: Sequence[str] = ()) -> pd.DataFrame | None:
    """Return a text table with a header as a frame of texts; cells without text are NaN.

    A first column without a name (R's and pandas' row numbers) is left out. None is returned where
    the header lacks one of the `needed` columns, in whatever letters.

    Raises
    ------
    InputError
        As `read_rows`; an empty file, rows of other lengths than the header, a name twice.
    """
    rows = read_rows(path)
    if not rows:
        raise InputError(f"{path}: the file is empty; a header and rows are expected")
    header = [cell.strip() for cell in rows[0]]
    if not set(needed) <= {name.lower() for name in header}:
        return None
    twice = next((name for name in header if name and header.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"{path}: two columns are called '{twice}'; name each its own")
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != len(header):
            raise InputError(
                f"{path}, row {number}: {len(row)} cells where the header has {len(header)}"
            )
    frame = pd.DataFrame(rows[1:], columns=header, dtype=object)
    frame = frame.mask(frame.map(lambda cell: not cell.strip()), np.nan)
    return frame.drop(columns=[name for name in ("", "Unnamed: 0") if name in header[:1]])


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: not UTF-8 text; save it as CSV in UTF-8") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None


def _parsed(path: Path, text: str, separator: str) -> list[list[str]]:
    try:
        rows = [
            row
            for row in csv.reader(StringIO(text), delimiter=separator)
            if any(cell.strip() for cell in row)
        ]
    except csv.Error as error:
        raise InputError(
            f"{path}: not a table ({error}); cells hold at most {LONGEST:,} characters: look for a"
            " quote that is never closed"
        ) from None
    # A comment of other programs, not a header that begins with "#".
    while len(rows) > 1 and rows[0][0].startswith("#") and len(rows[0]) != len(rows[1]):
        del rows[0]
    return rows


def _decimal_point(cell: str) -> str:
    return cell.replace(",", ".") if DECIMAL_COMMA.fullmatch(cell) else cell
