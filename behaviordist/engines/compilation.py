"""Compiled programs are kept between processes: compiling costs more than a small model's steps."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout


def keep_compiled() -> None:
    """Let this process, if it has not loaded JAX yet, and all its children share compiled programs.

    They lie in the user's cache folder (``XDG_CACHE_HOME``, else ``~/.cache``), keyed by JAX by
    program, version and machine; who has set ``JAX_COMPILATION_CACHE_DIR`` keeps their own place.
    A study's worker processes compile the same few programs, and so do a killed run and the one
    that continues it: compiling was five sixths of the time that a process took to start.
    """
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    place = str(Path(home) / "behaviordist" / "jax")
    if os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", place) == place:
        with suppress(OSError, Timeout):
            _sweep(Path(place))
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.3")
    # A megabyte or so a study; the oldest go first where there are very many.
    os.environ.setdefault("JAX_COMPILATION_CACHE_MAX_SIZE", str(512 * 2**20))


def _sweep(folder: Path) -> None:
    """Remove programs that a killed process had half written: JAX would warn of them for ever.

    JAX writes a program, then its time, in place and under this lock.
    """
    if not folder.is_dir():
        return
    with FileLock(folder / ".lockfile", timeout=5):
        for program in folder.glob("*-cache"):
            stamp = program.with_name(program.name.removesuffix("-cache") + "-atime")
            if not program.stat().st_size or not stamp.is_file() or not stamp.stat().st_size:
                program.unlink()
                stamp.unlink(missing_ok=True)
