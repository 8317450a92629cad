"""Samples geometry: the mean embedding of sampled answers under a kernel.

    d^2(f, g) = E k(y, y') + E k(z, z') - 2 E k(y, z),   y, y' ~ f, z, z' ~ g independent,

the squared maximum mean discrepancy, averaged over prompts. From m answers a prompt it is estimated
by the U-statistic, in which no answer meets itself: unbiased, so that two draws of one behavior are
at distance 0 in expectation, whatever its entropy (the plug-in is 2 (1 - E k) / m too large: 0.26
for eight answers that all differ, under the exact-match kernel). Values may be slightly negative.

Use it for black boxes that give answers alone, across any tokenizers. It cannot see probabilities
below about 1/m, and it sees only what the kernel sees: exact match is the `euclidean` geometry of
whole answers; character n-grams see near misses. Source: Gretton, Borgwardt, Rasch, Schoelkopf &
Smola, A Kernel Two-Sample Test (2012), lemma 6.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

from behaviordist.errors import InputError
from behaviordist.innerproduct.arrays import Float64Array
from behaviordist.innerproduct.geometries.base import FloatArray, Geometry
from behaviordist.store.plugins import find_plugin

Kernel = Callable[[str, str], float]
GramOf = Callable[[Sequence[str]], Float64Array]


def exact_match(answers: Sequence[str]) -> Float64Array:
    """Gram matrix of different answers under k(y, z) = 1 if y = z else 0."""
    return np.eye(len(answers))


def character_ngrams(answers: Sequence[str]) -> Float64Array:
    """Gram matrix under the cosine of counts of character 1- to 3-grams (with ends)."""
    texts = [f"\x02{answer}\x03" for answer in answers]
    counts = [
        Counter(t[i : i + n] for n in (1, 2, 3) for i in range(len(t) - n + 1)) for t in texts
    ]
    names = {gram: k for k, gram in enumerate(sorted(set().union(*counts)))}
    vectors = np.zeros((len(answers), len(names)))
    for row, counter in enumerate(counts):
        vectors[row, [names[gram] for gram in counter]] = list(counter.values())
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    gram: Float64Array = vectors @ vectors.T
    return gram


def from_function(kernel: Kernel) -> GramOf:
    """Gram matrix of a user's symmetric kernel of two strings."""

    def gram(answers: Sequence[str]) -> Float64Array:
        table = np.array([[kernel(a, b) for b in answers] for a in answers], dtype=np.float64)
        if not np.isfinite(table).all() or not np.allclose(table, table.T):
            raise InputError("the kernel must be symmetric and finite: k(y, z) = k(z, y)")
        return table

    return gram


KERNELS: dict[str, GramOf] = {"exact-match": exact_match, "character-ngrams": character_ngrams}


def get_kernel(kernel: str | Kernel) -> GramOf:
    """Return the Gram function of a kernel: its name, or a function of two strings.

    A name may be that of an entry point of ``behaviordist.kernels``, or ``module:function``.

    Raises
    ------
    InputError
        On an unknown name, or one of what is no function.
    """
    if callable(kernel):
        return from_function(kernel)
    if kernel in KERNELS:
        return KERNELS[kernel]
    found = find_plugin("kernels", kernel, list(KERNELS))
    if not callable(found):
        raise InputError(f"kernel '{kernel}': a function of two strings is needed")
    return from_function(found)


def prompt_distances(answers: Sequence[Sequence[str]], gram_of: GramOf) -> Float64Array:
    """Unbiased squared distances of N behaviors at one prompt.

    Parameters
    ----------
    answers
        For each behavior its answers to the prompt, at least two.
    gram_of
        From `get_kernel`.

    Returns
    -------
    (N, N); diagonal 0.
    """
    different = {answer: k for k, answer in enumerate(dict.fromkeys(sum(map(list, answers), [])))}  # noqa: RUF017
    counts = np.zeros((len(answers), len(different)))
    for row, several in enumerate(answers):
        np.add.at(counts[row], [different[answer] for answer in several], 1)
    gram = gram_of(list(different))
    m = counts.sum(axis=1)
    products = counts @ gram @ counts.T
    # Pairs of different draws alone: the meeting of every answer with itself is taken off.
    within = (np.diagonal(products) - counts @ np.diagonal(gram)) / (m * (m - 1))
    squared: Float64Array = within[:, None] + within[None, :] - 2 * products / np.outer(m, m)
    np.fill_diagonal(squared, 0)
    return squared


def features(log_p: FloatArray, reference: FloatArray | None = None) -> FloatArray:  # noqa: ARG001
    """Refuse: this geometry is computed from answers, not from log-probabilities."""
    raise InputError(
        "the samples geometry takes sampled answers, not log-probabilities;"
        " call behaviordist.distance.sample_distances"
    )


GEOMETRY = Geometry("samples", features, unit="answers", rounding=0.0)
