"""Chain of thought in the lab: a scratchpad before the answer, summed out.

The lab's documents with a scratchpad are ``<bos> op x > z = y``. So the prompt ``op x =`` becomes
``op x > z =``, where z is sampled from the model after ``>`` at temperature 1 until it writes
``=`` (or a document's end, or the longest z that is allowed). The answer's distribution is the
mixture over the sampled z: `thinking` has the formula.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from behaviordist.behaviors.encoding import EncodedProbe
from behaviordist.behaviors.sampling import seed_of
from behaviordist.behaviors.thinking import trimmed
from behaviordist.errors import InputError
from behaviordist.lab.grammar import EOS, EQUALS, PAD, TOKEN_IDS
from behaviordist.lab.llama import LlamaConfig, Params
from behaviordist.probes import ProbeSet

THINK = TOKEN_IDS[">"]
ENDS = frozenset({EQUALS, EOS, PAD})
# Scratchpads sampled at a time, about: what keeps the cache of one batch small.
ROWS = 1024


def overhead(thought_tokens: int) -> int:
    """Return how many tokens of the context window a scratchpad takes at most, with its ``>``."""
    return 1 + thought_tokens


def check(probes: ProbeSet, encoded: Sequence[EncodedProbe]) -> None:
    """Refuse a prompt that does not end with ``=``: a scratchpad stands before that sign."""
    for probe, item in zip(probes, encoded, strict=True):
        if item.ids[-item.scored - 1] != EQUALS:
            raise InputError(
                f"probe '{probe.id}': thoughts go before the '=' that ends a prompt of the lab;"
                " this prompt ends otherwise: leave the probe out, or drop thoughts"
            )


def think(
    params: Params,
    config: LlamaConfig,
    probes: ProbeSet,
    encoded: Sequence[EncodedProbe],
    count: int,
    longest: int,
) -> list[list[list[int]]]:
    """Sample `count` scratchpads of at most `longest` tokens for every probe.

    The draws of a probe depend on its id and prompt alone, not on the other probes.
    """
    check(probes, encoded)
    prompts = [_opened(item) for item in encoded]
    found: list[list[list[int]]] = [[] for _ in encoded]
    # Sampling takes prompts of one length; a set has few lengths.
    for length in sorted({len(prompt) for prompt in prompts}):
        members = [i for i, prompt in enumerate(prompts) if len(prompt) == length]
        size = max(1, ROWS // count)
        for first in range(0, len(members), size):
            chosen = members[first : first + size]
            # The last batch is filled up, so that every batch has the one shape that is compiled.
            filled = chosen + [chosen[-1]] * (min(size, len(members)) - len(chosen))
            rows = np.repeat([prompts[i] for i in filled], count, axis=0)
            seeds = [seed_of(0, probes.probes[i], draw) for i in filled for draw in range(count)]
            drawn = _sample(params, config, rows, seeds, longest).reshape(-1, count, longest)
            for i, several in zip(chosen, drawn, strict=False):
                found[i] = [trimmed(row, ENDS) for row in several]
    return found


def with_scratchpads(
    encoded: Sequence[EncodedProbe], thoughts: Sequence[Sequence[Sequence[int]]]
) -> list[EncodedProbe]:
    """Return every probe once for every scratchpad, which stands before the ``=`` of its prompt."""
    return [
        EncodedProbe(
            item.index, (*_opened(item), *thought, *item.ids[-item.scored - 1 :]), item.scored
        )
        for item, several in zip(encoded, thoughts, strict=True)
        for thought in several
    ]


def _opened(item: EncodedProbe) -> tuple[int, ...]:
    """Return the ids of the prompt with ``>`` in the place of its ``=``."""
    return (*item.ids[: -item.scored - 1], THINK)


def _sample(
    params: Params, config: LlamaConfig, prompts: Any, seeds: Sequence[int], longest: int
) -> Any:
    import jax

    from behaviordist.lab import sampling

    # Some libraries switch the whole process to float64, where the same seed draws otherwise.
    with jax.enable_x64(False):
        tokens, _ = sampling.sample_rows(
            params, config, prompts.astype(np.int32), np.array(seeds, np.uint32), longest
        )
        return np.asarray(tokens)
