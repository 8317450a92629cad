"""Examples of a regime out of files and data sets: read, renamed, checked in one line each."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from behaviordist.errors import InputError, did_you_mean, in_brief
from behaviordist.regimes.declaration import SPREADING, Regime, Rlvr

Row = dict[str, Any]
FILES = {".jsonl": "json", ".json": "json", ".csv": "csv", ".parquet": "parquet"}
PREFERENCES = ("dpo", "reward", "rlhf")


def read_rows(regime: Regime, held_out: bool) -> list[Row]:
    """Read the rows of one split, under the names of their roles.

    Returns
    -------
    list of dict
        Keys by algorithm, see `behaviordist.regimes.sections.Data`; the order of the file.

    Raises
    ------
    InputError
        No such data, a column is missing, a cell has the wrong type, a pair has equal sides.
    """
    where = regime.data.held_out if held_out else regime.data.train
    assert where is not None
    raw = _read_jsonl(Path(where)) if where.endswith(".jsonl") else _read_dataset(where)
    if not raw:
        raise InputError(f"{where}: no rows")
    roles = _roles(regime, raw[0], where)
    rows = [
        {role: _cell(row, roles[role], role, where, i) for role in roles}
        for i, row in enumerate(raw, start=1)
    ]
    for i, row in enumerate(rows, start=1):
        if "messages" in row:
            row |= _turns(row.pop("messages"), where, i)
        if "chosen" in row and row["chosen"].strip() == row["rejected"].strip():
            raise InputError(
                f"{where}, row {i}: chosen and rejected are the same: a preference needs two"
                " different answers; remove the row"
            )
    return rows


def _roles(regime: Regime, row: Row, where: str) -> dict[str, str]:
    """Return role -> column of what the algorithm needs and the file has."""
    named: Mapping[Any, str] = regime.data.columns
    columns: tuple[str, ...]
    if regime.algorithm in SPREADING:
        columns = ("text",)
    elif regime.algorithm in PREFERENCES:
        columns = ("prompt", "chosen", "rejected")
    elif isinstance(regime, Rlvr):
        columns = ("prompt", *_judged(regime.verifier.kind, named, row))
    elif named.get("messages", "messages") in row and "prompt" not in named:
        columns = ("messages",)
    else:
        columns = ("prompt", "completion")
    if regime.evaluation.score == "answer" and regime.algorithm in (*PREFERENCES, "rlvr"):
        columns = (*columns, *(("completion",) if "answer" not in columns else ()))
    roles = {role: named.get(role, role) for role in columns}
    for role, column in roles.items():
        if column not in row:
            raise InputError(
                f"{where}: no column '{column}' ({regime.algorithm} needs '{role}');"
                f" {did_you_mean(column, map(str, row))}; name it under data.columns"
            )
    return roles


def _judged(kind: str, named: Mapping[Any, str], row: Row) -> tuple[str, ...]:
    """Return what a verifier asks of a row; a reward that is plugged in gets what is there."""
    needed = {"exact": ("answer",), "numeric": ("answer",), "python": ("tests",), "regex": ()}
    there = tuple(role for role in ("answer", "tests") if named.get(role, role) in row)
    return needed.get(kind, there)


def _cell(row: Row, column: str, role: str, where: str, number: int) -> Any:
    value = row.get(column)
    if role == "messages":
        return value
    if role == "answer" and isinstance(value, int | float):
        return str(value)
    if not isinstance(value, str) or not value:
        raise InputError(f"{where}, row {number}: '{column}' is {value!r}: text is needed there")
    return value


def _turns(messages: Any, where: str, number: int) -> Row:
    """Split a conversation into what stands before the last answer, and that answer."""
    try:
        turns = [{"role": str(m["role"]), "content": str(m["content"])} for m in messages]
    except (TypeError, KeyError):
        turns = []
    if len(turns) < 2 or turns[-1]["role"] != "assistant":
        raise InputError(
            f"{where}, row {number}: messages must be a list of role and content that ends with"
            " the assistant's"
        )
    return {"prompt": turns[:-1], "completion": turns[-1]["content"]}


def _read_jsonl(path: Path) -> list[Row]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as UTF-8 text ({error})") from None
    rows = []
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                rows.append(json.loads(line))
            except ValueError:
                raise InputError(f"{path}, line {number}: not JSON") from None
            if not isinstance(rows[-1], dict):
                raise InputError(f"{path}, line {number}: a JSON object belongs there")
    return rows


def _read_dataset(where: str) -> list[Row]:
    """Read whatever ``datasets`` reads: other files, saved folders, hub ids with a split."""
    import datasets

    path, (name, _, split) = Path(where), where.partition(":")
    try:
        if path.suffix in FILES:
            if not path.is_file():
                raise InputError(f"{path}: no such file")
            kind = FILES[path.suffix]
            dataset = datasets.load_dataset(kind, data_files=str(path), split="train")
        elif path.is_dir():
            dataset = datasets.load_from_disk(str(path))
        else:
            dataset = datasets.load_dataset(name, split=split or "train")
    except InputError:
        raise
    except Exception as error:  # the library raises a dozen kinds, network errors among them
        reason = in_brief(error)
        raise InputError(
            f"data '{where}' cannot be read ({type(error).__name__}: {reason})"
        ) from None
    return [dict(row) for row in dataset]
