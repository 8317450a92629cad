"""The files of matrices: arrays in one ``.npz``, tables as CSV."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import numpy as np

from behaviordist.errors import InputError
from behaviordist.store import publish

if TYPE_CHECKING:
    import pandas as pd

NPZ = "distances.npz"
DIRECTED = "divergences.npz"


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Refuse in one line what the disk refuses."""
    try:
        yield
    except OSError as error:
        raise InputError(
            f"{path}: cannot be written ({error}); make room or choose another folder"
        ) from None


def write_matrix(
    path: Path,
    name: str,
    tables: Callable[[], Mapping[str, pd.DataFrame]],
    inputs: Any,
    arrays: Mapping[str, Any],
) -> None:
    """Write arrays into a ``.npz`` file, or into a folder: tables as CSV, and the file `name`.

    Raises
    ------
    InputError
        If a file cannot be written.
    """
    from behaviordist.store.tables import write_square

    if path.suffix != ".npz":
        with _writing(path):
            for file, table in tables().items():
                write_square(path / file, table)
        path /= name
    with _writing(path), publish(path, inputs) as temporary, open(temporary, "wb") as stream:
        np.savez(stream, **arrays)


@contextmanager
def opened_npz(path: Path, name: str, of: str, whole: str) -> Iterator[Any]:
    """Yield the arrays of a file, or of the one called `name` in the folder that holds it.

    Raises
    ------
    InputError
        If it is missing, truncated or something else: no file `of` such, or not a `whole` one.
    """
    path = path / name if path.is_dir() else path
    try:
        with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as file:
            yield file
    except InputError:
        raise
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; give a folder or .npz of {of}") from None
    except (OSError, ValueError, KeyError, EOFError, BadZipFile, TypeError) as error:
        raise InputError(f"{path}: not a whole {whole} ({error})") from None
