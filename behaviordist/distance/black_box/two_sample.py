"""Do two behaviors answer alike? A test of equal distributions, by permutation within prompts.

The statistic is the mean over prompts of the unbiased squared maximum mean discrepancy
(`innerproduct.geometries.samples`). Where two behaviors have one distribution at every prompt, the
answers to a prompt are exchangeable between them, so that labels may be permuted within prompts:
the p-value is exact, whatever the kernel, the prompts and the number of answers. Sources: Gretton,
Borgwardt, Rasch, Schoelkopf & Smola, A Kernel Two-Sample Test (2012); Gao, Liang & Guestrin, Model
Equality Testing: Which Model Is This API Serving? (2024); Phipson & Smyth (2010) on the p-value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from behaviordist.errors import InputError
from behaviordist.innerproduct.arrays import BoolArray, Float64Array
from behaviordist.innerproduct.geometries.samples import GramOf, Kernel, get_kernel

Answers = Sequence[Sequence[str]]

PERMUTATIONS = 1999


@dataclass(frozen=True)
class TwoSample:
    """A two-sample test.

    Attributes
    ----------
    values
        (n,) unbiased squared distance at every prompt; their mean is the statistic.
    p
        Probability of a mean as large if both answer alike: small p shows that they do not; a
        large one shows nothing.
    permutations
        How many were drawn: p is 1 / (permutations + 1) at least.
    """

    values: Float64Array
    p: float
    permutations: int


def two_sample(
    first: Answers,
    second: Answers,
    kernel: str | Kernel = "character-ngrams",
    *,
    permutations: int = PERMUTATIONS,
    seed: int = 0,
) -> TwoSample:
    """Test whether two behaviors answer every prompt with one distribution.

    Parameters
    ----------
    first, second
        For each of n prompts, a behavior's answers, at least two, drawn independently.
    kernel
        As for `sample_distances`.
    permutations, seed
        How many relabellings are drawn, and from which seed.

    Raises
    ------
    InputError
        On different numbers of prompts, none, or fewer than two answers to one.

    Examples
    --------
    >>> found = two_sample([["a", "a"]] * 9, [["b", "b"]] * 9, "exact-match")
    >>> float(found.values.mean()), found.p < 0.01
    (2.0, True)
    """
    if len(first) != len(second) or not first:
        raise InputError(f"{len(first)} prompts against {len(second)}; give both the same ones")
    short = [k for k, both in enumerate(zip(first, second, strict=True)) if min(map(len, both)) < 2]
    if short:
        raise InputError(f"prompt {short[0]} has fewer than two answers of one behavior")
    rng, gram_of = np.random.default_rng(seed), get_kernel(kernel)
    values, drawn = np.empty(len(first)), np.zeros(permutations)
    for k, (a, b) in enumerate(zip(first, second, strict=True)):
        gram = _gram([*a, *b], gram_of)
        own = np.arange(len(gram)) < len(a)
        order = rng.random((permutations, len(gram))).argsort(axis=1)
        values[k] = _squared(gram, own[None, :])[0]
        drawn += _squared(gram, own[order])
    # Ties count against a difference; sums of the same numbers differ by rounding.
    as_large = drawn >= values.sum() - 1e-9 * len(values)
    return TwoSample(values, float((1 + as_large.sum()) / (1 + permutations)), permutations)


def _gram(answers: Sequence[str], gram_of: GramOf) -> Float64Array:
    """Return the kernel of every two answers, 0 where an answer meets itself."""
    different = {answer: k for k, answer in enumerate(dict.fromkeys(answers))}
    places = np.array([different[answer] for answer in answers])
    gram: Float64Array = gram_of(list(different))[np.ix_(places, places)]
    np.fill_diagonal(gram, 0)
    return gram


def _squared(gram: Float64Array, own: BoolArray) -> Float64Array:
    """Return the unbiased squared distance (B,) under each assignment (B, N) of answers."""
    mine = own.astype(np.float64)
    met = mine @ gram
    within = (met * mine).sum(axis=1)
    across = met.sum(axis=1) - within
    other = gram.sum() - within - 2 * across
    m, n = float(own[0].sum()), float((~own[0]).sum())
    squared: Float64Array = within / (m * (m - 1)) + other / (n * (n - 1)) - 2 * across / (m * n)
    return squared
