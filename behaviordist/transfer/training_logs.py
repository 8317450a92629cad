"""One run's curve out of a training log: trainer states, event files, JSON lines, CSV.

What a crash undid does not count: where a log goes back to an earlier step (a run that was
continued from a checkpoint), everything from that step on is replaced by what follows. A log that
begins again at its first step holds two trainings, and is refused.
"""

from __future__ import annotations

import itertools
import json
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from behaviordist.errors import InputError, did_you_mean
from behaviordist.store.delimited import read_table
from behaviordist.transfer.event_files import Session, read_session

FloatArray = npt.NDArray[np.float64]
STEP_NAMES = ("step", "steps", "global_step", "train/global_step")
STATE = "trainer_state.json"
Rows = Sequence[dict[str, Any]]


@dataclass(frozen=True)
class Curve:
    """Scores (n,) at increasing steps (n,) of one run; NaN where training had diverged."""

    steps: FloatArray
    scores: FloatArray


def read_curve(path: str | Path, metric: str) -> Curve:
    """Read one metric from a log.

    Parameters
    ----------
    path
        ``trainer_state.json``; a run's folder with one, or with ``checkpoint-N`` folders (the
        longest history counts, if the others are its beginnings), or with event files of one run;
        ``*.jsonl``; ``*.csv``; ``events.out.tfevents.*``.
    metric
        Its name in the log, such as ``eval_reward``.

    Raises
    ------
    InputError
        Nothing to read, an unknown metric, a broken file, two trainings in one log.
    """
    path = Path(path)
    if path.is_dir():
        states = [path / STATE, *path.glob(f"checkpoint-*/{STATE}")]
        states = [state for state in states if state.is_file()]
        if states:
            return _longest(path, {state: _curve(state, _state(state), metric) for state in states})
        events = sorted(path.rglob("*.tfevents.*"))
        if not events:
            raise InputError(f"{path}: neither {STATE} nor TensorBoard event files in it")
        return _curve(path, _of_one_run(path, [read_session(e) for e in events], metric), metric)
    if not path.is_file():
        raise InputError(f"{path}: no such file or folder")
    if ".tfevents." in path.name:
        return _curve(path, read_session(path).rows, metric)
    if path.suffix == ".csv":
        return _curve(path, _table(path), metric)
    return _curve(path, _json_lines(path) if path.suffix == ".jsonl" else _state(path), metric)


def _curve(path: Path, rows: Rows, metric: str) -> Curve:
    names = sorted({name for row in rows for name, v in row.items() if isinstance(v, int | float)})
    if metric not in names:
        raise InputError(f"{path}: no metric '{metric}'; {did_you_mean(metric, names)}")
    step = next((n for s in STEP_NAMES for n in names if n.lower() == s), None)
    if step is None:
        raise InputError(f"{path}: no column of steps (one of {', '.join(STEP_NAMES)})")
    pairs = [
        (float(row[step]), float(row[metric]))
        for row in rows
        if isinstance(row.get(metric), int | float) and _finite(row.get(step))
    ]
    if not pairs:
        raise InputError(f"{path}: no line of it has a number of '{metric}' and its step")
    kept = _without_undone(path, pairs)
    if kept[0][0] < 0:
        raise InputError(f"{path}: step {kept[0][0]:g} is negative")
    return Curve(*(np.array(column) for column in zip(*kept, strict=True)))


def _without_undone(path: Path, pairs: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return (step, score) in order, without what a later line went back behind."""
    steps = [step for step, _ in pairs]
    if len(pairs) > 1 and all(b < a for a, b in itertools.pairwise(steps)):
        return pairs[::-1]  # a table with the newest line first
    kept: list[tuple[float, float]] = []
    for step, score in pairs:
        if kept and step < kept[-1][0] and step <= kept[0][0]:
            raise _two_trainings(path, step)
        while kept and kept[-1][0] >= step:
            kept.pop()
        kept.append((step, score))
    return kept


def _of_one_run(path: Path, sessions: list[Session], metric: str) -> list[dict[str, Any]]:
    """Join the sessions of one run, in the order of their clocks."""
    scored = [s for s in sessions if any(metric in row for row in s.rows)]
    folders = sorted({s.path.parent.relative_to(path) for s in scored})
    if len(folders) > 1:
        raise InputError(
            f"{path} holds {len(folders)} trainings with '{metric}' ({folders[0]} and"
            f" {folders[1]}); name the folder of one"
        )
    rows: list[dict[str, Any]] = []
    for session in sorted(sessions, key=lambda s: (s.wall_time, s.path)):
        if folders and session.path.parent != path / folders[0]:
            continue
        before = [row for row in rows if metric in row]
        if before and session.rows:
            if session.start <= before[0]["step"]:
                raise _two_trainings(session.path, session.start)
            rows = [row for row in rows if row["step"] < session.start]
        rows += session.rows
    return rows


def _two_trainings(path: Path, step: float) -> InputError:
    return InputError(
        f"{path} begins again at step {step:g}: two trainings in one log; name the file of one"
    )


def _longest(path: Path, curves: dict[Path, Curve]) -> Curve:
    """Return the curve that goes furthest, of which all the others must be beginnings."""
    best = max(curves, key=lambda state: (curves[state].steps[-1], len(curves[state].steps)))
    whole = curves[best]
    for state, curve in curves.items():
        n = len(curve.steps)
        same = np.array_equal(curve.steps, whole.steps[:n]) and np.array_equal(
            curve.scores, whole.scores[:n], equal_nan=True
        )
        if not same:
            names = " and ".join(str(s.relative_to(path)) for s in (state, best))
            raise InputError(f"{path}: {names} tell of different trainings; name the file of one")
    return whole


def _state(path: Path) -> list[dict[str, Any]]:
    entries = _object(path, _text(path)).get("log_history")
    if not isinstance(entries, list) or not all(isinstance(e, dict) for e in entries):
        raise InputError(f"{path}: no 'log_history'; expected a {STATE}")
    return [_numeric(entry) for entry in entries]


def _json_lines(path: Path) -> list[dict[str, Any]]:
    lines = _text(path).split("\n")
    rows = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            rows.append(_numeric(_object(path, line, f", line {number}")))
        except InputError:
            if number == len(lines) > 1:  # not ended: a run that was killed while it wrote
                break
            raise
    return rows


def _table(path: Path) -> list[dict[str, Any]]:
    frame = read_table(path)
    assert frame is not None  # no columns are asked of it
    return [
        _numeric({str(k): v for k, v in row.items() if isinstance(v, str)})
        for row in frame.to_dict("records")
    ]


def _numeric(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row with texts that are numbers ("NaN" among them) as numbers."""
    out = dict(row)
    for name, value in row.items():
        if isinstance(value, str):
            try:
                out[name] = float(value)
            except ValueError:
                continue
        elif isinstance(value, bool):
            del out[name]
    return out


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{path}: not UTF-8 text; expected a training log") from None


def _object(path: Path, text: str, where: str = "") -> dict[str, Any]:
    try:
        value = json.loads(text, parse_int=_integer)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}{where}: not JSON ({error})") from None
    if not isinstance(value, dict):
        raise InputError(f"{path}{where}: expected an object, got {type(value).__name__}")
    return value


def _integer(text: str) -> int | float:
    """Return an integer; of more digits than a float holds, infinity, as JSON's 1e999 is."""
    return int(text) if len(text) < sys.float_info.max_10_exp else float(text)


def _finite(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)
