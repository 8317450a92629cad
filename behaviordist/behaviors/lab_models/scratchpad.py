"""Chain of thought in the lab: a scratchpad before the answer, summed out.

The lab's documents with a scratchpad are ``<bos> op x > z = y``. So the prompt ``op x =`` becomes
``op x > z =``, where z is sampled from the model after ``>`` at temperature 1 until it writes
``=`` (or a document's end, or the longest z that is allowed). The answer's distribution is the
mixture over the sampled z: `thinking` has the formula.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from behaviordist.behaviors.sampling import seed_of
from behaviordist.behaviors.text.encoding import EncodedProbe
from behaviordist.behaviors.thinking import trimmed
from behaviordist.errors import InputError
from behaviordist.lab.grammar import EOS, EQUALS, PAD, TOKEN_IDS
from behaviordist.lab.llama import LlamaConfig, Params
from behaviordist.probes import Probe

THINK = TOKEN_IDS[">"]
ENDS = frozenset({EQUALS, EOS, PAD})
# Scratchpads sampled at a time, about: what keeps the cache of one batch small.
ROWS = 1024


def check(probes: Iterable[Probe], encoded: Sequence[EncodedProbe]) -> None:
    """Refuse a prompt that does not end with ``=``: a scratchpad stands before that sign."""
    for probe, item in zip(probes, encoded, strict=True):
        if item.ids[-item.scored - 1] != EQUALS:
            raise InputError(
                f"probe '{probe.id}': thoughts go before the '=' that ends a prompt of the lab;"
                " this prompt ends otherwise: leave the probe out, or drop thoughts"
            )


def by_length(encoded: Sequence[EncodedProbe]) -> Iterator[list[EncodedProbe]]:
    """Yield the probes whose prompts are equally long: sampling takes prompts of one length."""
    groups: dict[int, list[EncodedProbe]] = {}
    for item in encoded:
        groups.setdefault(len(item.ids) - item.scored, []).append(item)
    yield from (groups[length] for length in sorted(groups))


def think(
    params: Params,
    config: LlamaConfig,
    probes: Sequence[Probe],
    encoded: Sequence[EncodedProbe],
    count: int,
    longest: int,
) -> list[list[list[int]]]:
    """Sample `count` scratchpads of at most `longest` tokens for probes with equally long prompts.

    The draws of a probe depend on its id and prompt alone, not on the other probes.
    """
    check(probes, encoded)
    thoughts: list[list[list[int]]] = []
    size = min(len(encoded), max(1, ROWS // count))
    for first in range(0, len(encoded), size):
        # The last batch reaches back, so that every batch has the one shape that is compiled.
        start = min(first, len(encoded) - size)
        prompts = [_opened(item) for item in encoded[start : start + size]]
        seeds = [
            seed_of(0, probe, draw)
            for probe in probes[start : start + size]
            for draw in range(count)
        ]
        rows = np.repeat(np.array(prompts, np.int32), count, axis=0)
        drawn = _sample(params, config, rows, seeds, longest).reshape(size, count, longest)
        thoughts += [[trimmed(row, ENDS) for row in several] for several in drawn[first - start :]]
    return thoughts


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
            params, config, prompts, np.array(seeds, np.uint32), longest
        )
        return np.asarray(tokens)
