"""Read what a run left in its folder, tolerating what is absent and naming what is damaged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd

from behaviordist.distance.directed.matrix import DirectedMatrix
from behaviordist.distance.matrix import DistanceMatrix
from behaviordist.distance.matrix_files import DIRECTED, NPZ
from behaviordist.errors import InputError
from behaviordist.record import (
    AnswersRecord,
    CompareRecord,
    DistanceRecord,
    RunRecord,
    StudyRecord,
    read_record,
)
from behaviordist.record.directed import directed_findings
from behaviordist.report.look import FILE as LOOK
from behaviordist.report.look import Look, read_look
from behaviordist.store.folders import QUESTION
from behaviordist.store.tables import read_parquet, read_square

TRANSFER_COLUMNS = ("source", "target", "seed", "step", "score")
Run = TypeVar("Run", DistanceRecord, StudyRecord)
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
    look
        How its pictures are drawn.
    geometries
        Name -> table of the same behaviors' distances in another geometry.
    directed
        The directed distances of `behaviordist distance --geometry kl`; None where it holds none.
    """

    path: Path
    record: RunRecord
    matrix: DistanceMatrix | None
    transfers: pd.DataFrame
    look: Look = field(default_factory=Look)
    geometries: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    directed: DirectedMatrix | None = None

    @property
    def files(self) -> Sequence[str]:
        """Names of the files that hold numbers."""
        names = (path.name for path in sorted(self.path.iterdir()) if path.suffix in DATA)
        no_numbers = (LOOK, QUESTION)  # how it is drawn, and what was asked
        return [n for n in names if not n.endswith(".manifest.json") and n not in no_numbers]


def read_run(folder: Path, look: Look | None = None) -> RunFolder:
    """Read a run's folder; `look` goes before the one that it keeps.

    Raises
    ------
    InputError
        The folder or its `run.json` is missing, or a file in it is damaged.
    """
    if not folder.is_dir():
        raise InputError(
            f"{folder}: no such folder; give one that `behaviordist run` or `distance` wrote"
        )
    record, matrix = read_record(folder), read_matrix(folder)
    directed = _read_directed(folder, record)
    if look is not None:
        _check_look(look, record, matrix, directed)
    look = read_look(folder) if look is None else look
    if matrix is not None:
        look.check(matrix.labels)
    others = _read_geometries(folder / "geometries", matrix)
    if look.labels and isinstance(record, DistanceRecord) and matrix is not None:
        names = look.shown(matrix.labels)
        record, matrix = _renamed(record, dict(zip(matrix.labels, names, strict=True)), matrix)
        look = _regrouped(look)
    if directed is not None and isinstance(record, StudyRecord):
        look.check(tuple(dict.fromkeys((*directed.sources, *directed.targets))))
        directed = directed.renamed(look.labels)
        record = _renamed_behaviors(record, look.labels).model_copy(
            update={"findings": directed_findings(directed)}
        )
        look = _regrouped(look)
    return RunFolder(
        path=folder,
        record=record,
        matrix=matrix,
        transfers=_read_transfers(folder / "transfers.parquet"),
        look=look,
        geometries=others,
        directed=directed,
    )


def _read_directed(folder: Path, record: RunRecord) -> DirectedMatrix | None:
    """Return the matrix that `behaviordist distance` wrote; a study's is for its own tables."""
    if not isinstance(record, StudyRecord) or record.study != "distance":
        return None
    path = folder / DIRECTED
    return DirectedMatrix.load(path) if path.is_file() else None


def _check_look(
    look: Look,
    record: RunRecord,
    matrix: DistanceMatrix | None,
    directed: DirectedMatrix | None,
) -> None:
    """Refuse what would change nothing on the page."""
    if isinstance(record, AnswersRecord | CompareRecord):
        raise InputError(
            "a page of two models has no map: --palette, --full-range, --labels and --groups"
            " change nothing on it"
        )
    if directed is not None:
        return
    if look.labels and not (isinstance(record, DistanceRecord) and matrix is not None):
        raise InputError(
            "--labels names behaviors on pages of `behaviordist distance`; the sentences of a study"
            " hold its own names"
        )
    if matrix is None and (look.groups or look.full_range):
        raise InputError("--groups and --full-range are for distances, and the folder holds none")


def _renamed(
    record: DistanceRecord, names: Mapping[str, str], matrix: DistanceMatrix
) -> tuple[DistanceRecord, DistanceMatrix]:
    """Call the behaviors as the look does: on the page, not in the folder's tables."""
    said = [
        {**one, "pair": [names.get(x, x) for x in one["pair"]]}
        for one in matrix.metadata.get("witnesses", ())
    ]
    metadata = {**matrix.metadata, "witnesses": said}
    labels = tuple(names[x] for x in matrix.labels)
    return (
        _renamed_behaviors(record, names),
        replace(matrix, labels=labels, metadata=metadata),
    )


def _renamed_behaviors(record: Run, names: Mapping[str, str]) -> Run:
    behaviors = tuple(
        row.model_copy(update={"label": names.get(row.label, row.label)})
        for row in record.behaviors
    )
    return record.model_copy(update={"behaviors": behaviors})


def _regrouped(look: Look) -> Look:
    groups = {
        kind: {look.labels.get(label, label): name for label, name in of.items()}
        for kind, of in look.groups.items()
    }
    return look.model_copy(update={"groups": groups})


def _read_geometries(folder: Path, matrix: DistanceMatrix | None) -> dict[str, pd.DataFrame]:
    """Return the tables of a run's other geometries, as far as they are of the same behaviors."""
    if matrix is None or not folder.is_dir():
        return {}
    drawn = str(matrix.metadata.get("geometry", ""))
    tables = {p.stem: read_square(p) for p in sorted(folder.glob("*.csv")) if p.stem != drawn}
    labels = list(matrix.labels)
    return {
        name: table.reindex(index=labels, columns=labels)
        for name, table in tables.items()
        if set(labels) <= set(map(str, table.index))
    }


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
    frame = read_parquet(path)
    missing = [name for name in TRANSFER_COLUMNS if name not in frame.columns]
    if missing:
        raise InputError(f"{path}: column '{missing[0]}' is missing")
    return frame
