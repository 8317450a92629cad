"""Names of the likeliest first tokens of an answer, the same for every server and for weights.

Servers name a token by its text. For a special token, such as the end of an answer, one gives its
name (``<|im_end|>``) and another no text: here they are one cell without a name, which holds the
mass of all. A token that is half a character is left out: several may have that text.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping

from behaviordist.errors import InputError

HALF = "\ufffd"
SPECIAL = re.compile(r"<\|[^|]*\|>|</?s>|<(eos|bos|pad|unk|end_of_turn|start_of_turn)>")


def by_name(pairs: Iterable[tuple[str, float]]) -> dict[str, float]:
    """Return name -> log-probability, nats, of (text of a token, log-probability).

    Raises
    ------
    InputError
        If none has a name: then nothing is said of any token.

    Examples
    --------
    >>> found = by_name([("a", -1.0), ("</s>", -2.0), ("", -2.0), ("\ufffd", -0.5)])
    >>> {name: round(value, 3) for name, value in found.items()}
    {'a': -1.0, '': -1.307}
    """
    named: dict[str, float] = {}
    for text, value in pairs:
        if HALF in text:
            continue
        name = "" if SPECIAL.fullmatch(text) else text
        before = named.get(name)
        named[name] = value if before is None else _either(before, value)
    if not named:
        raise InputError("none of the likeliest first tokens is a text of its own")
    return named


def names_by_id(ids: Mapping[str, int], size: int) -> list[str]:
    """Return the token of every id below `size`; "" for rows that no token uses."""
    names = [""] * size
    for token, index in ids.items():
        if 0 <= index < size:
            names[index] = token
    return names


def _either(p: float, q: float) -> float:
    return max(p, q) + math.log1p(math.exp(-abs(p - q)))
