"""Whole answers of the lab's models: drawn, or enumerated where a few carry all the mass."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from behaviordist.behaviors.sampling import seed_of
from behaviordist.behaviors.text.encoding import EncodedProbe
from behaviordist.lab import grammar
from behaviordist.probes import ProbeSet

Next = Callable[[Sequence[Sequence[int]]], NDArray[np.float32]]
"""Contexts (token ids) -> log-probabilities of the token after each, (n, V), settings applied."""

Path = tuple[tuple[int, ...], float]
"""Tokens said so far, and their log-probability."""

END_TEXT = f" {grammar.VOCABULARY[grammar.EOS]}"
BRANCHES = 64
"""Most answers a prompt that an enumeration follows."""

LEAST = 1e-7
"""Answers below this probability are not followed."""


def drawn(
    following: Next,
    probes: ProbeSet,
    prompts: Sequence[EncodedProbe],
    count: int,
    max_tokens: int,
    seed: int,
) -> Iterator[tuple[int, tuple[tuple[str, bool], ...]]]:
    """Yield (index of a probe, `count` drawn answers as (text, ended)).

    The draws of a probe depend on the seed and its id alone; all prompts are drawn for at once.
    """
    # Fixed: kept answers depend on these seeds and on the order of draws.
    rngs = [np.random.default_rng(seed_of(seed, probes.probes[item.index])) for item in prompts]
    said: list[list[int]] = [[] for _ in range(len(prompts) * count)]
    for _ in range(max_tokens):
        noise = np.concatenate([g.gumbel(size=(count, len(grammar.VOCABULARY))) for g in rngs])
        live = [k for k, tokens in enumerate(said) if grammar.EOS not in tokens]
        if not live:
            break
        log_p = following([(*_context(prompts[k // count]), *said[k]) for k in live])
        for k, token in zip(live, (log_p + noise[live]).argmax(axis=1), strict=True):
            said[k].append(int(token))
    for i, item in enumerate(prompts):
        mine = said[i * count : (i + 1) * count]
        yield item.index, tuple(_spoken(tokens) for tokens in mine)


def likeliest(
    following: Next, prompts: Sequence[EncodedProbe], max_tokens: int
) -> Iterator[tuple[int, list[list[str | bool | float]]]]:
    """Yield (index of a probe, its likeliest answers as [text, ended, probability]).

    Breadth first over prefixes; those below `LEAST`, and all but the `BRANCHES` likeliest, are
    left out, so that probabilities sum to less than one by what is left out.
    """
    for item in prompts:
        context = _context(item)
        paths: list[Path] = [((), 0.0)]
        whole: list[Path] = []
        for _ in range(max_tokens):
            if not paths:
                break
            log_p = following([(*context, *tokens) for tokens, _ in paths])
            total = log_p.astype(np.float64) + np.array([[p] for _, p in paths])
            best = np.argsort(-total, axis=None, kind="stable")[:BRANCHES]
            kept = [(*np.divmod(k, total.shape[1]), total.flat[k]) for k in best]
            grown = [((*paths[i][0], int(t)), float(p)) for i, t, p in kept if p > np.log(LEAST)]
            whole += [path for path in grown if path[0][-1] == grammar.EOS]
            paths = [path for path in grown if path[0][-1] != grammar.EOS]
        yield item.index, [[*_spoken(tokens), float(np.exp(p))] for tokens, p in whole + paths]


def _context(item: EncodedProbe) -> tuple[int, ...]:
    return item.ids[: len(item.ids) - item.scored]


def _spoken(tokens: Sequence[int]) -> tuple[str, bool]:
    """Return the text of some tokens, and whether an end marker ended it."""
    ended = bool(tokens) and tokens[-1] == grammar.EOS
    words = [grammar.VOCABULARY[t] for t in (tokens[:-1] if ended else tokens)]
    return "".join(f" {word}" for word in words), ended
