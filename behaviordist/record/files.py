"""A record as a file: written whole, read with the key that is wrong named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from behaviordist.errors import InputError, did_you_mean
from behaviordist.record.run import KINDS, RECORD, SCHEMA, RunRecord
from behaviordist.store import write_json

RUN_FILE, COMPARE_FILE = "run.json", "comparison.json"


def write_record(path: Path, record: RunRecord) -> None:
    """Write a record atomically."""
    write_json(path, record.to_json())


def read_record(path: Path) -> RunRecord:
    """Read a record, of an older schema too.

    Parameters
    ----------
    path
        The file, or the folder whose ``run.json`` (of `compare`: ``comparison.json``) it is.

    Raises
    ------
    InputError
        The file is missing, no JSON, of an unknown kind or of a newer schema, or a key of it is
        wrong: the first such key is named.
    """
    if path.is_dir():
        compared = (path / COMPARE_FILE).is_file() and not (path / RUN_FILE).exists()
        path = path / (COMPARE_FILE if compared else RUN_FILE)
    value = read_json(path)
    kind = value.get("kind")
    if kind not in KINDS:
        raise InputError(f"{path}: no report for kind '{kind}'; {did_you_mean(str(kind), KINDS)}")
    schema = value.get("schema")
    try:
        if schema == 1:
            value = _upgraded(value, path)
        elif schema != SCHEMA:
            raise InputError(
                f"{path}: 'schema' is {schema!r}, this version reads up to {SCHEMA}; update"
                " behaviordist or run the command again"
            )
        return RECORD.validate_python(value)
    except ValidationError as error:
        raise InputError(f"{path}: {first_fault(error)}; run the command again") from None


def _upgraded(value: dict[str, Any], path: Path) -> dict[str, Any]:
    from behaviordist.record.schema_1 import upgraded

    test = path.with_name("test.json")
    try:
        return upgraded(value, read_json(test) if test.is_file() else None, path.parent)
    except (AttributeError, KeyError, TypeError, ValueError):
        raise InputError(f"{path}: not as version 0.1.0 wrote it; run the command again") from None


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object; raises `InputError` where it is missing or something else."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(
            f"{path.parent}: no {path.name} in it; give a folder that `behaviordist run` or"
            " `distance` wrote"
        ) from None
    except (ValueError, OSError, RecursionError) as error:
        raise InputError(f"{path}: not readable as JSON ({error}); run it again") from None
    if not isinstance(value, dict):
        raise InputError(f"{path}: expected a JSON object; run it again")
    return value


def first_fault(error: ValidationError) -> str:
    """Return the key and the complaint of the first thing that is wrong, in one line."""
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"]) or "record"
    return " ".join(f"'{key}': {first['msg']}".split())
