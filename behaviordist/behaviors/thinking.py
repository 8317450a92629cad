"""Chain of thought: the distribution of answers, with the reasoning summed out.

    p(y | x) = E_{r ~ p(r | x)} p(y | x, r)  ~  1/K sum_k p(y | x, r_k)

for K reasonings sampled at temperature 1. Token by token this is a mixture whose weights follow how
well each reasoning foretold the answer so far:

    p(y_t | x, y_<t) = sum_k w_k(t) p(y_t | x, r_k, y_<t),
    w_k(t) proportional to prod_{s<t} p(y_s | x, r_k, y_<s).

Unbiased for p(y | x) whatever K (Wang et al. 2023, self-consistency, is its most probable answer).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from behaviordist.behaviors.text.encoding import EncodedProbe

THINK = "\nLet's think step by step."
ANSWER = "\nSo the answer is:"


def overhead(encode: Callable[[str], list[int]], thought_tokens: int) -> int:
    """Return how many tokens of the context window a reasoning takes at most."""
    return len(encode(THINK)) + len(encode(ANSWER)) + thought_tokens


def with_thoughts(
    item: EncodedProbe, thoughts: Sequence[Sequence[int]], encode: Callable[[str], list[int]]
) -> list[EncodedProbe]:
    """Return the probe once for every reasoning, put between its prompt and its continuation.

    `index` is the number of the reasoning.
    """
    before, scored = item.ids[: len(item.ids) - item.scored], item.ids[-item.scored :]
    think, answer = encode(THINK), encode(ANSWER)
    return [
        EncodedProbe(k, (*before, *think, *thought, *answer, *scored), item.scored)
        for k, thought in enumerate(thoughts)
    ]


def trimmed(row: Sequence[int], ends: frozenset[int]) -> list[int]:
    """Return the ids before the first one that ends a text."""
    ids = [int(token) for token in row]
    return ids[: next((i for i, token in enumerate(ids) if token in ends), len(ids))]


def marginalise(
    log_p: NDArray[np.float32], target: NDArray[np.int64], count: int
) -> NDArray[np.float32]:
    """Sum the reasoning out.

    Parameters
    ----------
    log_p
        (count * n, V) log-probabilities, the n positions of the first reasoning first.
    target
        (n,) the tokens of the continuation.
    count
        Number of reasonings.

    Returns
    -------
    (n, V) float32 log-probabilities of the mixture.
    """
    n = len(target)
    each = log_p.reshape(count, n, -1).astype(np.float64)
    foretold = each[:, np.arange(n), target]
    # Weights at position t know the tokens before t, not the one at t.
    weight = np.cumsum(foretold, axis=1) - foretold
    weight = weight - np.logaddexp.reduce(weight, axis=0)
    mixed = np.logaddexp.reduce(weight[:, :, None] + each, axis=0)
    return np.asarray(mixed, dtype=np.float32)
