"""Two behaviors, closely: distance, KL both ways, agreement, and where they differ most.

Everything is a mean over probes of means over positions, with p and q the next-token distributions
of the reference and the candidate: squared Hellinger distance `2 (1 - sum sqrt(p q))`, `KL(p || q)`
and `KL(q || p)` in nats a token, the share of positions where both have the same first choice, and
the change of bits per byte of the continuation, `log2 p(y) - log2 q(y)` over its bytes (candidate
less reference: above zero, the candidate finds the text less likely).
Standard errors take probes of one group (paraphrases) together: they are dependent.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from behaviordist.behaviors import Behavior, check_same_tokens, over_common_tokens
from behaviordist.distance.analysis.places import (
    InContext,
    Standing,
    at_token,
    in_context,
    standing,
)
from behaviordist.distance.checks import check_block
from behaviordist.distance.estimates import ProbeMean, estimate
from behaviordist.distance.fingerprints.collector import groups_of
from behaviordist.distance.fingerprints.references import reference_table
from behaviordist.distance.positions import MEASURES, measures_at
from behaviordist.distance.tails import PositionLog, Tails
from behaviordist.errors import InputError
from behaviordist.innerproduct.arrays import Float32Array, Float64Array, IntArray
from behaviordist.innerproduct.fingerprint import EXACT
from behaviordist.probes import ProbeSet
from behaviordist.store.numbers import Number, Unbounded

TOKENS = 5
RARE = 3
"""Tags of fewer probes are not shown: their means say little. The record holds them all."""


@dataclass(frozen=True)
class Moved:
    """A token whose probability changed: its text, and p under reference and candidate."""

    token: str
    reference: float
    candidate: float


@dataclass(frozen=True)
class Difference:
    """A probe on which two behaviors differ, at the position where they do so most.

    `place` is None where the tokens do not spell the text one after the other.
    """

    probe: str
    squared: float
    context: str
    moved: tuple[Moved, ...]
    place: InContext | None = None


@dataclass(frozen=True)
class Compared:
    """What a record keeps of a comparison: estimates over all probes, by tag, largest differences.

    `limits` holds the 95 % limits that assume no shape, of distance and agreement, where they are
    known (`gate.with_limits`).
    """

    reference: str
    candidate: str
    probes: str
    n_probes: int
    n_positions: int
    overall: dict[str, ProbeMean]
    by_tag: dict[str, dict[str, ProbeMean]]
    n_by_tag: dict[str, int]
    differences: tuple[Difference, ...]
    tails: Tails | None = None
    limits: dict[str, tuple[Number, Unbounded]] = field(default_factory=dict)

    def tags_by_effect(self) -> tuple[list[str], int]:
        """Return the tags of at least `RARE` probes, the farthest first, and how many are rarer."""
        known = [tag for tag, n in self.n_by_tag.items() if n >= RARE]
        known.sort(key=lambda tag: -self.by_tag[tag]["squared"].value)
        return known, len(self.n_by_tag) - len(known)

    @staticmethod
    def cells(estimates: dict[str, ProbeMean]) -> tuple[str, str, str, str]:
        """Return distance, KL both ways and agreement as text, with errors; – if unknown."""
        squared = estimates["squared"]
        distance = math.sqrt(max(0.0, squared.value))
        # The delta method, kept below what a true zero would show at one standard error.
        error = math.sqrt(max(0.0, squared.standard_error))
        if distance > 0:
            error = min(error, squared.standard_error / (2 * distance))
        rest = [estimates.get(name) for name in ("kl_forward", "kl_backward", "agreement")]
        forward, backward, agreement = (
            "–" if e is None else _with_error(e.value, e.standard_error) for e in rest
        )
        return _with_error(distance, error), forward, backward, agreement


@dataclass(frozen=True, kw_only=True)
class Comparison(Compared):
    """What `compare` found, with every probe: what the gate decides on.

    `values` (n_probes, 5) holds every probe's `MEASURES`, NaN where they are not known, `group`
    (n_probes,) its group of paraphrases. `sketch` says how features were kept.
    """

    values: Float64Array = field(repr=False)
    group: IntArray = field(repr=False)
    sketch: str = EXACT

    def knows(self, name: str) -> bool:
        """Return whether one of `MEASURES` is known."""
        return name in self.overall

    def require(self, name: str) -> None:
        """Refuse to decide on one of `MEASURES` that is not known, or not exactly.

        Raises
        ------
        InputError
            If fingerprints know no log-probabilities, or are sketches, or arrays know no tokens.
        """
        otherwise = "name the models, or make fingerprints with --states"
        if not self.knows(name) and self.knows("agreement"):
            raise InputError(
                "bits per byte need the tokens of the texts, which these behaviors do not name:"
                " give arrays their token="
            )
        if not self.knows(name):
            raise InputError(
                f"{name} needs log-probabilities, which a fingerprint of features does not have:"
                f" {otherwise}, or use --metric distance"
            )
        if self.sketch != EXACT:
            raise InputError(
                f"a gate needs exact features, and these are a sketch ({self.sketch}), whose values"
                f" at a probe have no bound: {otherwise} or --sketch exact"
            )

    def measure(self, name: str) -> Float64Array:
        """Return one of `MEASURES` at every probe, (n_probes,)."""
        return np.asarray(self.values[:, MEASURES.index(name)])

    @property
    def one_token_each(self) -> bool:
        """Whether every probe scores one token and stands alone: shares are then binomial."""
        return self.n_positions == self.n_probes == len(np.unique(self.group))


def compare(
    reference: Behavior,
    candidate: Behavior,
    probes: ProbeSet,
    *,
    differences: int = 10,
    progress: Callable[[str, int, int], None] | None = None,
) -> Comparison:
    """Compare two behaviors position by position, without sketching.

    Parameters
    ----------
    reference, candidate
        Behaviors over one vocabulary.
    probes
        The contexts.
    differences
        How many of the probes on which they differ most are described.
    progress
        Called with (label, probes done, probes in all).

    Raises
    ------
    InputError
        If the vocabularies differ, or a behavior gives no distributions.
    """
    reference, candidate = over_common_tokens([reference, candidate])
    check_same_tokens([reference, candidate], probes)
    table = reference_table(reference, probes, zeros=True)
    measured = np.full((len(probes), len(MEASURES)), np.nan)
    farthest: list[tuple[float, int, int, Any, Any]] = []
    positions = done = 0
    log = PositionLog()
    for block in candidate.log_probs(probes):
        check_block(block, candidate.label, probes)
        log_p = table.rows(block.probe)
        rows = measures_at(log_p, block)
        positions += len(rows)
        log.add(block, log_p, rows[:, MEASURES.index("kl_forward")])
        for index in dict.fromkeys(block.probe.tolist()):
            mine = np.flatnonzero(block.probe == index)
            measured[index] = rows[mine].mean(axis=0)
            n_bytes = len(probes.probes[index].continuation.encode())
            measured[index, -1] *= len(mine) / max(n_bytes, 1)
            worst = int(mine[rows[mine, 0].argmax()])
            moved = _moved(log_p[worst], block.log_p[worst])
            stands = standing(block.token, mine[0], worst, log_p, block.log_p)
            place = worst - int(mine[0])
            entry = (float(measured[index, 0]), -index, place, moved, stands)
            keep = heapq.heappush if len(farthest) < differences else heapq.heappushpop
            keep(farthest, entry)
            done += 1
        if progress is not None:
            progress(candidate.label, done, len(probes))
    return comparison_of(
        reference,
        candidate,
        probes,
        measured,
        n_positions=positions,
        differences=tuple(
            _describe(reference, probes, *entry) for entry in sorted(farthest, reverse=True)
        ),
        tails=log.tails(probes, groups_of(probes)),
    )


def comparison_of(
    reference: Behavior, candidate: Behavior, probes: ProbeSet, measured: Float64Array, **rest: Any
) -> Comparison:
    """Return the comparison of what was measured of every probe (n_probes, 5); `rest`: fields."""
    group = groups_of(probes)
    of_tag = {t: np.array([t in p.tags for p in probes]) for t in probes.tags}
    return Comparison(
        reference=reference.label,
        candidate=candidate.label,
        probes=probes.name,
        n_probes=len(probes),
        overall=estimates_of(measured, group),
        by_tag={tag: estimates_of(measured[m], group[m]) for tag, m in of_tag.items()},
        n_by_tag={tag: int(m.sum()) for tag, m in of_tag.items()},
        values=measured,
        group=group,
        **rest,
    )


def _with_error(value: float, error: float) -> str:
    """Return a value and its error to the two digits that the error is worth; short when tiny."""
    if math.isinf(value):
        return "∞"
    # Equal values say nothing of the error: three probes that agree do not show 100 % ± 0.
    if not math.isfinite(error) or error == 0:
        return f"{value:.4f}"
    if 0 < error < 5e-5:
        return f"{value:.1e} ± {error:.0e}"
    digits = min(4, max(2, 1 - math.floor(math.log10(error))))
    return f"{value:.{digits}f} ± {error:.{digits}f}"


def estimates_of(measured: Float64Array, group: IntArray) -> dict[str, ProbeMean]:
    """Return the mean of every measure that is known (n_probes, 5)."""
    known = [k for k in range(len(MEASURES)) if not np.isnan(measured[:, k]).all()]
    return {MEASURES[k]: estimate(measured[:, k], group) for k in known}


def _moved(log_p: Float32Array, log_q: Float32Array) -> list[tuple[int, float, float]]:
    """Return the `TOKENS` whose probability changed most, the most first."""
    p, q = np.exp(log_p, dtype=np.float64), np.exp(log_q, dtype=np.float64)
    change = np.abs(p - q)
    few = len(p) <= TOKENS
    largest = np.arange(len(p)) if few else np.argpartition(-change, TOKENS)[:TOKENS]
    order = largest[np.argsort(-change[largest], kind="stable")]
    return [(int(t), float(p[t]), float(q[t])) for t in order if change[t] > 0]


def _describe(
    reference: Behavior,
    probes: ProbeSet,
    squared: float,
    minus_index: int,
    position: int,
    moved: Sequence[tuple[int, float, float]],
    stands: Standing,
) -> Difference:
    probe = probes.probes[-minus_index]
    return Difference(
        probe=probe.id,
        squared=squared,
        context=at_token(f"{probe.prompt}[{probe.continuation}]", position),
        moved=tuple(Moved(reference.token_text(t), p, q) for t, p, q in moved),
        place=in_context(probe, stands, reference.token_text),
    )
