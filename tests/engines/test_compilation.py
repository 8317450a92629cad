"""Compiled programs that are kept: what a kill leaves half written is not met again."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

KEEP = "from behaviordist.engines.compilation import keep_compiled; keep_compiled()\n"
PROGRAM = (
    KEEP
    + """
import warnings
import jax, jax.numpy as jnp
warnings.simplefilter("error")
print(float(jax.jit(lambda x: (x * 2).sum())(jnp.ones(8))))
"""
)


def _run(program: str, home: Path) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "XDG_CACHE_HOME": str(home),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }
    environment.pop("JAX_COMPILATION_CACHE_DIR", None)
    command = [sys.executable, "-c", program]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)


def test_programs_of_a_killed_process_are_written_again(tmp_path: Path) -> None:
    cache = tmp_path / "behaviordist" / "jax"
    assert _run(PROGRAM, tmp_path).stdout == "16.0\n"
    kept = {path.name: path.read_bytes() for path in cache.glob("*-cache")}
    assert kept  # a healthy entry stays, below
    first = sorted(kept)[0]
    (cache / first).write_bytes(b"")  # killed before the first byte; another process read it
    (cache / "torn-cache").write_bytes(b"half")  # killed before the time was written
    again = _run(PROGRAM, tmp_path)
    assert (again.returncode, again.stdout) == (0, "16.0\n"), again.stderr
    names = {path.name for path in cache.glob("*-cache")}
    assert names == set(kept)
    assert all((cache / name).stat().st_size for name in names)


def test_a_folder_of_the_users_own_is_left_alone(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "theirs-cache").write_bytes(b"")
    command = [sys.executable, "-c", KEEP]
    environment = {**os.environ, "JAX_COMPILATION_CACHE_DIR": str(own)}
    subprocess.run(command, env=environment, check=True, timeout=60)
    assert (own / "theirs-cache").exists()
