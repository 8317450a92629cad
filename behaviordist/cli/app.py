"""The `behaviordist` command: assembles the commands, turns errors into one line and an exit code.

Exit codes: 0 fine, 1 the answer is "no", 2 bad input.
"""

from __future__ import annotations

import errno
import functools
import inspect
import os
import re
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer

from behaviordist import __version__
from behaviordist.cli.compare import compare
from behaviordist.cli.costs import app as costs
from behaviordist.cli.distance import distance
from behaviordist.cli.evals import app as evals
from behaviordist.cli.evals import eval_distance
from behaviordist.cli.fingerprints.atlas import app as atlas
from behaviordist.cli.fingerprints.fingerprint import fingerprint
from behaviordist.cli.fingerprints.hub import card, pull, push
from behaviordist.cli.gate.command import gate
from behaviordist.cli.grow import convert, grow
from behaviordist.cli.help import (
    ADVICE,
    MEASURE,
    STUDY,
    TEST,
    TUNE,
    Command,
    Group,
    examples,
    register,
)
from behaviordist.cli.leaderboard import leaderboard
from behaviordist.cli.plan import plan
from behaviordist.cli.power import power
from behaviordist.cli.probes import app as probes
from behaviordist.cli.report import report
from behaviordist.cli.run import run, selftest, studies
from behaviordist.cli.terminal import visible
from behaviordist.cli.test import test
from behaviordist.cli.tuning.regimes import app as regimes
from behaviordist.cli.tuning.train import train
from behaviordist.cli.tuning.transfer import WithLists, transfer
from behaviordist.errors import INTERRUPTED, BehaviordistError
from behaviordist.store.folders import answering, check_folder, exclusive

NO_ROOM = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT, errno.EROFS, errno.EIO)
"""What a system says that cannot take what is written."""

HOW = {
    "out", "jobs", "seeds", "device", "keep", "json_to", "backend", "palette", "full_range",
    "labels", "groups", "form",
}  # fmt: skip
"""Options that say how, where, how often or in which colours, not what is asked."""


def alone(command: Callable[..., Any]) -> Callable[..., Any]:
    """Let a command write to its ``--out`` alone, and over no answer to another question."""

    @functools.wraps(command)
    def held(*args: Any, **options: Any) -> Any:
        given = inspect.signature(command).bind(*args, **options)
        given.apply_defaults()
        out = given.arguments["out"]
        check_folder(out)
        question = {k: _plain(v) for k, v in given.arguments.items() if k not in HOW}
        refusal: typer.Exit | None = None
        with answering(out, command.__name__, question):
            try:
                result = command(*args, **options)
            except typer.Exit as stop:  # an answer too: "no"
                if stop.exit_code > 1:
                    raise
                refusal = stop
        if refusal is not None:
            raise refusal
        return result

    return held


def redrawing(command: Callable[..., Any]) -> Callable[..., Any]:
    """Let a command write alone into the folder that it is given."""

    @functools.wraps(command)
    def held(folder: Path, **options: Any) -> Any:
        with exclusive(folder) if folder.is_dir() else nullcontext():
            return command(folder, **options)

    return held


def _plain(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


app = typer.Typer(
    name="behaviordist",
    cls=Group,
    help="Distances between model behaviors, the cost of tuning one into another, and a test.",
    epilog=ADVICE,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"behaviordist {__version__}")
        raise typer.Exit


@app.callback()
def _commands(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say it and exit.")
    ] = False,
) -> None:
    """Keep command names on the command line, however few commands there are."""
    del version


# In order of use; every command comes with its examples (`help.EXAMPLES`).
register(app, MEASURE, distance=alone(distance), fingerprint=fingerprint)
app.add_typer(atlas, rich_help_panel=MEASURE, epilog=examples("atlas"))
register(app, MEASURE, push=push, pull=pull, card=card)
register(app, MEASURE, compare=alone(compare), gate=gate)
evals.command("distance", cls=Command)(alone(eval_distance))
app.add_typer(evals, rich_help_panel=MEASURE, epilog=examples("evals"))
app.add_typer(regimes, rich_help_panel=TUNE, epilog=examples("regimes"))
register(app, TUNE, train=train, transfer=(alone(transfer), WithLists))
register(app, TUNE, grow=grow, convert=convert)
app.add_typer(costs, rich_help_panel=TUNE, epilog=examples("costs"))
register(app, TEST, test=alone(test), leaderboard=alone(leaderboard), power=power)
register(app, TEST, plan=alone(plan))
register(app, STUDY, run=run, studies=studies, report=redrawing(report), selftest=selftest)
app.add_typer(probes, rich_help_panel=STUDY, epilog=examples("probes"))


def main() -> None:
    """Run the command line; a user's mistake becomes one line on stderr and exit code 2."""
    # No tool of ours fetches anything unless the user names a hub id; quiet progress of others.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        code = app(standalone_mode=False) or 0
        sys.stdout.flush()
    except BrokenPipeError:  # whoever reads has read enough
        code = 0
        _drop_output()
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except Exception as error:
        line = _mistake(error)
        if line is None:
            raise
        if line:
            typer.echo(visible(f"error: {' '.join(line.split())}"), err=True)
        code = 2
        _drop_output()
    if code == INTERRUPTED:  # Typer returns it where Ctrl-C ended a command
        typer.echo("interrupted: run the same command again to continue", err=True)
    sys.exit(code)


def _mistake(error: Exception) -> str | None:
    """Return what the user did wrong: "" where the help was the answer, None if it is a bug."""
    if isinstance(error, BehaviordistError):
        return str(error)
    if isinstance(error, OSError) and error.filename is not None:
        path = error.filename2 or error.filename
        return f"{path}: cannot be read or written ({error.strerror}); check that path"
    if isinstance(error, FileNotFoundError):  # Python's, where no temporary file can be written
        return f"{error.strerror or error}; make room, or set TMPDIR to a place that has some"
    no_room = _no_room(error)
    if no_room is not None:
        return f"cannot write ({no_room}); make room, or give another --out"
    # Typer's usage errors, whose class lives in another package from version to version.
    if type(error).__name__ == "NoArgsIsHelpError":
        return ""
    if hasattr(error, "format_message"):
        context = getattr(error, "ctx", None)
        command = context.command_path if context else "behaviordist"
        return f"{error.format_message()} (see `{command} --help`)"
    return None


def _no_room(error: BaseException | None) -> str | None:
    """Return what the system said where it could not take what was written, however wrapped.

    Libraries in Rust give the system's number in their text ("os error 28").
    """
    while error is not None:
        said = re.search(r"os error (\d+)", str(error))
        number = error.errno if isinstance(error, OSError) else int(said[1]) if said else None
        if number in NO_ROOM:
            return os.strerror(number)
        error = error.__cause__ or error.__context__
    return None


def _drop_output() -> None:
    """Throw away what standard output could not take: the interpreter would try once more."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
