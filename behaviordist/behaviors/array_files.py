"""Log-probabilities that somebody already has, in a file: `.npz`, `.safetensors`, `.parquet`.

Names are those of `ArrayBehavior`: `log_p` (n, V) natural logarithms, `probe` (n,) index of the
probe, and if known `token` (n,), the text `vocabulary` and the text `probe_digest`. In `.parquet`
a row is a position and `log_p` a list; texts are the file's metadata there and in `.safetensors`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from behaviordist.behaviors.arrays import ArrayBehavior
from behaviordist.behaviors.settings import InferenceSettings
from behaviordist.errors import InputError, in_brief
from behaviordist.store.sealed import sealed_kind

ARRAYS = ("log_p", "probe", "token")
TEXTS = ("vocabulary", "probe_digest")


def load_arrays(path: Path, label: str, settings: InferenceSettings) -> ArrayBehavior:
    """Read a behavior from a file of log-probabilities.

    Raises
    ------
    InputError
        If the file cannot be read, lacks `log_p` or `probe`, or does not hold distributions.
    """
    try:
        arrays = READERS[path.suffix](path)
    except InputError:
        raise
    except Exception as error:  # each format's reader raises kinds of its own
        reason = in_brief(error)
        raise InputError(f"{path} cannot be read as {path.suffix[1:]} ({reason})") from None
    if sealed_kind(path).startswith("behaviordist-fingerprint"):
        raise InputError(
            f"{path} is a fingerprint of features, which cannot be run: `distance`, `compare`,"
            " `gate` and `plan` take it"
        )
    for name in ("log_p", "probe"):
        if arrays.get(name) is None:
            raise InputError(f"{path} has no '{name}'; it needs log_p (n, V) and probe (n,)")
    log_p, probe = np.asarray(arrays["log_p"]), np.asarray(arrays["probe"])
    if not np.issubdtype(log_p.dtype, np.floating) or not np.issubdtype(probe.dtype, np.integer):
        raise InputError(
            f"{path}: log_p must be floating-point and probe integers,"
            f" not {log_p.dtype} and {probe.dtype}"
        )
    return ArrayBehavior(
        label=label,
        probe=probe.astype(np.int64),
        log_p=log_p.astype(np.float32),
        settings=settings,
        vocabulary=str(arrays.get("vocabulary") or "array"),
        probe_digest=arrays.get("probe_digest"),
        token=None if arrays.get("token") is None else np.asarray(arrays["token"], dtype=np.int64),
    )


def _read_npz(path: Path) -> dict[str, Any]:
    with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as file:
        arrays = {name: file[name] for name in ARRAYS if name in file}
        return {**arrays, **{name: str(file[name]) for name in TEXTS if name in file}}


def _read_safetensors(path: Path) -> dict[str, Any]:
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as file:
        names = set(file.keys())
        arrays = {name: file.get_tensor(name) for name in ARRAYS if name in names}
        return {**arrays, **{k: v for k, v in (file.metadata() or {}).items() if k in TEXTS}}


def _read_parquet(path: Path) -> dict[str, Any]:
    from pyarrow import parquet

    table = parquet.read_table(path)
    arrays: dict[str, Any] = {
        name: table[name].to_numpy() for name in ("probe", "token") if name in table.column_names
    }
    if "log_p" in table.column_names:
        rows = table["log_p"].to_pylist()
        if len({len(row or ()) for row in rows}) > 1:
            raise InputError(f"{path}: the lists in 'log_p' have different lengths")
        arrays["log_p"] = np.array(rows, dtype=np.float32)
    texts = {k.decode(): v.decode() for k, v in (table.schema.metadata or {}).items()}
    return {**arrays, **{k: v for k, v in texts.items() if k in TEXTS}}


READERS = {".npz": _read_npz, ".safetensors": _read_safetensors, ".parquet": _read_parquet}
