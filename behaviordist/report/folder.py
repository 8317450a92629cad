"""Read what a run left in its folder, tolerating what is absent and naming what is damaged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from behaviordist.distance.matrix import DistanceMatrix
from behaviordist.distance.matrix_files import NPZ
from behaviordist.errors import InputError
from behaviordist.record import RunRecord, read_record
from behaviordist.store.tables import read_square

TRANSFER_COLUMNS = ("source", "target", "seed", "step", "score")
DATA = (".csv", ".parquet", ".json", ".npz", ".yaml")


@dataclass(frozen=True, eq=False)
class RunFolder:
    """The contents of a run's folder.

    Parameters
    ----------
    path
        The folder.
    record
        ``run.json``.
    matrix
        The distances; None where it holds none.
    transfers
        One row an evaluation; empty where it holds none.
    """

    path: Path
    record: RunRecord
    matrix: DistanceMatrix | None
    transfers: pd.DataFrame

    @property
    def files(self) -> Sequence[str]:
        """Names of the files that hold numbers."""
        names = (path.name for path in sorted(self.path.iterdir()) if path.suffix in DATA)
        return [name for name in names if not name.endswith(".manifest.json")]


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
    return RunFolder(
        path=folder,
        record=read_record(folder),
        matrix=read_matrix(folder),
        transfers=_read_transfers(folder / "transfers.parquet"),
    )


def read_matrix(folder: Path) -> DistanceMatrix | None:
    """Return the folder's distances: ``distances.npz``, or its table without errors."""
    if (folder / NPZ).is_file():
        return DistanceMatrix.load(folder)
    table = folder / "distances.csv"
    if not table.is_file():
        return None
    frame = read_square(table, "distances")
    values = frame.to_numpy(dtype=float)
    if not np.allclose(values, values.T, equal_nan=True):
        raise InputError(f"{table}: not symmetric; distances are both ways")
    labels = tuple(str(label) for label in frame.index)
    return DistanceMatrix(labels, values**2, np.full(values.shape, np.nan))


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
