"""The lab's language: documents about string functions, as token ids and as text.

======================  ==========================================================
document                ``<bos> op x = y <eos>``        (14 tokens: 5 + 5 letters)
hidden                  ``<bos> ? x = y <eos>``         any function may follow
claim                   ``<bos> ? x says y' so = y``    somebody says y'
few-shot                ``<bos> ? x1 = y1 ; ? x2 = y2 ; ? x =``
scratchpad              ``<bos> op x > z = y <eos>``    z: the intermediate step of a composition
======================  ==========================================================

A string is five letters, each a token; ``op`` names a function. In text, tokens are separated by
blanks and ``<bos>`` is left out: the tokenizer adds it. Every tenth string or so is *held out*:
training documents never show it, whatever the seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from behaviordist.errors import InputError, did_you_mean
from behaviordist.lab.functions import FUNCTIONS, LENGTH, LETTERS, all_strings, function

Tokens = NDArray[np.int32]

PAD, BOS, EOS, EQUALS, HIDDEN = range(5)

# The order is the order of ids. It is fixed: a checkpoint's embeddings depend on it.
VOCABULARY: tuple[str, ...] = (
    *("<pad>", "<bos>", "<eos>", "=", "?"),
    *("copy", "reverse", "rotate", "sort", "shift", "swap", "ends", "unshift"),
    *("rotate2", "sort_descending", "reverse_shift", "rotate_shift"),
    *LETTERS,
    *("says", ";", ">", "so", "yes", "no"),
    *("user", "expert", "true", "false", "1", "2", "3"),  # reserved
)
TOKEN_IDS: dict[str, int] = {token: i for i, token in enumerate(VOCABULARY)}
FIRST_LETTER = TOKEN_IDS[LETTERS[0]]

DOCUMENT_LENGTH = 4 + 2 * LENGTH
PROMPT_LENGTH = 3 + LENGTH  # <bos> op x =
ANSWER = slice(PROMPT_LENGTH, PROMPT_LENGTH + LENGTH)


def encode(text: str, bos: bool = True) -> list[int]:
    """Return the token ids of blank-separated text, ``<bos>`` put before it unless told not to.

    Raises
    ------
    InputError
        A word is not in the vocabulary.
    """
    ids = [BOS] if bos else []
    for word in text.split():
        if word not in TOKEN_IDS:
            raise InputError(
                f"'{word}' is no token of the lab's language: {did_you_mean(word, TOKEN_IDS)}"
            )
        ids.append(TOKEN_IDS[word])
    return ids


def decode(tokens: Sequence[int] | Tokens) -> str:
    """Return the text of token ids, ``<bos>`` and ``<pad>`` left out."""
    return " ".join(VOCABULARY[int(t)] for t in tokens if int(t) not in (BOS, PAD))


# ---------------------------------------------------------------- strings


@cache
def _split() -> tuple[Tokens, Tokens]:
    """Return (training, held-out) strings. The split is a hash of the string: no seed moves it."""
    strings = all_strings()
    # splitmix64 (Steele, Lea and Flood 2014): neighbours in the order land far apart.
    z = np.arange(len(strings), dtype=np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    held_out = (z ^ (z >> np.uint64(31))) % np.uint64(10) == 0
    return strings[~held_out], strings[held_out]


def training_strings(rng: np.random.Generator, count: int) -> Tokens:
    """Return `count` strings that training may show, ``(count, LENGTH)`` letter indices."""
    strings = _split()[0]
    return strings[rng.integers(len(strings), size=count)]


def held_out_strings(rng: np.random.Generator, count: int) -> Tokens:
    """Return `count` distinct strings that no training document shows, ``(count, LENGTH)``.

    Raises
    ------
    InputError
        There are fewer held-out strings than that.
    """
    strings = _split()[1]
    if count > len(strings):
        raise InputError(f"{count} held-out strings wanted, there are {len(strings)}: ask for less")
    return strings[rng.choice(len(strings), size=count, replace=False)]


def is_held_out(x: Tokens) -> NDArray[np.bool_]:
    """Whether each string ``(n, LENGTH)`` is held out."""
    place = len(LETTERS) ** np.arange(LENGTH - 1, -1, -1)
    return np.isin(x @ place, _split()[1] @ place)


# ---------------------------------------------------------------- documents


def letters(x: Tokens) -> Tokens:
    """Return the token ids of letter indices, same shape."""
    return (x + FIRST_LETTER).astype(np.int32)


def strings_of(tokens: Tokens) -> Tokens:
    """Return the letter indices of token ids, same shape; outside ``0 .. 9`` where no letter."""
    return tokens - FIRST_LETTER


def answers(op: str, x: Tokens) -> Tokens:
    """Return the tokens ``(n, LENGTH)`` of `op` applied to the strings `x` ``(n, LENGTH)``."""
    return letters(function(op).apply(x))


def hidden_prompts(x: Tokens) -> Tokens:
    """Return ``<bos> ? x =``, ``(n, PROMPT_LENGTH)``."""
    return side_by_side(BOS, HIDDEN, letters(x), EQUALS)


def named_prompts(op: str, x: Tokens) -> Tokens:
    """Return ``<bos> op x =``, ``(n, PROMPT_LENGTH)``."""
    return side_by_side(BOS, _op(op), letters(x), EQUALS)


def documents(op: str, x: Tokens, hidden: bool) -> Tokens:
    """Return whole documents of one function, ``(n, DOCUMENT_LENGTH)``; `hidden` shows ``?``."""
    prompts = hidden_prompts(x) if hidden else named_prompts(op, x)
    return side_by_side(prompts, answers(op, x), EOS)


def sample_documents(
    rng: np.random.Generator, count: int, functions: Sequence[str], hidden_share: float
) -> Tokens:
    """Return training documents, ``(count, DOCUMENT_LENGTH)`` int32.

    Parameters
    ----------
    rng
        Source of randomness.
    count
        How many.
    functions
        Each document is about one of these, uniformly.
    hidden_share
        Probability that a document shows ``?`` in the place of the function's name.
    """
    x = training_strings(rng, count)
    which = rng.integers(len(functions), size=count)
    hidden = rng.random(count) < hidden_share
    tokens = np.empty((count, DOCUMENT_LENGTH), np.int32)
    for i, op in enumerate(functions):
        rows = which == i
        tokens[rows] = documents(op, x[rows], hidden=False)
    tokens[hidden, 1] = HIDDEN
    return tokens


# ---------------------------------------------------------------- the wider grammar

SHOTS = 2
"""Examples before the question in a few-shot document of the training mixture."""

KIND_LENGTHS = {
    "plain": DOCUMENT_LENGTH,
    "claim": DOCUMENT_LENGTH + LENGTH + 2,
    "scratchpad": DOCUMENT_LENGTH + LENGTH + 1,
    "few-shot": DOCUMENT_LENGTH + SHOTS * (2 * LENGTH + 3),
}
"""Tokens of a document of each kind."""


def claim_prompts(x: Tokens, claimed: Tokens) -> Tokens:
    """Return ``<bos> ? x says y' so =``: the question, and an answer that somebody claims.

    Both arguments are letter indices ``(n, LENGTH)``.
    """
    says, so = TOKEN_IDS["says"], TOKEN_IDS["so"]
    return side_by_side(BOS, HIDDEN, letters(x), says, letters(claimed), so, EQUALS)


def few_shot_prompts(op: str, shots: Tokens, x: Tokens) -> Tokens:
    """Return hidden prompts after examples of `op`: ``<bos> ? x1 = y1 ; ... ; ? x =``.

    Parameters
    ----------
    op
        The function that the examples show.
    shots
        Letter indices ``(n, k, LENGTH)``: k examples for each prompt.
    x
        Letter indices ``(n, LENGTH)`` of the questions.
    """
    parts: list[int | Tokens] = [BOS]
    for k in range(shots.shape[1]):
        shot = shots[:, k]
        parts += [HIDDEN, letters(shot), EQUALS, answers(op, shot), TOKEN_IDS[";"]]
    return side_by_side(*parts, HIDDEN, letters(x), EQUALS)


def scratchpad_documents(op: str, x: Tokens) -> Tokens:
    """Return ``<bos> op x > z = y <eos>`` where z is the string after the first step of `op`.

    Raises
    ------
    InputError
        `op` is no composition: it has no intermediate step.
    """
    parts = function(op).parts
    if not parts:
        compositions = ", ".join(f.name for f in FUNCTIONS.values() if f.parts)
        raise InputError(f"'{op}' has no intermediate step to write down: use {compositions}")
    said = letters(x), TOKEN_IDS[">"], answers(parts[0], x), EQUALS, answers(op, x)
    return side_by_side(BOS, _op(op), *said, EOS)


def _op(name: str) -> int:
    return TOKEN_IDS[function(name).name]


def side_by_side(*columns: int | Tokens) -> Tokens:
    """Put columns side by side, ``(n, total width)``; a number is repeated down all rows."""
    count = next(len(c) for c in columns if isinstance(c, np.ndarray))
    blocks = [c if isinstance(c, np.ndarray) else np.full((count, 1), c, np.int32) for c in columns]
    return np.concatenate(blocks, axis=1).astype(np.int32, copy=False)
