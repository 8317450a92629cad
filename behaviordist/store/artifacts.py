"""Artifacts that are either whole or absent: atomic writes, digests, resume.

An artifact is a file or a folder that some stage makes from stated inputs. It is written under a
temporary name, its manifest records the digest of the inputs and of every byte, and one rename
makes it visible. A stage asks `is_finished` before it works; an artifact whose inputs or bytes do
not match its manifest is never trusted, and is made again.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from behaviordist.errors import InputError

MANIFEST = "manifest.json"


def digest_of(value: Any) -> str:
    """Return the sha256 (hex) of a JSON-able value in canonical form (sorted keys, no blanks)."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def file_digest(path: Path) -> str:
    """Return the sha256 (hex) of a file's bytes."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` so that a reader sees the old file or the new one, never a part."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` to `path` so that a reader sees the old file or the new one, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _temporary_name(path)
    try:
        with open(temporary, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file atomically. NaN is refused: missing values are ``null`` in JSON."""
    write_text(path, json.dumps(value, indent=1, allow_nan=False) + "\n")


@contextmanager
def publish(path: Path, inputs: Any) -> Iterator[Path]:
    """Yield a temporary path to write a file or a folder to; publish it at `path` on success.

    Parameters
    ----------
    path
        Final place of the artifact.
    inputs
        JSON-able description of everything the artifact depends on. `is_finished` compares it.

    Notes
    -----
    The caller writes a file at the yielded path, or makes a folder there. On an exception the
    temporary is removed and nothing is published. Nor is what another run cleared meanwhile: a mark
    beside it, which is cleared first, was there until the manifest was whole.
    """
    with discarded(path) as temporary:
        mark = temporary.with_name(f"{temporary.name}.mark")
        try:
            mark.touch()
            yield temporary
            write_json(_manifest_of(temporary), _manifest(temporary, inputs))
            if not mark.exists():
                raise InputError(f"{path}: another run cleared it while it was made; run again")
            _move(temporary, path)
        finally:
            mark.unlink(missing_ok=True)


@contextmanager
def discarded(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path` as `publish` does, and remove what is written there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _temporary_name(path)
    try:
        yield temporary
    finally:
        _remove(temporary)


def is_finished(path: Path, *inputs: Any) -> bool:
    """Whether `path` holds a whole artifact that was made from exactly these inputs.

    Several are descriptions of the same thing: what an earlier release wrote down for it, say.
    """
    try:
        manifest = json.loads(_manifest_of(path).read_text(encoding="utf-8"))
        if manifest["inputs"] not in map(digest_of, inputs):
            return False
        return bool(manifest["files"] == _manifest(path, None)["files"])
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _manifest(path: Path, inputs: Any) -> dict[str, Any]:
    if path.is_dir():
        # What lies inside with a manifest beside it was published later, and vouches for itself.
        ours = (p for p in path.rglob("*") if p.is_file() and not p.name.endswith(MANIFEST))
        files = sorted(p for p in ours if not _manifest_of(p).is_file())
        digests = {p.relative_to(path).as_posix(): file_digest(p) for p in files}
    else:
        digests = {"": file_digest(path)}
    return {"schema": 1, "inputs": digest_of(inputs), "files": digests}


def _manifest_of(path: Path) -> Path:
    return path / MANIFEST if path.is_dir() else path.with_name(path.name + "." + MANIFEST)


def _move(temporary: Path, path: Path) -> None:
    if temporary.is_dir():
        _remove(path)
        os.rename(temporary, path)
        return
    # The manifest goes first: a kill between the two renames leaves a mismatch, which is remade.
    os.replace(_manifest_of(temporary), path.with_name(path.name + "." + MANIFEST))
    os.replace(temporary, path)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
    path.with_name(path.name + "." + MANIFEST).unlink(missing_ok=True)


def _temporary_name(path: Path) -> Path:
    return path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
