"""Files of tensors that say of themselves whether they are whole: safetensors with a digest inside.

The digest is the sha256 of the file's bytes with the digest itself written as zeros, so that it
covers header and tensors alike and needs no second file: such a file may travel alone.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from behaviordist.errors import InputError
from behaviordist.store.artifacts import publish

FORMAT, DIGEST = "format", "digest"
UNKNOWN = "0" * 64
DTYPES = {
    "F16": np.float16, "F32": np.float32, "I32": np.int32, "I64": np.int64, "U8": np.uint8,
    "U16": np.uint16,
}  # fmt: skip
AGAIN = "delete it and make it again"


@dataclass(frozen=True, eq=False)
class Sealed:
    """What a sealed file holds.

    Parameters
    ----------
    texts
        The header's texts, but for the format and the digest.
    tensors
        Name -> array, memory-mapped.
    digest
        Of the file.
    """

    texts: dict[str, str]
    tensors: dict[str, NDArray[Any]]
    digest: str


def write_sealed(
    path: Path,
    kind: str,
    tensors: Mapping[str, NDArray[Any]],
    texts: Mapping[str, str],
    inputs: Any,
) -> str:
    """Write a file atomically; equal content gives equal bytes.

    Parameters
    ----------
    path
        The file. A manifest (`store.publish`) lies beside it.
    kind
        The format that `read_sealed` asks for.
    tensors, texts
        What it holds.
    inputs
        What the manifest says the file depends on.

    Returns
    -------
    The digest.

    Raises
    ------
    InputError
        If it cannot be written, such as on a full disk; nothing is left behind.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    kept = {name: np.ascontiguousarray(value) for name, value in tensors.items()}
    metadata = {**texts, FORMAT: kind, DIGEST: UNKNOWN}
    try:
        with publish(path, inputs) as temporary:
            save_file(kept, temporary, metadata=metadata)
            return _seal(Path(temporary))
    except (OSError, SafetensorError) as error:
        raise InputError(
            f"{path}: cannot be written ({error}); make room or choose another folder"
        ) from None


def read_sealed(path: Path, kind: str, what: str = "file") -> Sealed:
    """Read a file of a kind, and hold every byte of it against its digest.

    Raises
    ------
    InputError
        If it is missing, truncated, altered, or of another kind or an earlier format.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np") as file:
            names = list(file.keys())
        header, start = _header(path)
        texts = dict(header.pop("__metadata__", {}))
        found = texts.pop(FORMAT, "")
        if found != kind:
            raise InputError(f"{path}: {_other(found, kind, what)}")
        digest = texts.pop(DIGEST, UNKNOWN)
        if _digest(path, digest) != digest:
            raise InputError(
                f"{path}: its bytes are not those that were written: altered, or copied in part;"
                " copy or make it again"
            )
        return Sealed(texts, {name: _mapped(path, header[name], start) for name in names}, digest)
    except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: not a whole {what} file ({error}); {AGAIN}") from None


def sealed_kind(path: Path) -> str:
    """Return the format that a file's header names; "" where there is none, or no header."""
    try:
        header, _ = _header(path)
        return str(header["__metadata__"][FORMAT])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return ""


def sealed_header(path: Path) -> tuple[dict[str, str], dict[str, tuple[int, ...]]]:
    """Return the texts of a file's header and the shapes of its tensors, unchecked: fast.

    Raises
    ------
    InputError
        If it has none.
    """
    try:
        header, _ = _header(path)
        texts = dict(header.pop("__metadata__"))
        return texts, {name: tuple(entry["shape"]) for name, entry in header.items()}
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(f"{path}: its header cannot be read ({error}); {AGAIN}") from None


def kinds_in(folder: Path, kinds: Sequence[str]) -> list[Path]:
    """Return the files of a folder whose headers name one of these formats, by name."""
    return [path for path in sorted(folder.glob("*.safetensors")) if sealed_kind(path) in kinds]


def _other(found: str, kind: str, what: str) -> str:
    name = kind.rpartition("-")[0]
    if found.rpartition("-")[0] == name:
        return f"a {what} of another release's format ({found}, not {kind}); {AGAIN}"
    return f"a safetensors file, but no behaviordist {what}"


def _header(path: Path) -> tuple[dict[str, Any], int]:
    """Return a file's header and where its tensors begin."""
    size = os.path.getsize(path)
    with open(path, "rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if length > size:
            raise ValueError("the header is longer than the file")
        header = json.loads(stream.read(length))
    if not isinstance(header, dict):
        raise ValueError("the header is no JSON object")
    return header, 8 + length


def _seal(path: Path) -> str:
    """Put the header into sorted order (equal content, equal bytes), and the digest into it."""
    header, start = _header(path)
    text = json.dumps(header, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
    if len(text) > start - 8:
        raise OSError("the header does not fit")
    with open(path, "r+b") as stream:
        stream.seek(8)
        stream.write(text.ljust(start - 8))
    digest = _digest(path, UNKNOWN)
    with open(path, "r+b") as stream:
        stream.seek(8 + text.index(_written(UNKNOWN)))
        stream.write(_written(digest))
        stream.flush()
        os.fsync(stream.fileno())
    return digest


def _digest(path: Path, written: str) -> str:
    """Return the sha256 of a file in which the digest stands as zeros."""
    with open(path, "rb") as stream:
        first = stream.read(8)
        header = stream.read(int.from_bytes(first, "little"))
        digest = hashlib.sha256(first + header.replace(_written(written), _written(UNKNOWN), 1))
        while block := stream.read(2**20):
            digest.update(block)
    return digest.hexdigest()


def _written(digest: str) -> bytes:
    return f'"{DIGEST}":"{digest}"'.encode()


def _mapped(path: Path, entry: Mapping[str, Any], start: int) -> NDArray[Any]:
    """Map one tensor of a file that `safe_open` found whole."""
    dtype, shape = DTYPES[entry["dtype"]], tuple(entry["shape"])
    if 0 in shape:
        return np.empty(shape, dtype)
    return np.memmap(path, dtype, mode="r", offset=start + entry["data_offsets"][0], shape=shape)
