"""KL between checkpoints of the lab in a study: how surprised a source is at a target's answers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from behaviordist.store.seeds import derived_seed
from behaviordist.studies.study_file import AnswerSection

if TYPE_CHECKING:
    from behaviordist.distance.directed import DirectedMatrix
    from behaviordist.probes import ProbeSet


def question_set(seed: int, strings: int) -> ProbeSet:
    """Return held-out strings as hidden prompts: what targets answer, and no run trains on."""
    import numpy as np

    from behaviordist.lab import grammar
    from behaviordist.probes import Probe, ProbeSet

    rng = np.random.default_rng(derived_seed(seed, "questions"))
    x = grammar.held_out_strings(rng, strings)
    prompts = [grammar.decode(row) for row in grammar.hidden_prompts(x)]
    answers = [" " + grammar.decode(row) for row in grammar.letters(x)]
    pairs = enumerate(zip(prompts, answers, strict=True))
    return ProbeSet("held-out strings", tuple(Probe(f"x{i:03d}", p, a) for i, (p, a) in pairs))


def checkpoint_divergences(
    sources: Mapping[str, Path],
    targets: Mapping[str, Path],
    answers: AnswerSection,
    seed: int,
    folder: Path,
    geometry: str = "kl",
) -> DirectedMatrix:
    """Return KL(target || source), or the overlap, of checkpoints by name; answers are kept.

    Parameters
    ----------
    sources, targets
        Folders of checkpoints by the names that rows and columns get.
    answers
        How many strings are asked, and answers drawn at each.
    seed
        Of the strings and of the draws.
    folder
        Of the study; answers lie below it.
    geometry
        ``"kl"`` or ``"overlap"``.
    """
    from behaviordist.behaviors import load
    from behaviordist.distance.directed import divergences

    rows, columns = (
        [load(str(path), label=name) for name, path in side.items()] for side in (sources, targets)
    )
    return divergences(
        rows,
        columns,
        question_set(seed, answers.strings),
        geometry,
        answers=answers.draws,
        max_tokens=8,
        seed=seed,
        exact=False,
        folder=folder / "answers",
    )
