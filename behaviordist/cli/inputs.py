"""What commands share: the device, progress, the command as it was typed, results as JSON."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from behaviordist.cli.terminal import say, visible
from behaviordist.errors import InputError

if TYPE_CHECKING:
    from rich.console import Console

    from behaviordist.store.stages import Heartbeat


Device = Annotated[
    str | None,
    typer.Option(
        help="Where models are run: cpu, cuda, cuda:1, mps; auto: over GPUs, memory and disk."
        " MODEL@device= goes first.",
        show_default="the first GPU, else cpu",
    ),
]
Probes = Annotated[
    str | None, typer.Option(help="A shipped set's name or a .jsonl file.", show_default="general")
]
Limit = Annotated[int | None, typer.Option(help="Draw so many of the probes.", show_default="all")]
OnPolicy = Annotated[
    int | None,
    typer.Option(help="Let the models continue the probes themselves, by so many tokens."),
]
Sketch = Annotated[
    str, typer.Option(help="auto, exact, or numbers kept a position (64, 256, ...).")
]
Backend = Annotated[
    str | None,
    typer.Option(
        help="loky: processes here; ray, dask: the cluster that RAY_ADDRESS or"
        " DASK_SCHEDULER_ADDRESS names, all of it unless --jobs is given.",
        show_default=False,
    ),
]
JsonTo = Annotated[
    str | None,
    typer.Option(
        "--json",
        metavar="FILE",
        help="The result as JSON; - for stdout, all else then goes to stderr.",
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print them as JSON.")]


def check_json(json_to: str | None, flag: str = "--json") -> None:
    """Refuse, before anything runs, a place that no file can be written to."""
    from behaviordist.store.folders import check_folder

    if json_to in (None, "-"):
        return
    path = Path(str(json_to))
    if path.is_dir():
        raise InputError(f"{flag} {path} is a folder; give a file")
    check_folder(path.parent)


@dataclass(frozen=True)
class Outputs:
    """Where a gate's decision goes besides the terminal; ``-`` is stdout."""

    json_to: str | None = None
    markdown_to: str | None = None
    junit_to: str | None = None

    def check(self) -> None:
        """Refuse, before anything runs, places that cannot be written to."""
        check_json(self.json_to)
        check_json(self.markdown_to, "--markdown")
        check_json(self.junit_to, "--junit")
        if self.json_to == self.markdown_to == "-":
            raise InputError("--json - and --markdown - both want stdout: give one of them a file")
        if self.junit_to == "-":
            raise InputError("--junit wants a file: CI services read it from one")
        files = [Path(f).resolve() for f in (self.json_to, self.markdown_to, self.junit_to) if f]
        if len(set(files)) < len(files):
            raise InputError(
                "two of --json, --markdown and --junit name one file: give each its own"
            )

    @property
    def take_stdout(self) -> bool:
        """Whether stdout is a result's, and lines go to stderr."""
        return "-" in (self.json_to, self.markdown_to)


def give_decision(
    outputs: Outputs,
    names: tuple[str, str],
    of: str,
    record: dict[str, Any],
    metrics: Sequence[tuple[str, str]],
    checks: Sequence[tuple[str, bool, str]],
    lines: Sequence[str],
) -> None:
    """Write a gate's decision wherever it is wanted, and print its lines.

    `names` are the reference and the candidate, `of` what they were compared on.
    """
    from behaviordist.report.decision import Decision, publish_decision

    give_json(outputs.json_to, record)
    decision = Decision(*names, of, tuple(metrics), tuple(checks), command_line())
    text = publish_decision(decision, outputs.markdown_to, outputs.junit_to)
    if text is not None:
        typer.echo(text, nl=False)
    typer.echo(visible("\n".join(lines)), err=outputs.take_stdout)


def give_json(json_to: str | None, record: dict[str, Any]) -> None:
    """Write a result where ``--json`` says."""
    from behaviordist.store import write_json

    if json_to == "-":
        typer.echo(json.dumps(record, indent=1, allow_nan=False))
    elif json_to is not None:
        write_json(Path(json_to), record)


@contextmanager
def heartbeat(console: Console) -> Iterator[Heartbeat]:
    """Let the stages of the library be heard on a console while they last."""
    from behaviordist.store.stages import Heartbeat, listening

    heart = Heartbeat(partial(say, console))
    with listening(heart.tell), heart.beating():
        yield heart


@contextmanager
def watching() -> Iterator[Callable[[str, int, int], None]]:
    """Show stages, and a bar for every behavior with the time that is left, while models are run.

    Outside a terminal a line is written every half minute instead. The bars vanish where an error
    ends them.
    """
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TaskID,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("probes"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console) as bars, heartbeat(console) as heart:
        tasks: dict[str, TaskID] = {}

        def update(label: str, done: int, total: int) -> None:
            if label not in tasks:
                tasks[label] = bars.add_task(label, total=total, start=False)
            if not done:  # its turn is to come
                return
            bars.start_task(tasks[label])
            bars.update(tasks[label], completed=done)
            if not console.is_terminal:
                heart.tell(f"{label}: {done} of {total} probes", same=True)

        try:
            yield update
        except BaseException:
            # The error is the one line that stays.
            bars.live.transient = True
            bars.console.quiet = not bars.console.is_terminal
            raise
        for task in bars.tasks:  # what was found finished, too
            bars.start_task(task.id)
            bars.update(task.id, completed=task.total)


def command_line() -> str:
    """Return the command that is running, as it was typed: run again there, it continues."""
    return shlex.join(["behaviordist", *sys.argv[1:]])
