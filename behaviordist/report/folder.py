"""Read what a run left in its folder, tolerating what is absent and naming what is damaged."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from behaviordist.distance.matrix import DistanceMatrix
from behaviordist.errors import InputError
from behaviordist.store.tables import TableKind, read_square

TRANSFER_COLUMNS = ("source", "target", "seed", "step", "score")


@dataclass(frozen=True)
class RunFolder:
    """The contents of a run's folder; tables that are absent are empty.

    Parameters
    ----------
    path
        The folder.
    record
        `run.json`.
    test
        `test.json`, or empty.
    distances, standard_errors, indistinguishable
        Square tables of the behaviors.
    costs, censored
        Rows = source, columns = target.
    transfers
        One row an evaluation.
    """

    path: Path
    record: dict[str, Any]
    test: dict[str, Any]
    distances: pd.DataFrame
    standard_errors: pd.DataFrame
    indistinguishable: pd.DataFrame
    costs: pd.DataFrame
    censored: pd.DataFrame
    transfers: pd.DataFrame

    @cached_property
    def matrix(self) -> DistanceMatrix:
        """The distances as a `DistanceMatrix`, signed squares where `distances.npz` has them."""
        labels = [str(x) for x in self.distances.index]
        values = self.distances.to_numpy(dtype=float)
        stored = self.path / "distances.npz"
        if stored.is_file():
            matrix = DistanceMatrix.load(stored)
            if set(matrix.labels) == set(labels):
                matrix = matrix.select(labels)
                if np.allclose(matrix.distances, values, equal_nan=True):
                    return matrix
        metadata = {"geometry": str(self.record.get("geometry") or "")}
        unknown = np.full(values.shape, np.nan)
        return DistanceMatrix(tuple(labels), values**2, unknown, metadata=metadata)

    def rows(self, key: str) -> list[dict[str, Any]]:
        """Return the list of records that `run.json` keeps under `key`; empty where absent."""
        value = self.record.get(key)
        return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []

    def table(self, key: str) -> dict[str, Any]:
        """Return the mapping that `run.json` keeps under `key`; empty where absent."""
        value = self.record.get(key)
        return value if isinstance(value, dict) else {}


def read_run(folder: Path) -> RunFolder:
    """Read a run's folder.

    Raises
    ------
    InputError
        The folder or its `run.json` is missing, or a file in it is damaged.
    """
    if not folder.is_dir():
        raise InputError(
            f"{folder}: no such folder; give one that `behaviordist run` or `distance` wrote"
        )
    if not (folder / "run.json").is_file():
        raise InputError(
            f"{folder}: no run.json in it; give a folder that `behaviordist run` or `distance` "
            "wrote"
        )
    distances = _read_table(folder / "distances.csv", "distances")
    if not np.allclose(distances, distances.T, equal_nan=True):
        raise InputError(f"{folder / 'distances.csv'}: not symmetric; distances are both ways")
    return RunFolder(
        path=folder,
        record=_read_json(folder / "run.json"),
        test=_read_json(folder / "test.json"),
        distances=distances,
        standard_errors=_read_table(folder / "standard_errors.csv", "matrix"),
        indistinguishable=_read_table(folder / "indistinguishable.csv", "matrix"),
        costs=_read_table(folder / "costs.csv", "costs"),
        censored=_read_table(folder / "censored.csv", "matrix"),
        transfers=_read_transfers(folder / "transfers.parquet"),
    )


def _read_json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise InputError(f"{path}: not readable as JSON ({error}); run the study again") from error
    if not isinstance(value, dict):
        raise InputError(f"{path}: expected a JSON object; run the study again")
    return value


def _read_table(path: Path, kind: TableKind) -> pd.DataFrame:
    return read_square(path, kind) if path.is_file() else pd.DataFrame(dtype=float)


def _read_transfers(path: Path) -> pd.DataFrame:
    if not path.is_file():
        return pd.DataFrame(columns=list(TRANSFER_COLUMNS))
    try:
        frame = pd.read_parquet(path)
    except (ValueError, OSError) as error:
        raise InputError(
            f"{path}: not readable as parquet ({error}); run the study again"
        ) from error
    missing = [name for name in TRANSFER_COLUMNS if name not in frame.columns]
    if missing:
        raise InputError(f"{path}: column '{missing[0]}' is missing")
    return frame
