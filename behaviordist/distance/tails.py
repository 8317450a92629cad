"""What a mean hides: where, how far and how surely two behaviors differ, position by position.

The mean KL is dominated by positions at which the reference itself is undecided; users notice the
others. All quantities are of single positions, `KL(p || q)` in nats, p the reference's
distribution and q the candidate's.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from behaviordist.behaviors import LogProbBlock
from behaviordist.distance.estimates import ProbeMean, estimate
from behaviordist.distance.fingerprints.collector import positions
from behaviordist.innerproduct.arrays import Float32Array, Float64Array, IntArray
from behaviordist.probes import ProbeSet
from behaviordist.store.numbers import Number, Unbounded

CONFIDENCE = (0.0, 0.5, 0.9, 0.99, 1.0)
"""Edges of the buckets: the probability that the reference gives its first choice."""
RANKS = (1, 2, 3, 11)
"""Lower edges of the candidate's rank of the reference's first choice: 1, 2, 3-10, 11 and more."""
PLACES = (1, 2, 3, 5, 9, 17, 33)
"""Lower edges of the place in the continuation, from 1."""
QUANTILES = {"median": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}


@dataclass(frozen=True)
class Part:
    """Some of the positions.

    Attributes
    ----------
    name
        Which.
    positions
        How many.
    kl
        Mean over them, nats.
    share_of_kl
        Their part of the KL of all positions, in [0, 1]; NaN where that is 0 or infinite.
    agreement
        Share at which both have the same first choice.
    """

    name: str
    positions: int
    kl: Unbounded
    share_of_kl: Number
    agreement: Number


@dataclass(frozen=True)
class Tails:
    """The positions of a comparison, read in several ways.

    Attributes
    ----------
    quantiles
        Median, p90, p99 and max of KL over positions, nats.
    by_confidence, by_place
        Positions by how sure the reference is, and by their place in the continuation.
    ranks
        Candidate's rank of the reference's first choice -> share of positions.
    entropy_change
        Mean over probes of H(q) - H(p), nats a token.
    bits_per_byte
        Of the continuations: reference, candidate, and the change with its error; None where the
        tokens that were scored are not known, or one has no probability.
    """

    quantiles: dict[str, Unbounded]
    by_confidence: tuple[Part, ...]
    by_place: tuple[Part, ...]
    ranks: dict[str, float]
    entropy_change: ProbeMean
    bits_per_byte: tuple[Unbounded, Unbounded, ProbeMean] | None


class PositionLog:
    """Takes in blocks of log-probabilities; keeps a few numbers a position."""

    def __init__(self) -> None:
        self._rows: list[Float64Array] = []

    def add(self, block: LogProbBlock, log_p: Float32Array, kl: Float64Array) -> None:
        """Take in a block of the candidate, the reference's rows (m, V) and KL(p || q) (m,)."""
        first = log_p.argmax(axis=1)
        at = np.arange(len(kl))
        behind = (block.log_p > block.log_p[at, first][:, None]).sum(axis=1)
        nan = np.full(len(kl), np.nan)
        known = block.token is not None
        columns = [
            block.probe,
            positions(block.probe) + 1,
            kl,
            np.exp(log_p[at, first].astype(np.float64)),
            behind + 1,
            block.log_p.argmax(axis=1) == first,
            _entropy(block.log_p) - _entropy(log_p),
            log_p[at, block.token] if known else nan,
            block.log_p[at, block.token] if known else nan,
        ]
        self._rows.append(np.column_stack([np.asarray(c, dtype=np.float64) for c in columns]))

    def tails(self, probes: ProbeSet, group: IntArray) -> Tails:
        """Return what was taken in; `group` (n_probes,) keeps paraphrases together."""
        rows = np.concatenate(self._rows)
        probe = rows[:, 0].astype(np.int64)
        place, kl, sure, rank, agrees, change, p, q = rows[:, 1:].T
        n = len(probes)
        count = np.bincount(probe, minlength=n)
        inside = np.clip(np.searchsorted(CONFIDENCE, sure, side="right") - 1, 0, 3)
        names = [f"{a:g} to {b:g}" for a, b in itertools.pairwise(CONFIDENCE)]
        edges = np.array(RANKS)
        shares = np.bincount(np.searchsorted(edges, rank, side="right") - 1, minlength=len(edges))
        where = np.searchsorted(PLACES, place, side="right") - 1
        return Tails(
            {k: float(np.quantile(kl, q, method="inverted_cdf")) for k, q in QUANTILES.items()},
            _parts(names, inside, kl, agrees),
            _parts(_spans(PLACES), where, kl, agrees),
            dict(zip(_spans(RANKS), (shares / len(kl)).tolist(), strict=True)),
            estimate(np.bincount(probe, change, n) / count, group),
            _bits(probes, group, probe, p, q) if np.isfinite(p + q).all() else None,
        )


def _bits(
    probes: ProbeSet,
    group: IntArray,
    probe: IntArray,
    p: Float64Array,
    q: Float64Array,
) -> tuple[float, float, ProbeMean]:
    """Bits per byte of the continuations, all bytes alike; the change's error is over probes."""
    size = np.array([len(each.continuation.encode()) for each in probes], dtype=np.float64)
    bits = [-np.bincount(probe, x, len(probes)) / np.log(2) for x in (p, q)]
    before, after = (float(x.sum() / size.sum()) for x in bits)
    # A ratio of sums: linear in the probes (delta method).
    each = (bits[1] - bits[0] - (after - before) * size) / size.mean() + (after - before)
    return before, after, estimate(each, group)


def _entropy(log_p: Float32Array) -> Float64Array:
    wide = log_p.astype(np.float64)
    p = np.exp(wide)
    with np.errstate(invalid="ignore"):
        return np.asarray(-np.where(p > 0, p * wide, 0).sum(axis=1))


def _parts(
    names: list[str], which: IntArray, kl: Float64Array, agrees: Float64Array
) -> tuple[Part, ...]:
    whole = float(kl.sum())
    parts = []
    for k, name in enumerate(names):
        mine = which == k
        if mine.any():
            share = float(kl[mine].sum()) / whole if 0 < whole < np.inf else np.nan
            means = (float(kl[mine].mean()), share, float(agrees[mine].mean()))
            parts.append(Part(name, int(mine.sum()), *means))
    return tuple(parts)


def _spans(lower: tuple[int, ...]) -> list[str]:
    """Return names such as 1, 2, 3-4 of the spans that begin at some whole numbers."""
    ends = itertools.pairwise(lower)
    return [*(str(a) if b == a + 1 else f"{a}-{b - 1}" for a, b in ends), f"{lower[-1]}+"]
