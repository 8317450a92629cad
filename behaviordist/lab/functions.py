"""The string functions that the lab's models learn: the behaviors a regime brings out.

A string is an integer array ``(..., LENGTH)`` of letter indices. Functions overlap by degrees:
`swap` agrees with `copy` on three positions of five, `rotate2` is `rotate` done twice, `sort`
agrees with `copy` on strings that are sorted already. So distances between behaviors are graded,
and some behaviors lie on the way to others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from behaviordist.errors import InputError, did_you_mean

LETTERS = tuple("abcdefghij")
LENGTH = 5

Array = Any  # numpy or jax: a function is applied to either, inside jit too


@dataclass(frozen=True)
class StringFunction:
    """A named function of strings.

    Attributes
    ----------
    name
        The token that names it in a document.
    apply
        Maps ``(..., LENGTH)`` letter indices to the same shape; numpy and jax arrays alike.
    parts
        For a composition, the names of its two steps, the first one applied first; else empty.
    """

    name: str
    apply: Callable[[Array], Array]
    parts: tuple[str, ...] = ()


def _permute(*order: int) -> Callable[[Array], Array]:
    """Letter at place i of the result is the letter at place ``order[i]`` of the string."""
    index = np.array(order)
    return lambda x: x[..., index]


def _shift(by: int) -> Callable[[Array], Array]:
    return lambda x: (x + by) % len(LETTERS)


def _sort(x: Array) -> Array:
    return x.__array_namespace__().sort(x, axis=-1)


_STEPS = (
    StringFunction("copy", lambda x: x),
    StringFunction("reverse", _permute(4, 3, 2, 1, 0)),
    StringFunction("rotate", _permute(1, 2, 3, 4, 0)),
    StringFunction("sort", _sort),
    StringFunction("shift", _shift(1)),
    StringFunction("swap", _permute(1, 0, 2, 3, 4)),
    StringFunction("ends", _permute(4, 1, 2, 3, 0)),
    StringFunction("unshift", _shift(-1)),
)


def compose(name: str, first: StringFunction, second: StringFunction) -> StringFunction:
    """Return the function that applies `first` and then `second`."""
    return StringFunction(name, lambda x: second.apply(first.apply(x)), (first.name, second.name))


def _all_functions() -> dict[str, StringFunction]:
    functions = {f.name: f for f in _STEPS}
    for name, first, second in (
        ("rotate2", "rotate", "rotate"),
        ("sort_descending", "sort", "reverse"),
        ("reverse_shift", "reverse", "shift"),
        ("rotate_shift", "rotate", "shift"),
    ):
        functions[name] = compose(name, functions[first], functions[second])
    return functions


FUNCTIONS: dict[str, StringFunction] = _all_functions()


def function(name: str) -> StringFunction:
    """Return the function of that name.

    Raises
    ------
    InputError
        There is none.
    """
    if name not in FUNCTIONS:
        raise InputError(f"no string function '{name}': {did_you_mean(name, FUNCTIONS)}")
    return FUNCTIONS[name]


def applied(names: Sequence[str], which: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return the function ``names[which[i]]`` of string i, ``(n, LENGTH)`` as the strings are."""
    result = np.empty_like(x)
    for i, name in enumerate(names):
        result[which == i] = function(name).apply(x[which == i])
    return result


def all_strings() -> np.ndarray:
    """Return every string, ``(len(LETTERS) ** LENGTH, LENGTH)`` int32, in lexicographic order."""
    axes = np.indices((len(LETTERS),) * LENGTH, dtype=np.int32)
    return axes.reshape(LENGTH, -1).T
