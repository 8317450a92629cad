"""The .npz file of a matrix of directed distances: what it says as JSON, and its arrays."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from behaviordist.errors import InputError
from behaviordist.store import publish

NPZ = "divergences.npz"


def write_npz(path: Path, said: dict[str, Any], arrays: Mapping[str, NDArray[np.float64]]) -> None:
    """Publish the file, atomically."""
    with publish(path, said) as temporary, open(temporary, "wb") as stream:
        np.savez(stream, said=np.array(json.dumps(said, sort_keys=True)), **arrays)  # type: ignore[arg-type]


def read_npz(
    path: str | Path, names: Sequence[str], optional: Sequence[str] = ()
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read what the file says and the arrays named; `optional` ones older files do not have.

    Raises
    ------
    InputError
        It is missing, truncated or something else.
    """
    path = Path(path)
    path = path / NPZ if path.is_dir() else path
    try:
        with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as file:
            said = json.loads(str(file["said"]))
            kept = [name for name in names if name in file.files or name not in optional]
            return dict(said), {name: file[name] for name in kept}
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; give a folder or .npz of divergences") from None
    except (OSError, ValueError, KeyError, EOFError, BadZipFile, TypeError) as error:
        raise not_whole(path, error) from None


def not_whole(path: str | Path, error: Exception) -> InputError:
    """Return what a damaged file is refused with."""
    return InputError(f"{path}: not a whole matrix of divergences ({error})")
