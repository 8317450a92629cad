"""The command line in this process, and what must hold whatever it was given."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from behaviordist.cli.app import main
from behaviordist.store.folders import LOCK

EXIT_CODES = {0, 1, 2, 130}
LEFT = {"fingerprints", "answers", LOCK}
"""What a command may leave when it stops: work that the next one continues from, and the empty file
that it held the folder by (taking that away while another waits for it would let two in)."""


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    errors: str


def run(*arguments: str) -> Ended:
    """Run the command line; an exception that is not an exit passes through, as a bug should."""
    out, errors = io.StringIO(), io.StringIO()
    with (
        mock.patch.object(sys, "argv", ["behaviordist", *arguments]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(errors),
    ):
        try:
            main()
            code = 0
        except SystemExit as exit_:
            code = exit_.code if isinstance(exit_.code, int) else int(exit_.code is not None)
    return Ended(code, out.getvalue(), errors.getvalue())


def files(folder: Path) -> set[str]:
    """Every path below a folder but what may be left."""
    names = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    return {name for name in names if not LEFT & set(Path(name).parts)}


def check(folder: Path, *arguments: str) -> Ended:
    """Run in `folder`; the exit code is known, a refusal is one line and leaves nothing."""
    before, here = files(folder), Path.cwd()
    os.chdir(folder)
    try:
        ended = run(*arguments)
    finally:
        os.chdir(here)
    assert ended.code in EXIT_CODES, ended
    assert "Traceback" not in ended.errors, ended.errors
    if ended.code == 2:
        lines = [line for line in ended.errors.splitlines() if line.startswith("error: ")]
        assert len(lines) == 1, f"not one line of error: {ended.errors!r}"
        assert ended.errors.rstrip("\n").endswith(lines[0]), ended.errors
        assert "\x1b[2J" not in ended.errors, "a terminal escape of the input was printed"
        assert files(folder) == before, sorted(files(folder) ^ before)
    return ended
