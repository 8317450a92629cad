"""A token in its context: where in a probe's text it stands."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from behaviordist.behaviors.behavior import FloatArray, IntArray
from behaviordist.probes import Probe

Standing = tuple[list[int], float, float]
"""A probe's tokens up to the one that is meant, and that one's probability under both."""


@dataclass(frozen=True)
class InContext:
    """Where in a probe's text: what stands before a token, the token, and what follows it.

    `reference` and `candidate` are the token's probabilities.
    """

    before: str
    token: str
    after: str
    reference: float
    candidate: float


def at_token(text: str, position: int) -> str:
    """Return a probe's text with the place in its continuation (from 0) that is meant."""
    return f"{text} at token {position + 1} of the continuation"


def standing(
    token: IntArray | None, first: int, at: int, log_p: FloatArray, log_q: FloatArray
) -> Standing:
    """Return a probe's tokens up to the one at row `at`, and that one's p under both."""
    if token is None:
        return [], math.nan, math.nan
    tokens = [int(t) for t in token[first : at + 1]]
    return tokens, math.exp(log_p[at, tokens[-1]]), math.exp(log_q[at, tokens[-1]])


def in_context(
    probe: Probe, stands: Standing, token_text: Callable[[int], str]
) -> InContext | None:
    """Return where a probe's token stands, or None where that is not known."""
    tokens, p, q = stands
    parts = split_at_token(probe, [token_text(t) for t in tokens])
    return None if parts is None else InContext(*parts, p, q)


def split_at_token(probe: Probe, pieces: Sequence[str]) -> tuple[str, str, str] | None:
    """Return a probe's text before a token, the token's own, and what follows it.

    Parameters
    ----------
    probe
        The prompt stands before its continuation.
    pieces
        Texts of the continuation's tokens, up to and with the one that is meant. Blanks between
        them may be missing, as tokenizers that write them apart have it.

    Returns
    -------
    None where the pieces do not stand in the continuation one after the other (half characters,
    positions that were left out), or there are none: nothing is marked that is not known.

    Examples
    --------
    >>> from behaviordist.probes import Probe
    >>> split_at_token(Probe("a", "2 + 2 =", " four, of course"), [" four", ","])
    ('2 + 2 = four', ',', ' of course')
    """
    text, end, start = probe.continuation, 0, -1
    for piece in pieces:
        start = text.find(piece, end) if piece else -1
        if start < 0 or text[end:start].strip():
            return None
        end = start + len(piece)
    if start < 0:
        return None
    return probe.prompt + text[:start], text[start:end], text[end:]
