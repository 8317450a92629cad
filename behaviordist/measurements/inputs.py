"""What every measurement begins with: models opened, probes chosen and checked, a folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from behaviordist.behaviors import (
    Behavior,
    check_same_tokens,
    over_common_tokens,
    speaks_lab,
)
from behaviordist.behaviors.sampling import rollout
from behaviordist.distance.fingerprints.without_models import open_behaviors
from behaviordist.errors import InputError
from behaviordist.innerproduct import get_geometry
from behaviordist.innerproduct.geometries import without_full_support
from behaviordist.probes import ProbeSet
from behaviordist.record import Behavior as Named
from behaviordist.store.bars import Progress
from behaviordist.store.stages import stage


def open_inputs(
    models: Sequence[Behavior | str],
    probes: ProbeSet | str | None,
    limit: int | None = None,
    *,
    one_vocabulary: bool = True,
    answers_only: bool = False,
    device: str | None = None,
    before: Callable[[ProbeSet], None] | None = None,
) -> tuple[list[Behavior], ProbeSet]:
    """Open everything that is named; whatever is wrong with it is said before anything is run.

    Without a name, the probe set is the one that a fingerprint among them carries, else `lab` for
    models of the lab and `general` for all others.
    `one_vocabulary` says whether the models must share their tokens, `answers_only` whether the
    continuations play no part, so that prompts alone will do; `device` is as in `load`. `before`
    is called once with the probes: before any model is opened where they are named, for what they
    cannot show is then refused in a second, not after weights were read.

    Raises
    ------
    InputError
        If a model or probe set cannot be opened, they do not go together, or vocabularies differ.
    """
    named = ProbeSet.load(probes) if isinstance(probes, str) else probes
    wanted = named if named is None or limit is None else named.subset(limit)
    if before is not None and wanted is not None:
        before(wanted.answerable() if answers_only else wanted)
    behaviors = open_behaviors(models, device, wanted)
    if one_vocabulary:
        behaviors = over_common_tokens(behaviors)
    carried = (getattr(b, "carried", None) for b in behaviors)
    named = next((one for one in carried if one is not None), None) if named is None else named
    chosen = choose_probes(behaviors[0], named, limit)
    if answers_only:
        chosen = chosen.answerable()
    if before is not None and wanted is None:
        before(chosen)
    for behavior in behaviors:
        with stage(f"{behavior.label}: checking the probes"):
            behavior.check(chosen)
    if one_vocabulary:
        check_same_tokens(behaviors, chosen)
    return behaviors, chosen


def choose_probes(first: Behavior, probes: ProbeSet | str | None, limit: int | None) -> ProbeSet:
    """Return the probes, or those for models like the first; `limit` draws so many."""
    named = ("lab" if speaks_lab(first) else "general") if probes is None else probes
    chosen = ProbeSet.load(named) if isinstance(named, str) else named
    return chosen if limit is None else chosen.subset(limit)


def check_geometry(geometry: str, behaviors: Sequence[Behavior]) -> None:
    """Refuse a geometry that a behavior has no features in.

    Raises
    ------
    InputError
        Naming the behavior, and the geometries that would do.
    """
    chosen = get_geometry(geometry)
    for behavior in behaviors:
        if chosen.full_support and not behavior.settings.keeps_support:
            raise InputError(
                f"'{behavior.label}' gives some tokens probability zero, and log p does not exist"
                f" in the {geometry} geometry; use {' or '.join(without_full_support())}"
            )


def recorded(behaviors: Sequence[Behavior]) -> tuple[Named, ...]:
    """Return behaviors as a record names them: label, settings, identity."""
    return tuple(
        Named(label=b.label, settings=b.settings.canonical or "none", identity=b.identity)
        for b in behaviors
    )


def notes_of(behaviors: Sequence[Behavior]) -> list[str]:
    """Return what behaviors say of themselves (rounding that is simulated, files left out)."""
    return list(dict.fromkeys(f"{b.label}: {note}" for b in behaviors for note in b.notes))


def write_on_policy(
    behaviors: Sequence[Behavior],
    probes: ProbeSet,
    tokens: int,
    folder: Path,
    *,
    one_vocabulary: bool = True,
    progress: Progress | None = None,
) -> tuple[ProbeSet, str]:
    """Let the models continue the probes themselves; return the new set and a note about it.

    Raises
    ------
    InputError
        As `rollout`, or if the models' tokens of what was written differ.
    """
    writers = [getattr(b, "inner", b) for b in behaviors]
    written = rollout(writers, probes, max_tokens=tokens, folder=folder, progress=progress)
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
