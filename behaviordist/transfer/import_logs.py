"""Cost curves out of anybody's training logs.

Reads Hugging Face ``trainer_state.json`` (which TRL's trainers write too), JSON-lines logs,
TensorBoard event files and CSV; turns a list of runs into a long table of costs.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from behaviordist.errors import InputError, did_you_mean
from behaviordist.transfer.curves import first_passage

FloatArray = npt.NDArray[np.float64]
STEP_NAMES = ("step", "steps", "global_step", "train/global_step")
NEEDED = ("source", "target", "path")


@dataclass(frozen=True)
class Curve:
    """Scores (n,) at increasing steps (n,) of one run."""

    steps: FloatArray
    scores: FloatArray


@dataclass(frozen=True)
class TauRule:
    """When a run has arrived.

    Attributes
    ----------
    tau
        A score, the same for every target; or None.
    share
        A share of each target's own level: the manifest's column ``level``, else the best score
        of the target's own run (source = target).
    lower
        Lower scores are better (losses); then only `tau` can be used.
    """

    tau: float | None = None
    share: float | None = None
    lower: bool = False

    def __post_init__(self) -> None:
        if (self.tau is None) == (self.share is None):
            raise InputError("tau rule: give either a score (tau) or a share of the target's level")
        if self.share is not None and self.lower:
            raise InputError("tau rule: a share of a level has no meaning where lower is better")


def read_curve(path: str | Path, metric: str) -> Curve:
    """Read one metric from a log.

    Parameters
    ----------
    path
        ``trainer_state.json``; a run's folder with one, or with ``checkpoint-N`` folders (the
        last counts), or with event files; ``*.jsonl``; ``*.csv``; ``events.out.tfevents.*``.
    metric
        Its name in the log, such as ``eval_reward``.

    Raises
    ------
    InputError
        Nothing to read, an unknown metric, a broken file.
    """
    path = Path(path)
    rows = list(_entries(_locate(path)))
    names = sorted({name for row in rows for name, v in row.items() if isinstance(v, int | float)})
    if metric not in names:
        raise InputError(f"{path}: no metric '{metric}'; {did_you_mean(metric, names)}")
    step = next((name for name in STEP_NAMES if name in names), None)
    if step is None:
        raise InputError(f"{path}: no column of steps (one of {', '.join(STEP_NAMES)})")
    pairs = {
        float(row[step]): float(row[metric])
        for row in rows
        if _number(row.get(metric)) and _number(row.get(step))
    }
    if not pairs:
        raise InputError(f"{path}: no line of it has a number of '{metric}' and its step")
    steps = np.array(sorted(pairs))
    if steps[0] < 0:
        raise InputError(f"{path}: step {steps[0]:g} is negative")
    return Curve(steps, np.array([pairs[s] for s in steps]))


def import_costs(manifest: str | Path, metric: str, rule: TauRule) -> pd.DataFrame:
    """Turn a list of logged runs into a long table of costs.

    Parameters
    ----------
    manifest
        CSV with columns source, target, path (relative to the manifest), and optionally seed,
        budget (steps; default the last step logged), level (of the target).
    metric, rule
        What is read, and when a run has arrived.

    Returns
    -------
    DataFrame
        Columns source, target, seed, steps, censored, budget, tau: what `behaviordist test`
        and `leaderboard` read. Runs of a target on itself only set its level.
    """
    manifest = Path(manifest)
    table = _manifest(manifest)
    curves = [read_curve(manifest.parent / row["path"], metric) for row in table]
    levels = _levels(manifest, table, curves) if rule.share is not None else {}
    sign = -1.0 if rule.lower else 1.0
    rows = []
    for row, curve in zip(table, curves, strict=True):
        if row["source"] == row["target"]:
            continue
        tau = rule.tau if rule.tau is not None else _share(rule) * levels[row["target"]]
        budget = _stated(manifest, row, "budget") if row.get("budget") else curve.steps[-1]
        passage = first_passage(curve.steps, sign * curve.scores, sign * tau, budget)
        rows.append(
            {
                "source": row["source"],
                "target": row["target"],
                "seed": row.get("seed") or "0",
                "steps": passage.cost,
                "censored": int(passage.censored),
                "budget": budget,
                "tau": tau,
            }
        )
    return pd.DataFrame(rows)


def _stated(path: Path, row: dict[str, str], column: str) -> float:
    """Return a number that the manifest states for a run."""
    try:
        value = float(row[column])
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        run = f"{row['source']} -> {row['target']}"
        raise InputError(f"{path}, run {run}: {column} '{row[column]}' is not a finite number")
    return value


def _share(rule: TauRule) -> float:
    return rule.share if rule.share is not None else 1.0


def _manifest(path: Path) -> list[dict[str, str]]:
    try:
        frame = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (ValueError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a CSV of runs ({error})") from None
    missing = [name for name in NEEDED if name not in frame.columns]
    if missing:
        raise InputError(f"{path}: no column '{missing[0]}'; needed: {', '.join(NEEDED)}")
    if frame.empty:
        raise InputError(f"{path}: no runs")
    return [{str(k): str(v).strip() for k, v in row.items()} for row in frame.to_dict("records")]


def _levels(path: Path, table: list[dict[str, str]], curves: list[Curve]) -> dict[str, float]:
    levels: dict[str, float] = {}
    for row, curve in zip(table, curves, strict=True):
        if row.get("level"):
            levels[row["target"]] = _stated(path, row, "level")
        elif row["source"] == row["target"]:
            best = float(curve.scores.max())
            levels[row["target"]] = max(best, levels.get(row["target"], -math.inf))
    missing = sorted({row["target"] for row in table} - set(levels))
    if missing:
        raise InputError(
            f"{path}: no level for target '{missing[0]}'; add a column 'level', or the target's"
            " own run as source = target"
        )
    return levels


def _locate(path: Path) -> list[Path]:
    """Return the files that hold a run's log."""
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise InputError(f"{path}: no such file or folder")
    states = sorted(path.glob("checkpoint-*/trainer_state.json"), key=_checkpoint_number)
    for found in ([path / "trainer_state.json"], states[-1:], sorted(path.rglob("*.tfevents.*"))):
        if found and found[0].is_file():
            return found
    raise InputError(f"{path}: neither trainer_state.json nor TensorBoard event files in it")


