"""Costs and distances as people have them: square or rectangular or long, CSV or Parquet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from behaviordist.errors import InputError, did_you_mean
from behaviordist.hypothesis.tables.survival import restricted_mean
from behaviordist.store.delimited import read_table
from behaviordist.store.tables import MISSING, read_costs, read_matrix, read_parquet

KEYS = ("source", "target")
COST_COLUMNS = ("cost", "steps", "tokens", "flops", "value", "gain", "score")
YES, NO = ("1", "true", "1.0", "yes"), ("0", "false", "0.0", "no", "")
RUN_COLUMNS = ("seed", "censored", "budget", "unit")


@dataclass(frozen=True)
class CostData:
    """Costs of pairs, and what is known about the runs behind them.

    Attributes
    ----------
    costs
        (S, T) mean cost over seeds, restricted to the common horizon where runs are censored.
    censored
        (S, T) share of runs censored.
    halves
        Mean costs of the even and of the odd seeds; None with one seed.
    runs
        One row a run: source, target, seed, cost, censored. None for a matrix.
    """

    costs: pd.DataFrame
    censored: pd.DataFrame
    halves: tuple[pd.DataFrame, pd.DataFrame] | None = None
    runs: pd.DataFrame | None = None


def read_cost_columns(path: str | Path, columns: Sequence[str] | None) -> list[CostData]:
    """Read each of several cost columns of one long table, in the order they are asked for.

    Without `columns` the one of `read_cost_data`. A ``budget`` counts in the first column's unit:
    where another column is empty, the budget does not stand in for it.

    Raises
    ------
    InputError
        As `read_cost_data`; a column that is asked for twice; several columns of a matrix.
    """
    first, others = (columns[0], list(columns[1:])) if columns else (None, [])
    if len({first, *others}) <= len(others):
        raise InputError(f"cost columns {', '.join(columns or [])}: one is named twice")
    tables = [read_cost_data(path, first)]
    if others and tables[0].runs is None:
        raise InputError(f"{path}: a matrix has one cost; several columns need a long table")
    return tables + [read_cost_data(path, c, own_budget=False) for c in others]


def read_cost_data(
    path: str | Path,
    column: str | None = None,
    own_budget: bool = True,
) -> CostData:
    """Read costs from CSV or Parquet, a labelled matrix or long with one row a run.

    Parameters
    ----------
    path
        A matrix as in `behaviordist.store.tables.read_matrix`, or a long table with columns
        ``source``, ``target``, a cost and optionally ``seed``, ``censored`` (0/1), ``budget`` (of
        the run), ``unit``.
    column
        The cost column of a long table; default the first of cost, steps, tokens, flops, ...
    own_budget
        Whether ``budget`` is in the unit of `column`, and so the cost of a censored run that has
        none.

    Raises
    ------
    InputError
        Negative or infinite costs, censored runs without a budget, several units in one column,
        the same run twice, unknown column.
    """
    path = Path(path)
    frame = _frame(path)
    if frame is None:
        return CostData(*read_costs(path, square=False))
    if not set(KEYS) <= set(frame.columns):
        matrix = _labelled(path, frame)
        return CostData(matrix, matrix * 0.0)
    known = frame if own_budget else frame.drop(columns="budget", errors="ignore")
    runs = _runs(path, known, column)
    costs, censored = _matrices(runs)
    return CostData(costs, censored, _halves(runs), runs)


def read_predictor(path: str | Path) -> pd.DataFrame:
    """Read a predictor of cost: a labelled matrix, or long with ``source,target,<value>``."""
    path = Path(path)
    frame = _frame(path)
    if frame is None:
        return read_matrix(path)
    if not set(KEYS) <= set(frame.columns):
        return _labelled(path, frame)
    values = [c for c in frame.columns if c not in KEYS]
    if len(values) != 1:
        raise InputError(f"{path}: expected one column beside source and target, got {values}")
    number = _numbers(path, frame, values[0])
    return _pivot(frame.assign(cost=number), "cost")


def _frame(path: Path) -> pd.DataFrame | None:
    """Return a long or Parquet table; None where the file is a CSV matrix (or is not there)."""
    if path.suffix == ".parquet":
        return read_parquet(path)
    if not path.is_file():
        return None
    frame = read_table(path, KEYS)
    if frame is None:
        return None
    frame = frame.rename(columns=_known)
    for key in KEYS:
        empty = np.flatnonzero(frame[key].isna())
        if len(empty):
            raise InputError(f"{path}, line {empty[0] + 2}: no {key}; name every behavior")
    return frame


def _known(name: str) -> str:
    """Return a column's name in small letters, where that is one of those that mean something."""
    small = name.lower()
    return small if small in (*KEYS, *COST_COLUMNS, *RUN_COLUMNS) else name


def _labelled(path: Path, frame: pd.DataFrame) -> pd.DataFrame:
    """Return a Parquet matrix: labels in the index, or in the first column if that is text."""
    if isinstance(frame.index, pd.RangeIndex):
        frame = frame.set_index(frame.columns[0])
    try:
        return frame.astype(np.float64).rename(index=str, columns=str)
    except (TypeError, ValueError) as error:
        raise InputError(f"{path}: not all cells are numbers ({error})") from None


