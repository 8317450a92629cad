"""What the commands that run models share: opening what is named, progress, what a record says."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from behaviordist.errors import InputError

if TYPE_CHECKING:
    from behaviordist.behaviors import Behavior
    from behaviordist.probes import ProbeSet
    from behaviordist.record import Provenance


def check_folder(out: Path) -> None:
    """Refuse, before a model runs, an output folder that cannot be made.

    Raises
    ------
    InputError
        If it is a file, lies under one, or may not be written.
    """
    place = next(p for p in (out, *out.absolute().parents) if os.path.lexists(p))
    if not place.is_dir():
        raise InputError(f"--out {out}: {place} is a file; give a folder")
    if not os.access(place, os.W_OK):
        raise InputError(f"--out {out}: no permission to write in {place}; give another folder")


def open_inputs(
    models: Sequence[str], probes: str | None, limit: int | None, *, one_vocabulary: bool = True
) -> tuple[list[Behavior], ProbeSet]:
    """Open everything that is named; whatever is wrong with it is said before anything is run.

    Without a name, the probe set is `lab` for models of the lab and `general` for all others.
    `one_vocabulary` says whether the models must share their tokens.

    Raises
    ------
    InputError
        If a model or probe set cannot be opened, they do not go together, or vocabularies differ.
    """
    from behaviordist.behaviors import check_same_tokens, load_all, over_common_tokens, speaks_lab
    from behaviordist.probes import ProbeSet

    named = ProbeSet.load(probes) if probes else None
    behaviors = load_all(models)
    if one_vocabulary:
        behaviors = over_common_tokens(behaviors)
    if named is None:
        named = ProbeSet.load("lab" if speaks_lab(behaviors[0]) else "general")
    if limit is not None:
        named = named.subset(limit)
    for behavior in behaviors:
        behavior.check(named)
    if one_vocabulary:
        check_same_tokens(behaviors, named)
    return behaviors, named


@contextmanager
def progress(
    behaviors: Sequence[Behavior], probes: ProbeSet, ran: set[str]
) -> Iterator[Callable[[str, int, int], None]]:
    """Show a bar for every behavior, with the time that is left; collect in `ran` who was run.

    The bars vanish where an error ends them.
    """
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
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
    with Progress(*columns, console=Console(stderr=True)) as bars:
        tasks = {b.label: bars.add_task(b.label, total=len(probes), start=False) for b in behaviors}

        def update(label: str, done: int, total: int) -> None:
            ran.add(label)
            bars.start_task(tasks[label])
            bars.update(tasks[label], completed=done, total=total)

        try:
            yield update
        except BaseException:
            # The error is the one line that stays.
            bars.live.transient = True
            bars.console.quiet = not bars.console.is_terminal
            raise
        for task in tasks.values():
            bars.start_task(task)
            bars.update(task, completed=len(probes))


def command_line(models: Sequence[str]) -> str:
    """Return the command that is running, with names in the place of this machine's folders."""
    return shlex.join(["behaviordist", *(_portable(a, models) for a in sys.argv[1:])])


def _portable(argument: str, models: Sequence[str]) -> str:
    """Cut the folders off a model's path, a file's path, an output folder."""
    from behaviordist.behaviors import parse_spec

    if argument in models:
        model, settings = parse_spec(argument)
        name = Path(model).name if Path(model).expanduser().exists() else model
        return f"{name}@{settings.canonical}" if settings.canonical else name
    return Path(argument).name if Path(argument).is_absolute() else argument


def made_now(command: str, **more: Any) -> Provenance:
    """Return how this process makes its numbers; `more` as in `Provenance`."""
    from behaviordist.record import Provenance, library_versions, this_commit, this_cpu

    return Provenance(
        command=command, versions=library_versions(), commit=this_commit(), cpu=this_cpu(), **more
    )
