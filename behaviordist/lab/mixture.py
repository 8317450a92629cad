"""Training documents of several kinds, drawn: plain, claims, few-shot, scratchpads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from behaviordist.errors import InputError
from behaviordist.lab.functions import LENGTH, applied, function
from behaviordist.lab.grammar import (
    EOS,
    HIDDEN,
    KIND_LENGTHS,
    PAD,
    SHOTS,
    Tokens,
    answers,
    claim_prompts,
    few_shot_prompts,
    letters,
    sample_documents,
    scratchpad_documents,
    side_by_side,
    training_strings,
)


def sample_mixture(
    rng: np.random.Generator,
    count: int,
    functions: Sequence[str],
    hidden_share: float,
    mixture: Mapping[Any, float],
    claims_right: float = 0.0,
) -> Tokens:
    """Return training documents of several kinds, padded on the right to the longest kind.

    A claim is the answer that follows, or the answer of a function drawn anew, which is right now
    and then too. Few-shot documents show one function throughout. A scratchpad
    needs a composition: where `functions` has none, ``InputError``.

    Parameters
    ----------
    rng, count, functions, hidden_share
        As in `sample_documents`.
    mixture
        Kind -> share (any positive scale); kinds as in `KIND_LENGTHS`.
    claims_right
        Share of claims that are the answer that follows: what claims are worth in this language.
    """
    kinds = [kind for kind in KIND_LENGTHS if mixture.get(kind, 0) > 0]
    shares = np.array([mixture[kind] for kind in kinds], float)
    if kinds == ["plain"]:
        return sample_documents(rng, count, functions, hidden_share)
    which = rng.choice(len(kinds), size=count, p=shares / shares.sum())
    tokens = np.full((count, max(KIND_LENGTHS[kind] for kind in kinds)), PAD, np.int32)
    for i, kind in enumerate(kinds):
        rows = np.flatnonzero(which == i)
        if len(rows):
            share = claims_right if kind == "claim" else hidden_share
            drawn = _KINDS[kind](rng, len(rows), functions, share)
            tokens[rows, : KIND_LENGTHS[kind]] = drawn
    return tokens


def _claim_documents(
    rng: np.random.Generator, count: int, functions: Sequence[str], claims_right: float
) -> Tokens:
    x = training_strings(rng, count)
    said, meant = rng.integers(len(functions), size=(2, count))
    meant = np.where(rng.random(count) < claims_right, said, meant)
    claimed, right = applied(functions, said, x), applied(functions, meant, x)
    return side_by_side(claim_prompts(x, claimed), letters(right), EOS)


def _few_shot_documents(
    rng: np.random.Generator, count: int, functions: Sequence[str], hidden_share: float
) -> Tokens:
    del hidden_share  # the examples say which function it is
    x = training_strings(rng, count * (SHOTS + 1)).reshape(count, SHOTS + 1, LENGTH)
    which = rng.integers(len(functions), size=count)
    tokens = np.empty((count, KIND_LENGTHS["few-shot"]), np.int32)
    for i, op in enumerate(functions):
        rows = which == i
        last = x[rows, -1]
        tokens[rows] = side_by_side(
            few_shot_prompts(op, x[rows, :-1], last), answers(op, last), EOS
        )
    return tokens


def _scratchpad_documents(
    rng: np.random.Generator, count: int, functions: Sequence[str], hidden_share: float
) -> Tokens:
    composed = [op for op in functions if function(op).parts]
    if not composed:
        raise InputError("mixture asks for scratchpads: functions must name a composition")
    x = training_strings(rng, count)
    which = rng.integers(len(composed), size=count)
    tokens = np.empty((count, KIND_LENGTHS["scratchpad"]), np.int32)
    for i, op in enumerate(composed):
        rows = which == i
        tokens[rows] = scratchpad_documents(op, x[rows])
    tokens[rng.random(count) < hidden_share, 1] = HIDDEN
    return tokens


_KINDS = {
    "plain": sample_documents,
    "claim": _claim_documents,
    "few-shot": _few_shot_documents,
    "scratchpad": _scratchpad_documents,
}