def _runs(path: Path, frame: pd.DataFrame, column: str | None) -> pd.DataFrame:
    known = [c for c in frame.columns if c not in (*KEYS, *RUN_COLUMNS)]
    column = column or next((c for c in COST_COLUMNS if c in known), None)
    if column is None or column not in known:
        name = column or "cost"
        raise InputError(f"{path}: no cost column '{name}'; {did_you_mean(name, known)}")
    if "unit" in frame and frame["unit"].nunique() > 1:
        units = ", ".join(sorted(map(str, frame["unit"].unique())))
        raise InputError(f"{path}: costs in several units ({units}); use one file for each")
    cost = _numbers(path, frame, column)
    if column in ("steps", "tokens", "flops") and bool((cost < 0).any()):
        row = int(np.flatnonzero(cost < 0)[0])
        raise InputError(f"{path}, line {row + 2}: {column} {cost[row]:g} is negative")
    runs = pd.DataFrame({key: frame[key].astype(str).str.strip() for key in KEYS})
    runs["seed"] = frame["seed"].astype(str) if "seed" in frame else "0"
    runs["cost"] = cost
    runs["censored"] = _censored(path, frame, runs)
    twice = runs.duplicated([*KEYS, "seed"])
    if twice.any():
        source, target, seed = runs.loc[twice, [*KEYS, "seed"]].iloc[0]
        raise InputError(f"{path}: '{source}' to '{target}', seed {seed}, is there twice")
    return runs.dropna(subset="cost")


def _censored(path: Path, frame: pd.DataFrame, runs: pd.DataFrame) -> pd.Series[bool]:
    """Read the flags; a censored run costs at least its budget, which is written into `runs`."""
    if "censored" not in frame:
        return pd.Series(False, index=frame.index)
    told = frame["censored"].astype(str).str.strip().str.lower()
    odd = np.flatnonzero(~told.isin(YES + NO) & frame["censored"].notna())
    if len(odd):
        cell = frame["censored"].iloc[odd[0]]
        raise InputError(f"{path}, line {odd[0] + 2}: censored '{cell}' is neither 0 nor 1")
    flags = told.isin(YES)
    if flags.any() and "budget" in frame:
        budget = pd.Series(_numbers(path, frame, "budget"), frame.index)
        runs.loc[flags & runs["cost"].isna(), "cost"] = budget
    if bool(runs.loc[flags, "cost"].isna().any()):
        row = int(np.flatnonzero(flags & runs["cost"].isna())[0])
        raise InputError(
            f"{path}, line {row + 2}: censored, but neither a cost nor a budget says at what"
        )
    return flags


def _numbers(path: Path, frame: pd.DataFrame, column: str) -> np.ndarray:
    number = frame[column].map(_number).astype(np.float64)
    empty = frame[column].isna() | frame[column].astype(str).str.strip().str.lower().isin(MISSING)
    bad = np.flatnonzero((number.isna() & ~empty) | np.isinf(number.fillna(0)))
    if len(bad):
        cell = frame[column].iloc[bad[0]]
        raise InputError(f"{path}, line {bad[0] + 2}: {column} '{cell}' is not a finite number")
    return number.to_numpy(dtype=np.float64)


def _number(cell: object) -> float:
    """Return a cell as a number, correctly rounded (unlike pandas); NaN if it is none."""
    try:
        return float(str(cell))
    except ValueError:
        return np.nan


def _matrices(runs: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Mean cost, or the restricted mean where runs of a target stop at different budgets."""
    censored = _pivot(runs.assign(censored=runs["censored"].astype(float)), "censored")
    horizon = runs[runs["censored"]].groupby("target")["cost"].min()
    cost, arrived = runs["cost"].to_numpy(), ~runs["censored"].to_numpy(dtype=bool)
    cells: dict[Any, Any] = dict(runs.groupby(list(KEYS)).indices)
    rows = [
        (*pair, restricted_mean(cost[at], arrived[at], float(horizon.get(pair[1], np.inf))))
        for pair, at in cells.items()
    ]
    costs = pd.DataFrame(rows, columns=[*KEYS, "cost"])
    return _pivot(costs, "cost"), censored


def _halves(runs: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame] | None:
    seeds = sorted(runs["seed"].unique())
    if len(seeds) < 2:
        return None
    first, second = (
        _matrices(runs[runs["seed"].isin(half)])[0] for half in (seeds[::2], seeds[1::2])
    )
    return first, second.reindex(index=first.index, columns=first.columns)


def _pivot(table: pd.DataFrame, column: str) -> pd.DataFrame:
    """Mean over seeds; square over all labels where every source is a target or the reverse."""
    matrix = table.pivot_table(index="source", columns="target", values=column, aggfunc="mean")
    matrix = matrix.rename_axis(index=None, columns=None).rename(index=str, columns=str)
    return matrix.astype(np.float64)


def read_invalid(path: str | Path) -> dict[str, list[str]]:
    """Read ``target,source`` pairs that must not count (a source trained on the target's data)."""
    path = Path(path)
    frame = _frame(path)
    if frame is None:
        raise InputError(f"{path}: expected a CSV with columns target and source")
    pairs: dict[str, list[str]] = {}
    for source, target in zip(frame["source"], frame["target"], strict=True):
        pairs.setdefault(str(target).strip(), []).append(str(source).strip())
    return pairs


def read_groups(path: str | Path, column: str, labels: Sequence[str]) -> dict[str, str]:
    """Read ``label,<column>`` lines, the stratum or the unit of each label.

    Raises
    ------
    InputError
        No such columns, an empty cell, a label twice, or one of `labels` that is not there.
    """
    path = Path(path)
    frame = read_table(path, ("label", column))
    if frame is None:
        raise InputError(f"{path}: expected columns label and {column}")
    label, group = (frame[name].str.strip() for name in ("label", column))
    empty = np.flatnonzero(label.isna() | group.isna())
    if len(empty):
        raise InputError(f"{path}, line {empty[0] + 2}: an empty cell")
    if label.duplicated().any():
        raise InputError(f"{path}: '{label[label.duplicated()].iloc[0]}' is there twice")
    groups = dict(zip(label, group, strict=True))
    missing = sorted(set(labels) - set(groups))
    if missing:
        raise InputError(f"{path}: no {column} for {', '.join(missing[:8])}")
    return groups
