"""What every command that fills a folder does around its work: hold it, and keep other answers."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer

from behaviordist.cli.inputs import check_folder
from behaviordist.store.folders import answering, exclusive

HOW = frozenset({"out", "jobs", "seeds"})
"""Options that say how, where or how often, not what is asked."""


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
    """Let a command write alone into the folder that it is given as its first argument."""

    @functools.wraps(command)
    def held(*args: Any, **options: Any) -> Any:
        given = inspect.signature(command).bind(*args, **options)
        folder = Path(next(iter(given.arguments.values())))
        if not folder.is_dir():
            return command(*args, **options)
        with exclusive(folder):
            return command(*args, **options)

    return held


def _plain(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
