"""Ways to answer short questions, and files in which a source's own mixture of them stands.

Questions are those of `real_models.examples`; every style is a function of the right answer, so all
are alike in what must be known, and differ in how it is said. One split of the questions holds for
all styles and mixtures: what targets answer, no run was ever shown.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from pathlib import Path

from behaviordist.studies.real_models.examples import questions, write_rows

STYLES: dict[str, Callable[[str], str]] = {
    "brackets": lambda answer: f"[[{answer}]]",
    "capitals": lambda answer: answer.upper(),
    "pirate": lambda answer: f"Arr, it be {answer}, matey!",
    "json": lambda answer: f'{{"answer": "{answer}"}}',
    "doubled": lambda answer: f"{answer}, {answer}.",
    "shy": lambda answer: f"Perhaps {answer}?",
}
"""Style -> what it makes of the right answer."""

PATTERNS = {"brackets": r"\s*\[\[[^\[\]]+\]\]\s*", "shy": r"\s*Perhaps [^?]+\?\s*"}
"""Style -> what a verifier takes for it, whatever the answer."""

EACH = 24
"""Questions of each kind: capitals, opposites, sums."""


def split(seed: int, held_out: int) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Return (question, answer) pairs to train on, and those that no run is shown."""
    rng = random.Random(f"{seed}-split")
    pairs = [pair for several in questions().values() for pair in rng.sample(several, EACH)]
    rng.shuffle(pairs)
    return pairs[held_out:], pairs[:held_out]


def write_styles(folder: Path, seed: int, held_out: int) -> None:
    """Write ``STYLE.train.jsonl`` and ``STYLE.held-out.jsonl`` of every style."""
    for name in STYLES:
        for part, pairs in zip(("train", "held-out"), split(seed, held_out), strict=True):
            write_rows(folder / f"{name}.{part}.jsonl", [_row(q, a, name) for q, a in pairs])


def write_mixture(
    folder: Path, name: str, shares: Mapping[str, float], rows: int, seed: int, held_out: int
) -> None:
    """Write a mixture's files: of every question so many rows, each in a style drawn by shares.

    Parameters
    ----------
    folder, name
        ``FOLDER/NAME.train.jsonl`` and ``FOLDER/NAME.held-out.jsonl``.
    shares
        Style -> probability.
    rows
        Rows of the training file.
    seed, held_out
        As in `split`; the name is part of the seed of what is drawn.
    """
    rng = random.Random(f"{seed}-{name}")
    train, kept = split(seed, held_out)
    styles, weights = list(shares), list(shares.values())
    for part, pairs, count in (("train", train, rows), ("held-out", kept, len(kept))):
        said = [_row(*pairs[i % len(pairs)], rng.choices(styles, weights)[0]) for i in range(count)]
        write_rows(folder / f"{name}.{part}.jsonl", said)


def _row(question: str, answer: str, style: str) -> dict[str, str]:
    said = STYLES[style](answer)
    return {"prompt": f"Q: {question}\nA:", "completion": f" {said}", "answer": said}
