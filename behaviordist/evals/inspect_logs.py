"""Logs of Inspect: one JSON file, or an `.eval` file, which is a zip of JSON files.

A sample has `input`, `target`, `epoch` and `scores` by scorer; C, I, P and N are scores of 1, 0,
1/2 and 0. Samples are matched by input, choices and target, never by their id: many questions read
"Which is true?", and only their choices tell them apart.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from struct import error as StructError
from typing import Any
from zipfile import BadZipFile, ZipFile

from behaviordist.errors import InputError, did_you_mean
from behaviordist.evals.rows import Row, Wanted, content_digest, read_json, score_of, text_of

LETTERS = {"C": 1.0, "I": 0.0, "P": 0.5, "N": 0.0, "yes": 1.0, "no": 0.0, "true": 1.0, "false": 0.0}
HEADERS = ("header.json", "_journal/start.json")
ZSTANDARD = 93


def read_inspect(path: Path, name: str | None, wanted: Wanted) -> Iterator[Row]:
    """Yield the rows of one log; its model is `name`, or what the log says."""
    log, samples = _zipped(path) if path.suffix == ".eval" else _plain(path)
    asked = log.get("eval")
    if not isinstance(asked, dict) or "task" not in asked:
        raise InputError(f"{path}: no 'eval' with a task; not a log of Inspect")
    task = text_of(asked["task"], str(path), "the task")
    model = name or text_of(asked.get("model"), str(path), "the model")
    scorer = wanted.metric
    for where, sample in samples:
        if not isinstance(sample, dict) or "input" not in sample:
            raise InputError(f"{where}: not a sample with an input")
        scores = sample.get("scores") or {}
        if not isinstance(scores, dict):
            raise InputError(f"{where}: scores are by scorer, an object of keys")
        if scorer is None and scores:
            scorer = next(iter(scores))
        if scores and scorer not in scores:
            raise InputError(f"{where}: no scorer '{scorer}'; {did_you_mean(str(scorer), scores)}")
        score = scores.get(scorer) if scores else None
        value = score.get("value") if isinstance(score, dict) else None
        metadata = sample.get("metadata")
        tag, cluster = wanted.labels(metadata if isinstance(metadata, Mapping) else {}, where)
        yield Row(
            task, _item(sample), model, score_of(_value(value), where), where, tag, cluster,
            how=scorer or "",
        )  # fmt: skip


def _item(sample: Mapping[str, Any]) -> str:
    return content_digest([_said(sample["input"]), sample.get("choices"), sample.get("target")])


def _value(value: Any) -> Any:
    if isinstance(value, str):
        return LETTERS.get(value, LETTERS.get(value.lower(), value))
    return value


def _said(asked: Any) -> Any:
    """Return an input without the ids that Inspect draws for its messages."""
    if not isinstance(asked, list):
        return asked
    return [
        {k: m[k] for k in ("role", "content") if k in m} if isinstance(m, dict) else m
        for m in asked
    ]


def _plain(path: Path) -> tuple[dict[str, Any], Iterator[tuple[str, Any]]]:
    try:
        log = read_json(path.read_bytes(), str(path))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    if not isinstance(log, dict):
        raise InputError(f"{path}: not a log of Inspect (an object of keys)")
    samples = log.get("samples")
    if not isinstance(samples, list):
        raise InputError(f"{path}: no list of samples; a log of Inspect with its samples is needed")
    places = ((f"{path}, sample {i}", one) for i, one in enumerate(samples, start=1))
    return log, places


def _zipped(path: Path) -> tuple[dict[str, Any], Iterator[tuple[str, Any]]]:
    members = _members(path)
    header = next((name for name in HEADERS if name in members), None)
    if header is None:
        raise InputError(f"{path}: no header.json; not a log of Inspect")
    log = read_json(members[header], f"{path}, {header}")
    if not isinstance(log, dict):
        raise InputError(f"{path}, {header}: not an object of keys")
    names = sorted(n for n in members if n.startswith("samples/") and n.endswith(".json"))
    if not names:
        raise InputError(f"{path}: no samples; a log of Inspect with its samples is needed")
    return log, ((f"{path}, {n}", read_json(members[n], f"{path}, {n}")) for n in names)


def _members(path: Path) -> dict[str, bytes]:
    """Return the header and the samples of a zip."""
    try:
        with ZipFile(path) as file:
            wanted = [i for i in file.infolist() if i.filename in HEADERS or _sample(i.filename)]
            if any(info.compress_type == ZSTANDARD for info in wanted):
                raise InputError(
                    f"{path}: compressed with zstandard, which this Python's zipfile does not read;"
                    " write it as JSON: inspect log convert LOG --to json --output-dir DIR"
                )
            return {info.filename: file.read(info) for info in wanted}
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (
        BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError, KeyError,
        StructError, ValueError, OverflowError,
    ) as error:  # fmt: skip
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: not a whole zip ({error}); is the log whole?") from None


def _sample(name: str) -> bool:
    return name.startswith("samples/") and name.endswith(".json")