def _checkpoint_number(path: Path) -> int:
    tail = path.parent.name.removeprefix("checkpoint-")
    return int(tail) if tail.isdigit() else -1


def _entries(paths: list[Path]) -> Iterator[dict[str, Any]]:
    for path in paths:
        if ".tfevents." in path.name:
            yield from _events(path)
        elif path.suffix == ".csv":
            yield from _table(path)
        elif path.suffix == ".jsonl":
            yield from (_json(path, line) for line in _text(path).splitlines() if line)
        else:
            state = _json(path, _text(path))
            entries = state.get("log_history")
            if not isinstance(entries, list) or not all(isinstance(e, dict) for e in entries):
                raise InputError(f"{path}: no 'log_history'; expected a trainer_state.json")
            yield from entries


def _table(path: Path) -> list[dict[str, Any]]:
    try:
        frame = pd.read_csv(path, encoding="utf-8-sig")
    except ValueError as error:  # empty, ragged, or not UTF-8
        raise InputError(f"{path}: not a CSV log ({error})") from None
    return frame.to_dict("records")  # type: ignore[return-value]


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError:
        raise InputError(f"{path}: not UTF-8 text; expected a training log") from None


def _json(path: Path, text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise InputError(f"{path}: not JSON ({error})") from None
    if not isinstance(value, dict):
        raise InputError(f"{path}: expected an object, got {type(value).__name__}")
    return value


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _events(path: Path) -> Iterator[dict[str, Any]]:
    """Scalars of a TensorBoard event file: records of protobuf ``Event`` messages.

    Reading them takes four field numbers (step 2, summary 5; value 1; tag 1, simple_value 2,
    tensor 8), which spares the dependency on TensorBoard and on TensorFlow's messages.
    """
    data = path.read_bytes()
    at = 0
    while at + 12 <= len(data):
        (length,) = struct.unpack_from("<Q", data, at)
        record = data[at + 12 : at + 12 + length]
        at += 16 + length
        if len(record) < length:
            return  # a run that was killed leaves half a record at the end
        event = _fields(record)
        step = event.get(2, [0])[0]
        for summary in event.get(5, []):
            for value in _fields(summary).get(1, []):
                fields = _fields(value)
                number = _scalar(fields)
                if number is not None:
                    yield {"step": step, fields[1][0].decode(): number}


def _scalar(fields: dict[int, list[Any]]) -> float | None:
    if 2 in fields:
        return float(struct.unpack("<f", fields[2][0])[0])
    if 8 in fields:
        tensor = _fields(fields[8][0])
        raw = (tensor.get(5) or tensor.get(4) or [b""])[0]
        return float(struct.unpack("<f", raw[:4])[0]) if len(raw) == 4 else None
    return None


def _fields(message: bytes) -> dict[int, list[Any]]:
    """Split a protobuf message into its fields: varints as int, the rest as bytes."""
    fields: dict[int, list[Any]] = {}
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        kind = key & 7
        value: Any
        if kind == 0:
            value, at = _varint(message, at)
        else:
            size, at = _varint(message, at) if kind == 2 else ({1: 8, 5: 4}[kind], at)
            value, at = message[at : at + size], at + size
        fields.setdefault(key >> 3, []).append(value)
    return fields


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
