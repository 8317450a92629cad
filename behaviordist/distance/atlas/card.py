"""A section of a model card: how far a model lies from its base, and how to see that again."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from behaviordist.distance.atlas.choosing import matrix_in, prints_of
from behaviordist.distance.matrix import DistanceMatrix
from behaviordist.errors import InputError, did_you_mean

MARKED = "\\`*_{}[]<>#|~"
"""Letters that Markdown or the HTML in it would read as its own."""


def card(
    atlas: Path,
    model: str,
    base: str,
    *,
    kind: str | None = None,
    gate: Path | None = None,
    repository: str | None = None,
) -> str:
    """Return a section of a model card in Markdown, from fingerprints alone.

    Parameters
    ----------
    atlas
        The folder that holds both.
    model, base
        Labels.
    kind
        Which matrix, where there are several.
    gate
        What ``behaviordist gate --json`` wrote about the two.
    repository
        Where the atlas was pushed to, for those who want to see the number again.

    Raises
    ------
    InputError
        If a label is unknown, or the file is no gate's, or one of other models.
    """
    matrix = matrix_in(atlas, kind)
    for label in (model, base):
        if label not in matrix.labels:
            raise InputError(f"no behavior '{label}': {did_you_mean(label, matrix.labels)}")
    if model == base:
        raise InputError(f"'{model}' is model and base: name two behaviors")
    i, j = (matrix.labels.index(label) for label in (model, base))
    known = {made.label: made for made in prints_of(atlas, matrix)}
    place, quoted = "atlas" if repository else atlas.name, " ".join(shlex.quote(model).split())
    about, told = known[model].about, matrix.metadata
    lines = [
        "## Behavior",
        "",
        "| | |",
        "|---|---|",
        f"| base | {_plain(base)} |",
        f"| distance from it | {_distance(matrix, i, j)} |",
        f"| state | {matrix.states().table[i, j]} |",
        f"| measured | {_plain(str(told['geometry']))} geometry, {known[model].n_probes} probes of"
        f" {_plain(about.get('probe_set', '') or 'a set of its own')}"
        f" (`{str(told['probe_digest'])[:12]}`) |",
        *(f"| gate | {_plain(line)} |" for line in _gate(gate, model, base)),
        "",
        "A distance says how much two behaviors differ, not which is better. 95 % interval of this"
        " pair by itself; that nothing is shown is no sameness.",
        "",
        "```",
        *([f"behaviordist pull {repository} --out atlas"] if repository else []),
        f"behaviordist atlas nearest {place} {quoted}",
        "```",
    ]
    return "\n".join(lines) + "\n"


def _distance(matrix: DistanceMatrix, i: int, j: int) -> str:
    low, high = (float(np.sqrt(max(end[i, j], 0))) for end in matrix.interval())
    return f"{float(matrix.distances[i, j]):.4f} (95 % {low:.4f} to {high:.4f})"


def _gate(path: Path | None, model: str, base: str) -> list[str]:
    """Return what a gate decided, a line a check."""
    if path is None:
        return []
    try:
        record: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        decision = record["gate"]
        lines = [str(check["sentence"]) for check in decision.get("checks", [decision])]
        verdict = "passed" if decision["equivalent"] is True else "not passed"
        compared = record.get("comparison") or record.get("answers")
        labels = compared and [compared["reference"], compared["candidate"]]
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(
            f"{path}: not what `behaviordist gate --json` writes ({type(error).__name__})"
        ) from None
    if not labels:
        raise InputError(f"{path} was decided on logs of evaluations alone: they name no behavior")
    if labels != [base, model]:
        raise InputError(f"{path} is of {' and '.join(map(str, labels))}, not {base} and {model}")
    return [verdict, *lines]


def _plain(text: str) -> str:
    """Return text in which Markdown reads nothing of its own."""
    words = " ".join(text.split())
    return "".join(f"\\{letter}" if letter in MARKED else letter for letter in words)
