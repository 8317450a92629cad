"""The files of a distance matrix: arrays in one ``.npz``, tables as CSV."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from behaviordist.errors import InputError
from behaviordist.store import publish

if TYPE_CHECKING:
    import pandas as pd

NPZ = "distances.npz"
Arrays = Mapping[str, NDArray[Any]]


def write_folder(
    folder: Path,
    tables: Mapping[str, pd.DataFrame],
    labels: Sequence[str],
    arrays: Arrays,
    metadata: dict[str, Any],
) -> None:
    """Write every table as ``NAME.csv``, and the arrays beside them.

    Raises
    ------
    InputError
        If a file cannot be written.
    """
    from behaviordist.store.tables import write_square

    try:
        for name, table in tables.items():
            write_square(folder / f"{name}.csv", table)
    except OSError as error:
        raise _unwritable(folder, error) from None
    write_npz(folder / NPZ, labels, arrays, metadata)


def write_npz(path: Path, labels: Sequence[str], arrays: Arrays, metadata: dict[str, Any]) -> None:
    """Write arrays, labels and metadata into one file, atomically."""
    inputs = {"labels": list(labels), "metadata": metadata}
    text = np.array(json.dumps(metadata, sort_keys=True))
    try:
        with publish(path, inputs) as temporary, open(temporary, "wb") as stream:
            named: dict[str, Any] = dict(arrays)
            np.savez(stream, labels=np.array(labels), metadata=text, **named)
    except OSError as error:
        raise _unwritable(path, error) from None


def read_npz(path: Path, needed: Sequence[str], optional: Sequence[str]) -> dict[str, Any]:
    """Read labels, metadata and arrays of a file, or of the folder that holds it.

    Raises
    ------
    InputError
        If it is missing, truncated or something else.
    """
    path = path / NPZ if path.is_dir() else path
    try:
        with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as file:
            names = [*needed, *(name for name in optional if name in file)]
            return {
                "labels": tuple(file["labels"].tolist()),
                "metadata": json.loads(str(file["metadata"])),
                **{name: file[name] for name in names},
            }
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; give a folder or .npz of distances") from None
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise InputError(f"{path}: not a whole distance matrix ({error})") from None


def _unwritable(path: Path, error: OSError) -> InputError:
    return InputError(f"{path}: cannot be written ({error}); make room or choose another folder")
