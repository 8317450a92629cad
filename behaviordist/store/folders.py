"""Folders of results: one writer at a time, and no answer written over that to another question."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from behaviordist.errors import InputError
from behaviordist.store import ranks
from behaviordist.store.artifacts import digest_of, write_json

LOCK, QUESTION = ".lock", ".question.json"


@contextmanager
def exclusive(folder: Path, *, wait: bool = False) -> Iterator[None]:
    """Hold a run's folder; clear what a killed run left half-written in it.

    With `wait`, another process that holds it is waited for: where what is done takes seconds.
    Of a launcher's processes the first holds it for all. A folder that was made for this and in
    which nothing was written is gone afterwards.

    Raises
    ------
    InputError
        If another process holds the folder.
    """
    place = folder.resolve()
    new = [path for path in (place, *place.parents) if not path.exists()]
    place.mkdir(parents=True, exist_ok=True)
    if not ranks.is_first():
        ranks.wait()
        yield
        return
    ours = (place / LOCK).exists()
    with open(place / LOCK, "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except OSError:
            raise InputError(
                f"another run is writing to {folder}: wait for it, or give another --out"
            ) from None
        if ours:  # else no run of ours was killed in it, and what lies in it is somebody's
            _clear(place)
        try:
            ranks.wait()
            yield
        finally:
            _remove_empty(place, new)


@contextmanager
def answering(folder: Path, command: str, question: Mapping[str, Any]) -> Iterator[None]:
    """Hold a folder for one question; refuse if it holds the finished answer to another.

    Parameters
    ----------
    folder
        Of the results.
    command
        Who writes them.
    question
        What is asked, JSON-able: everything that tells this answer from another. It is written down
        once the answer is there, so a killed run of another question is in nobody's way.

    Raises
    ------
    InputError
        If another process holds the folder, or it answers another question.
    """
    # Digests: a folder of results travels, and says nothing of this machine's paths.
    parts = {name: digest_of(part)[:16] for name, part in question.items()}
    marker = {"schema": 1, "command": command, "question": parts}
    with exclusive(folder):
        before = _question(folder)
        if before is not None and _said(before) != _said(marker):
            raise InputError(
                f"--out {folder} holds the answer to another question"
                f" ({_difference(before, marker)}): give another --out, or remove that folder"
            )
        yield
        if ranks.is_first():
            write_json(folder / QUESTION, marker)


def _question(folder: Path) -> dict[str, Any] | None:
    """Return what the answer in a folder was to, None if that is not known."""
    try:
        question = json.loads((folder / QUESTION).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    known = isinstance(question, dict) and isinstance(question.get("question"), dict)
    return question if known else None


def _said(question: Mapping[str, Any]) -> Any:
    """Return a question without what was not said: a release may know options that one did not."""
    nothing = digest_of(None)[:16]
    parts = {name: part for name, part in question["question"].items() if part != nothing}
    return {**question, "question": parts}


def _difference(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    if before.get("command") != now["command"]:
        return f"of `{before.get('command')}`"
    old, new = before["question"], now["question"]
    names = [name.replace("_", "-") for name in {**old, **new} if old.get(name) != new.get(name)]
    return f"of other {', '.join(names)}"


def _remove_empty(folder: Path, new: list[Path]) -> None:
    """Leave no trace where nothing was written: no lock, no folder that this process made."""
    if os.listdir(folder) == [LOCK]:
        (folder / LOCK).unlink()
        with suppress(OSError):
            for path in new:
                path.rmdir()


def _clear(folder: Path) -> None:
    """Remove temporary files and folders; `os.walk` does not mind what vanishes meanwhile.

    A folder below that has a lock of its own is another run's, which may be at work in it.
    """
    for place, folders, files in os.walk(folder):
        if place != str(folder) and LOCK in files:
            folders.clear()
            continue
        for name in files:  # the marks of `publish` go before what they stand for
            if name.startswith(".") and ".tmp" in name:
                Path(place, name).unlink(missing_ok=True)
        for name in [n for n in folders if n.startswith(".") and n.endswith(".tmp")]:
            shutil.rmtree(Path(place, name), ignore_errors=True)
            folders.remove(name)


def check_folder(out: Path) -> None:
    """Refuse, before a model runs, an output folder that cannot be made.

    Raises
    ------
    InputError
        If it is a file, lies under one, or may not be written.
    """
    if re.match(r"[a-z0-9+]{2,}:/", str(out)):
        raise InputError(
            f"--out {out}: no folder; give one of a file system, which all workers share, and copy"
            " it to a store afterwards"
        )
    place = next(p for p in (out, *out.absolute().parents) if os.path.lexists(p))
    if not place.is_dir():
        raise InputError(f"--out {out}: {place} is a file; give a folder")
    if not os.access(place, os.W_OK):
        raise InputError(f"--out {out}: no permission to write in {place}; give another folder")
