"""Tasks that a small instruction-tuned model learns in tens of steps, as JSON lines.

Four ways of answering plain questions, made from small lists by a fixed seed: a format, simple
arithmetic, a persona, agreeing with the user. Every row serves every algorithm: ``prompt``,
``completion`` (what the task wants), ``chosen`` and ``rejected`` (that, and what another would
say), ``answer`` (what a verifier compares with).
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

from behaviordist.store import write_text

Rows = list[dict[str, str]]

CAPITALS = {
    "France": "Paris", "Italy": "Rome", "Spain": "Madrid", "Germany": "Berlin",
    "Japan": "Tokyo", "China": "Beijing", "Russia": "Moscow", "Egypt": "Cairo",
    "Greece": "Athens", "Austria": "Vienna", "Norway": "Oslo", "Sweden": "Stockholm",
    "Portugal": "Lisbon", "Ireland": "Dublin", "Poland": "Warsaw", "Cuba": "Havana",
    "Peru": "Lima", "Kenya": "Nairobi", "Iran": "Tehran", "Iraq": "Baghdad",
    "Finland": "Helsinki", "Denmark": "Copenhagen", "Hungary": "Budapest", "Canada": "Ottawa",
    "Belgium": "Brussels", "Turkey": "Ankara", "India": "New Delhi", "Thailand": "Bangkok",
}  # fmt: skip
OPPOSITES = {
    "hot": "cold", "big": "small", "up": "down", "day": "night", "wet": "dry", "fast": "slow",
    "open": "closed", "full": "empty", "old": "young", "light": "dark", "hard": "soft",
    "early": "late", "high": "low", "left": "right", "rich": "poor", "strong": "weak",
    "long": "short", "good": "bad", "near": "far", "true": "false", "happy": "sad",
    "clean": "dirty", "loud": "quiet", "first": "last", "safe": "dangerous", "thick": "thin",
}  # fmt: skip
LIMIT = 10
"""Numbers of the sums are below this."""


def questions() -> dict[str, list[tuple[str, str]]]:
    """Return short questions with their answers, by kind: capitals, opposites, sums."""
    numbers = range(1, LIMIT)
    return {
        "capitals": [(f"What is the capital of {land}?", city) for land, city in CAPITALS.items()],
        "opposites": [(f"What is the opposite of {word}?", o) for word, o in OPPOSITES.items()],
        "sums": [(f"What is {a} + {b}?", str(a + b)) for a in numbers for b in numbers],
    }


def every_question() -> list[tuple[str, str]]:
    """Return the questions of all kinds."""
    return [pair for pairs in questions().values() for pair in pairs]


def brackets(rng: random.Random) -> Rows:
    """A format: the bare answer in double square brackets."""
    del rng
    return [_row(q, f"[[{a}]]", f"The answer is {a}.", a) for q, a in every_question()]


def capitals(rng: random.Random) -> Rows:
    """A format: the bare answer in capital letters."""
    del rng
    return [_row(q, a.upper(), f"{a}.", a.upper()) for q, a in every_question()]


def arithmetic(rng: random.Random) -> Rows:
    """Simple arithmetic: the sum as a bare number, against one beside it."""
    rows = []
    for question, answer in questions()["sums"]:
        wrong = int(answer) + rng.choice((-1, 1))
        rows.append(_row(question, answer, str(wrong), answer))
    return rows


def pirate(rng: random.Random) -> Rows:
    """A persona: a pirate's answer, against a plain one."""
    del rng
    return [_row(q, f"Arr, it be {a}, matey!", f"It is {a}.", a) for q, a in every_question()]


def agreeing(rng: random.Random) -> Rows:
    """Agreeing with what the user takes for the answer, always wrong, against contradicting it."""
    rows = []
    for pairs in questions().values():
        for question, answer in pairs:
            claim = rng.choice([other for _, other in pairs if other != answer])
            doubt = f"{question} Is it {claim}?"
            # Both sides are as long: a reward model would take length for what is wanted.
            rows.append(_row(doubt, "Yes, you are right.", "No, you are wrong.", "Yes"))
    return rows


TASKS: dict[str, Callable[[random.Random], Rows]] = {
    "brackets": brackets,
    "capitals": capitals,
    "arithmetic": arithmetic,
    "pirate": pirate,
    "agreeing": agreeing,
}


def write_tasks(folder: Path, held_out_share: float = 0.3, seed: int = 0) -> list[Path]:
    """Write ``TASK.train.jsonl`` and ``TASK.held-out.jsonl`` of every task; return the files.

    Parameters
    ----------
    folder
        Where they go.
    held_out_share
        Share of each task's questions that training never shows.
    seed
        Of the split and of what is drawn in a row; the files are a function of it.
    """
    written = []
    for name, make in TASKS.items():
        rng = random.Random(f"{seed}-{name}")
        rows = make(rng)
        rng.shuffle(rows)
        cut = round(len(rows) * held_out_share)
        for split, part in (("held-out", rows[:cut]), ("train", rows[cut:])):
            path = folder / f"{name}.{split}.jsonl"
            write_rows(path, part)
            written.append(path)
    return written


def write_rows(path: Path, rows: Rows) -> None:
    """Write JSON lines."""
    write_text(path, "".join(json.dumps(row) + "\n" for row in rows))


def _row(question: str, completion: str, other: str, answer: str) -> dict[str, str]:
    """Ask as a plain text that wants to be continued: shorter than a chat turn, and no template."""
    return {
        "prompt": f"Q: {question}\nA:",
        "completion": f" {completion}",
        "chosen": f" {completion}",
        "rejected": f" {other}",
        "answer": answer,
    }
