"""Echoed log-probabilities of a text, and which of its characters each token stands for.

Servers name the tokens of a text (`tokens`), their log-probabilities (`token_logprobs`) and their
places (`text_offset`). The places are wrong wherever the text of the start token is counted (vLLM)
or characters are cut, so they are not read where it can be helped: a token stands where its own
letters stand in the text. Half a character has no letters (U+FFFD) and stands for one character
outside ASCII or none; what can then be placed in two ways is refused where it matters.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from behaviordist.behaviors.text.token_names import HALF
from behaviordist.errors import InputError

BYTES = re.compile(r"bytes:((?:\\x[0-9a-fA-F]{2})+)")
# What servers put in the place of -inf (vLLM: -9999) is no measurement.
LOWEST, HIGHEST = -5000.0, 1e-3


@dataclass(frozen=True)
class Echo:
    """The tokens of one text, each with its log-probability and the places where it can stand.

    Attributes
    ----------
    values
        One a token, in nats; None for the first token where nothing stands before it.
    places
        `len(values) + 1` sets: the characters at which token i can begin, and the last one end.
    """

    values: tuple[float | None, ...]
    places: tuple[frozenset[int], ...]

    def sum_from(self, start: int) -> float:
        """Return the log-probability of the text from character `start` on, in nats.

        Raises
        ------
        InputError
            If it cannot be told which tokens those are, or the first has no probability.
        """
        total = 0.0
        for value, begins, ends in zip(self.values, self.places[:-1], self.places[1:], strict=True):
            if max(ends) <= start and (min(begins) < start or value is None):
                continue
            if min(begins) < start or max(ends) == min(begins) == start > 0:
                raise InputError(
                    "a token stands across the end of its prompt, or cannot be told from it; move"
                    " a blank at the end of the prompt to the continuation"
                )
            if value is None:
                raise InputError("its first token has no probability; give the probe a prompt")
            total += value
        return total

    def only_token(self, start: int, end: int) -> float | None:
        """Return the value of the one token that spans these characters, if there is one."""
        for value, begins, ends in zip(self.values, self.places[:-1], self.places[1:], strict=True):
            if begins == {start} and ends == {end}:
                return value
        return None


def read_echo(logprobs: Mapping[str, Any], text: str) -> Echo:
    """Return the tokens of `text` among those of an echoed answer.

    Raises
    ------
    InputError
        If the tokens do not spell the text (a server without echo), or a value is no
        log-probability: NaN, infinite, absent, above zero.
    """
    names, values = logprobs.get("tokens"), logprobs.get("token_logprobs")
    if not isinstance(names, list) or not isinstance(values, list) or len(names) != len(values):
        raise InputError(
            "its answer does not name the tokens of a text and their log-probabilities"
        )
    if not all(isinstance(name, str) for name in names):
        raise InputError("its answer names tokens that are no text")
    names = [_letters(name) for name in names]
    for blanks in (False, True):  # SentencePiece's tokens come without the blank before them
        for first in (0, 1):  # a start token has a name of its own, such as <s>
            counts = {n: _places(names[first:n], text, blanks) for n in _ends(names)}
            fits = {n: places for n, places in counts.items() if places is not None}
            if not fits:
                continue
            last = max(fits)
            if len(fits) > 1 and _was_generated(logprobs.get("text_offset"), first, fits):
                last = min(fits)
            checked = [_nats(v, first=i == 0) for i, v in enumerate(values[:last])]
            return Echo(tuple(checked[first:]), tuple(fits[last] or ()))
    raise InputError(
        "the tokens of its answer do not spell the text that was sent; it ignores `echo`, or writes"
        " tokens and offsets in a way that cannot be checked"
    )


def nats(value: Any) -> float:
    """Return a log-probability; anything that is none is an `InputError`."""
    number = _nats(value, first=False)
    assert number is not None
    return number


def _nats(value: Any, *, first: bool) -> float | None:
    if value is None and first:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError(f"it gives {str(value)[:40]!r} for the log-probability of a token")
    number = value if isinstance(value, float) else float(max(min(value, 10**6), -(10**6)))
    if not math.isfinite(number) or not LOWEST < number <= HIGHEST:
        raise InputError(f"it gives {number:.6g} for a log-probability, which is none")
    return min(number, 0.0)


def _ends(names: Sequence[str]) -> Iterable[int]:
    """How many tokens the text may have: all, or all but the one that was generated after it."""
    return [n for n in (len(names), len(names) - 1) if n >= 0]


def _was_generated(offsets: Any, first: int, fits: Mapping[int, Any]) -> bool:
    """Whether the last token, which may be empty, was generated after the text.

    Here only, the server's offsets decide; they must agree with all places that are certain.

    Raises
    ------
    InputError
        If they do not, or there are none.
    """
    places, many = fits[min(fits)], max(fits)
    if isinstance(offsets, list) and len(offsets) == many and all(map(_is_whole, offsets)):
        shift = offsets[first] if first < many else 0
        rest = [offset - shift for offset in offsets[first:]]
        certain = [(o, min(p)) for o, p in zip(rest, places, strict=True) if len(p) == 1]
        if all(offset == place for offset, place in certain):
            return bool(rest[-1] >= max(places[-1]))
    raise InputError(
        "its text offsets do not say whether the last token belongs to the text or was generated"
        " after it"
    )


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _letters(name: str) -> str:
    r"""Return a token's letters; bytes that are written out (`bytes:\xc3`) are halves."""
    written = BYTES.fullmatch(name)
    return HALF * (len(written[1]) // 4) if written else name


def _places(names: Sequence[str], text: str, blanks: bool) -> list[frozenset[int]] | None:
    """Return where each token can begin, and the last end, if together they spell the text."""
    forward = [frozenset({0})]
    for name in names:
        forward.append(frozenset(_walk(forward[-1], name, text, 1, blanks)))
        if not forward[-1]:
            return None
    if len(text) not in forward[-1]:
        return None
    backward = [frozenset({len(text)})]
    for name in reversed(names):
        backward.append(frozenset(_walk(backward[-1], name[::-1], text, -1, blanks)))
    return [a & b for a, b in zip(forward, reversed(backward), strict=True)]


def _walk(starts: Iterable[int], name: str, text: str, step: int, blanks: bool) -> set[int]:
    """Return the places that are reached from `starts` by the letters of one token."""
    places = set(starts)
    if blanks and step > 0:
        places |= _past(places, text, step, lambda letter: letter == " ")
    for letter in name:
        reached = _past(places, text, step, lambda there, mine=letter: there == mine)
        if letter == HALF:
            reached |= places | _past(places, text, step, lambda there: ord(there) > 127)
        places = reached
    if blanks and step < 0:
        places |= _past(places, text, step, lambda letter: letter == " ")
    return places


def _past(places: Iterable[int], text: str, step: int, fits: Any) -> set[int]:
    """Return the places one letter on, where that letter fits."""
    here = -1 if step < 0 else 0
    return {p + step for p in places if 0 <= p + here < len(text) and fits(text[p + here])}
