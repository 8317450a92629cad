"""Logs of Inspect: one JSON file, or an `.eval` file, which is a zip of JSON files.

A sample has `input`, `target`, `epoch` and `scores` by scorer; C, I, P and N are scores of 1, 0,
1/2 and 0. Samples are matched by input, choices and target, never by their id: many questions read
"Which is true?", and only their choices tell them apart. Where `inspect_ai` is installed its own
reader opens the file; what it stumbles on, and every file where it is not, is read here.
"""

from __future__ import annotations

import importlib.util
import struct
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from struct import error as StructError
from typing import Any, BinaryIO
from zipfile import BadZipFile, ZipFile, ZipInfo

from behaviordist.errors import InputError, did_you_mean
from behaviordist.evals.rows import EvalRow, Wanted, content_digest, read_json, score_of, text_of

Parsed = tuple[dict[str, Any], Iterator[tuple[str, Any]]]
LETTERS = {"C": 1.0, "I": 0.0, "P": 0.5, "N": 0.0, "yes": 1.0, "no": 0.0, "true": 1.0, "false": 0.0}
HEADERS = ("header.json", "_journal/start.json")
ZSTANDARD = 93
MOST_BYTES = 2**31
"""Of one sample: a damaged header may ask for any number."""


def read_inspect(path: Path, name: str | None, wanted: Wanted) -> Iterator[EvalRow]:
    """Yield the rows of one log; its model is `name`, or what the log says."""
    log, samples = _by_inspect(path) or (_zipped if path.suffix == ".eval" else _plain)(path)
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
        tag, cluster = wanted.labels(sample.get("metadata"), where)
        yield EvalRow(
            task, _item(sample), model, score_of(_value(value), where), where, tag, cluster,
            how=scorer or "",
        )  # fmt: skip


def _by_inspect(path: Path) -> Parsed | None:
    """Return what Inspect's own reader makes of a log, or None where it makes nothing of it."""
    if importlib.util.find_spec("inspect_ai") is None:
        return None
    from inspect_ai.log import read_eval_log

    try:
        read = read_eval_log(str(path))
    except Exception:  # whatever it is: the parser here says it in one line
        return None
    log = read.model_dump(mode="json", exclude_none=True)
    places = enumerate(log.get("samples") or (), start=1)
    samples = [(f"{path}, sample {i}", one) for i, one in places]
    return (log, iter(samples)) if samples else None


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


def _plain(path: Path) -> Parsed:
    log = read_json(path.read_bytes(), str(path))
    if not isinstance(log, dict):
        raise InputError(f"{path}: not a log of Inspect (an object of keys)")
    samples = log.get("samples")
    if not isinstance(samples, list):
        raise InputError(f"{path}: no list of samples; a log of Inspect with its samples is needed")
    places = ((f"{path}, sample {i}", one) for i, one in enumerate(samples, start=1))
    return log, places


def _zipped(path: Path) -> Parsed:
    members = _members(path)
    header = next((name for name in HEADERS if name in members), None)
    if header is None:
        raise InputError(f"{path}: no header.json; not a log of Inspect")
    log = read_json(members[header], f"{path}, {header}")
    if not isinstance(log, dict):
        raise InputError(f"{path}, {header}: not an object of keys")
    names = sorted(filter(_sample, members))
    if not names:
        raise InputError(f"{path}: no samples; a log of Inspect with its samples is needed")
    return log, ((f"{path}, {n}", read_json(members[n], f"{path}, {n}")) for n in names)


def _members(path: Path) -> dict[str, bytes]:
    """Return the header and the samples of a zip."""
    import pyarrow

    try:
        with open(path, "rb") as stream, ZipFile(stream) as file:
            wanted = [i for i in file.infolist() if i.filename in HEADERS or _sample(i.filename)]
            return {info.filename: _unpacked(stream, file, info) for info in wanted}
    except InputError:
        raise
    except (
        BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError, KeyError,
        StructError, ValueError, OverflowError, MemoryError, pyarrow.ArrowException,
    ) as error:  # fmt: skip
        raise InputError(f"{path}: not a whole zip ({error}); is the log whole?") from None


def _unpacked(stream: BinaryIO, file: ZipFile, info: ZipInfo) -> bytes:
    """Return the bytes of one member; Inspect packs with zstandard, which zipfile may not read."""
    if info.compress_type != ZSTANDARD:
        return file.read(info)
    import pyarrow

    if info.file_size > MOST_BYTES:
        raise InputError(f"{file.filename}, {info.filename}: {info.file_size:,} bytes are too many")
    stream.seek(info.header_offset)
    name, extra = struct.unpack("<26xHH", stream.read(30))
    stream.seek(name + extra, 1)
    packed = stream.read(info.compress_size)
    whole: bytes = pyarrow.decompress(packed, info.file_size, codec="zstd", asbytes=True)
    if zlib.crc32(whole) != info.CRC:
        raise BadZipFile(f"bad CRC of {info.filename}")
    return whole


def _sample(name: str) -> bool:
    return name.startswith("samples/") and name.endswith(".json")
