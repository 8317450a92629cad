"""What a regime brings out: one string function, or a mixture of several (a behavior by degrees).

A mixture ``{copy: 0.5, reverse: 0.3, swap: 0.2}`` answers each question by a function drawn anew:
the behavior that training on it leads to is soft, with a known law of answers.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from behaviordist.errors import InputError
from behaviordist.lab.functions import applied, function
from behaviordist.lab.grammar import Tokens

Task = str | Mapping[str, float]
Float64Array = NDArray[np.float64]


def shares(task: Task) -> tuple[tuple[str, ...], Float64Array]:
    """Return the functions of a task and their shares, which sum to 1.

    Raises
    ------
    InputError
        A function that does not exist, a negative share, or none above 0.
    """
    if isinstance(task, str):
        return (function(task).name,), np.ones(1)
    values = np.array(list(task.values()), dtype=np.float64)
    if not np.isfinite(values).all() or (values < 0).any() or not values.sum() > 0:
        raise InputError("task: shares of functions must not be negative, and one above 0")
    names = [function(name).name for name in task]
    kept = values > 0
    return tuple(n for n, k in zip(names, kept, strict=True) if k), values[kept] / values.sum()


def single(task: Task | None, algorithm: str) -> str:
    """Return the one function of a task, for algorithms that hold answers against it.

    Raises
    ------
    InputError
        The task is a mixture: it has no one right answer.
    """
    if isinstance(task, str):
        return task
    raise InputError(
        f"{algorithm} needs a target that always answers the same: 'task' must be one function, not"
        " a mixture (sft takes mixtures)"
    )


def draw_answers(task: Task, rng: np.random.Generator, x: Tokens) -> Tokens:
    """Return an answer to each string ``(n, LENGTH)``, drawn from the task's law.

    One function draws nothing from `rng`.
    """
    names, weights = shares(task)
    if len(names) == 1:
        return np.asarray(function(names[0]).apply(x), np.int32)
    return applied(names, rng.choice(len(names), size=len(x), p=weights), x)


def answer_law(task: Task, x: Tokens) -> tuple[Tokens, Float64Array]:
    """Return all answers to strings ``(n, LENGTH)`` that a task gives, and their probabilities.

    Returns
    -------
    answers ``(K, n, LENGTH)``, one a function, and probabilities ``(K, n)``: functions that answer
    alike are summed at the first of them, and 0 at the others.
    """
    names, weights = shares(task)
    answers = np.stack([function(name).apply(x) for name in names]).astype(np.int32)
    same = (answers[:, None] == answers[None, :]).all(axis=-1)  # (K, K, n)
    first = ~np.tril(same.transpose(2, 0, 1), k=-1).any(axis=-1).T  # (K, n)
    total = np.einsum("k,jkn->jn", weights, same)
    return answers, np.where(first, total, 0.0)
