"""What the commands that run models share: opening what is named, progress, what a record says."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from behaviordist.cli.terminal import say
from behaviordist.errors import InputError

if TYPE_CHECKING:
    from rich.console import Console

    from behaviordist.behaviors import Behavior
    from behaviordist.probes import ProbeSet
    from behaviordist.record import Provenance
    from behaviordist.store.stages import Heartbeat


Device = Annotated[
    str | None,
    typer.Option(
        help="Where models are run: cpu, cuda, cuda:1, mps; auto: over GPUs, memory and disk."
        " MODEL@device= goes first.",
        show_default="the first GPU, else cpu",
    ),
]


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
    models: Sequence[str],
    probes: str | None,
    limit: int | None,
    *,
    one_vocabulary: bool = True,
    answers_only: bool = False,
    device: str | None = None,
) -> tuple[list[Behavior], ProbeSet]:
    """Open everything that is named; whatever is wrong with it is said before anything is run.

    Without a name, the probe set is `lab` for models of the lab and `general` for all others.
    `one_vocabulary` says whether the models must share their tokens, `answers_only` whether the
    continuations play no part, so that prompts alone will do; `device` is as in `load`.

    Raises
    ------
    InputError
        If a model or probe set cannot be opened, they do not go together, or vocabularies differ.
    """
    from rich.console import Console

    from behaviordist.behaviors import load_all, over_common_tokens
    from behaviordist.probes import ProbeSet

    named = ProbeSet.load(probes) if probes else None
    with heartbeat(Console(stderr=True)):
        behaviors = load_all(models, device)
        if one_vocabulary:
            behaviors = over_common_tokens(behaviors)
        chosen = _checked(behaviors, named, limit, one_vocabulary, answers_only)
    return behaviors, chosen


def _checked(
    behaviors: Sequence[Behavior],
    named: ProbeSet | None,
    limit: int | None,
    one_vocabulary: bool,
    answers_only: bool,
) -> ProbeSet:
    from behaviordist.behaviors import check_same_tokens, speaks_lab
    from behaviordist.probes import ProbeSet
    from behaviordist.store.stages import stage

    if named is None:
        named = ProbeSet.load("lab" if speaks_lab(behaviors[0]) else "general")
    if limit is not None:
        named = named.subset(limit)
    if answers_only:
        named = named.answerable()
    for behavior in behaviors:
        with stage(f"{behavior.label}: checking the probes"):
            behavior.check(named)
    if one_vocabulary:
        check_same_tokens(behaviors, named)
    return named


def write_on_policy(
    behaviors: Sequence[Behavior],
    probes: ProbeSet,
    tokens: int,
    folder: Path,
    *,
    one_vocabulary: bool = True,
) -> tuple[ProbeSet, str]:
    """Let the models continue the probes themselves; return the new set and a note about it.

    Raises
    ------
    InputError
        As `rollout`, or if the models' tokens of what was written differ.
    """
    from behaviordist.behaviors import check_same_tokens
    from behaviordist.behaviors.sampling import rollout

    with progress((), probes, set()) as update:
        writers = [getattr(b, "inner", b) for b in behaviors]
        written = rollout(writers, probes, max_tokens=tokens, folder=folder, progress=update)
    for behavior in behaviors:
        behavior.check(written)
    if one_vocabulary:
        check_same_tokens(behaviors, written)
    lost = len(probes) - len(written)
    note = (
        f"continuations of up to {tokens} tokens are the models' own, each written by one of them"
        " drawn at random"
    )
    return written, note + (
        f"; {lost} prompts that were answered with nothing left out" * bool(lost)
    )


@contextmanager
def heartbeat(console: Console) -> Iterator[Heartbeat]:
    """Let the stages of the library be heard on a console while they last."""
    from behaviordist.store.stages import Heartbeat, listening

    def write(line: str) -> None:
        say(console, line)

    heart = Heartbeat(write)
    with listening(heart.tell), heart.beating():
        yield heart


@contextmanager
def progress(
    behaviors: Sequence[Behavior], probes: ProbeSet, ran: set[str]
) -> Iterator[Callable[[str, int, int], None]]:
    """Show a bar for every behavior, with the time that is left; collect in `ran` who was run.

    Outside a terminal a line is written every half minute instead. The bars vanish where an error
    ends them.
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
    from behaviordist.behaviors.huggingface.kept import kept_open

    console = Console(stderr=True)
    with Progress(*columns, console=console) as bars, heartbeat(console) as heart, kept_open():
        tasks = {b.label: bars.add_task(b.label, total=len(probes), start=False) for b in behaviors}
        known = set(tasks)

        def update(label: str, done: int, total: int) -> None:
            if label not in tasks:
                tasks[label] = bars.add_task(label, total=total)
            ran.update({label} & known)
            bars.start_task(tasks[label])
            bars.update(tasks[label], completed=done, total=total)
            if not console.is_terminal:
                heart.tell(f"{label}: {done} of {total} probes", same=True)

        try:
            yield update
        except BaseException:
            # The error is the one line that stays.
            bars.live.transient = True
            bars.console.quiet = not bars.console.is_terminal
            raise
        for label in known:
            bars.start_task(tasks[label])
            bars.update(tasks[label], completed=len(probes))


def command_line() -> str:
    """Return the command that is running, as it was typed: run again there, it continues."""
    return shlex.join(["behaviordist", *sys.argv[1:]])


def made_now(command: str, **more: Any) -> Provenance:
    """Return how this process makes its numbers; `more` as in `Provenance`."""
    from behaviordist.record import Provenance, library_versions, this_commit, this_cpu

    return Provenance(
        command=command, versions=library_versions(), commit=this_commit(), cpu=this_cpu(), **more
    )
