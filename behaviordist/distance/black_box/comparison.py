"""Two behaviors that only answer, closely: how alike their answers are, by tag, and where not.

The distance is that of the `samples` geometry, the root of the mean squared maximum mean
discrepancy; whether it is there at all is a two-sample test; how large it can be, a limit that
assumes no shape. What servers say of the first token is bounded beside it (`top_tokens`).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from behaviordist.distance.black_box.top_tokens import TopTokens, bounds
from behaviordist.distance.black_box.two_sample import Answers, two_sample
from behaviordist.distance.estimates import ProbeMean, estimate, mean_limits
from behaviordist.distance.fingerprints.collector import groups_of
from behaviordist.distance.gate import Gate
from behaviordist.errors import InputError
from behaviordist.innerproduct.arrays import Float64Array, IntArray
from behaviordist.probes import ProbeSet
from behaviordist.store.numbers import Number, Unbounded

# Our kernels lie in [0, 1], so that a prompt's unbiased value lies in [-2, 2].
BOUND = 2.0
SHOWN = 3


@dataclass(frozen=True)
class FirstToken:
    """What the likeliest first tokens bound, means over probes: see `top_tokens.Bounds`.

    `agreement` is the share of probes with the same likeliest token.
    """

    n_probes: int
    squared_low: ProbeMean
    squared_high: ProbeMean
    kl_forward: ProbeMean
    kl_backward: ProbeMean
    agreement: ProbeMean


@dataclass(frozen=True)
class AnswersApart:
    """A probe at which answers differ: the commonest of each side, with how often they came."""

    probe: str
    squared: float
    prompt: str
    reference: tuple[tuple[str, int], ...]
    candidate: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class ComparedAnswers:
    """What a record keeps of a comparison by answers.

    `squared` and `by_tag` are means of unbiased squared distances, `p` that of the two-sample test,
    `low` and `high` the 95 % limits of the distance, assuming no shape.
    """

    reference: str
    candidate: str
    probes: str
    n_probes: int
    n_answers: int
    kernel: str
    squared: ProbeMean
    p: float
    permutations: int
    low: Number
    high: Unbounded
    by_tag: dict[str, ProbeMean]
    n_by_tag: dict[str, int]
    differences: tuple[AnswersApart, ...]
    first_token: FirstToken | None = None

    @property
    def distance(self) -> float:
        """The root of the mean squared distance, 0 where that is estimated below 0."""
        return math.sqrt(max(0.0, self.squared.value))


@dataclass(frozen=True, kw_only=True)
class AnswerComparison(ComparedAnswers):
    """The same with every probe's value (n_probes,) and group: what the gate decides on."""

    values: Float64Array = field(repr=False)
    group: IntArray = field(repr=False)


def compare_answers(
    answers: Mapping[str, Answers],
    probes: ProbeSet,
    kernel: str = "character-ngrams",
    *,
    first_tokens: tuple[Sequence[TopTokens], Sequence[TopTokens]] | None = None,
    differences: int = 10,
) -> AnswerComparison:
    """Compare two behaviors by their answers to the same probes.

    Parameters
    ----------
    answers
        The reference's label and answers, then the candidate's: a tuple of answers a probe.
    probes
        What was asked.
    kernel
        ``"character-ngrams"`` or ``"exact-match"``.
    first_tokens
        For both, the likeliest first tokens at every probe; None where one does not say them.
    differences
        How many of the probes with the largest distance are described.

    Raises
    ------
    InputError
        As `two_sample`.
    """
    (reference, first), (candidate, second) = answers.items()
    found = two_sample(first, second, kernel)
    group = groups_of(probes)
    of_tag = {tag: np.array([tag in p.tags for p in probes]) for tag in probes.tags}
    low, high = limits(found.values, group, 0.025)
    order = np.argsort(-found.values, kind="stable")[:differences]
    return AnswerComparison(
        reference=reference,
        candidate=candidate,
        probes=probes.name,
        n_probes=len(probes),
        n_answers=sum(map(len, first)) + sum(map(len, second)),
        kernel=kernel,
        squared=estimate(found.values, group),
        p=found.p,
        permutations=found.permutations,
        low=low,
        high=high,
        by_tag={tag: estimate(found.values[m], group[m]) for tag, m in of_tag.items()},
        n_by_tag={tag: int(m.sum()) for tag, m in of_tag.items()},
        differences=tuple(
            AnswersApart(
                probes.probes[k].id,
                float(found.values[k]),
                probes.probes[k].prompt,
                *(tuple(Counter(side[k]).most_common(SHOWN)) for side in (first, second)),
            )
            for k in map(int, order)
            if found.values[k] > 0
        ),
        first_token=None if first_tokens is None else _first_token(*first_tokens, group),
        values=found.values,
        group=group,
    )


def _first_token(
    reference: Sequence[TopTokens], candidate: Sequence[TopTokens], group: IntArray
) -> FirstToken:
    pairs = list(zip(reference, candidate, strict=True))
    each = [bounds(p, q) for p, q in pairs]
    same = [max(p, key=lambda t: p[t]) == max(q, key=lambda t: q[t]) for p, q in pairs]
    columns = ([getattr(b, name) for b in each] for name in BOUNDED)
    means = [estimate(np.array(column, dtype=np.float64), group) for column in (*columns, same)]
    return FirstToken(len(pairs), *means)


BOUNDED = ("squared_low", "squared_high", "kl_forward", "kl_backward")


def limits(values: Float64Array, group: IntArray, alpha: float) -> tuple[float, float]:
    """Return the lower and upper limit of the distance, each at level 1 - alpha, of any shape."""
    low, high = mean_limits(np.clip(values, -BOUND, BOUND), group, -BOUND, BOUND, alpha)
    return math.sqrt(max(0.0, low)), math.sqrt(max(0.0, high))


def gate_answers(comparison: AnswerComparison, margin: float, alpha: float = 0.05) -> Gate:
    """Test whether the candidate's answers lie within `margin` of the reference's.

    The distance is that of the `samples` geometry, 0 to sqrt(2); otherwise as `gate`.

    Raises
    ------
    InputError
        On a margin or alpha out of range.
    """
    check_answer_margin(margin, alpha)
    low, high = limits(comparison.values, comparison.group, alpha)
    units = len(np.unique(comparison.group))
    verdict = "within" if high < margin else "beyond" if low > margin else "open"
    return Gate("answers", comparison.distance, low, high, margin, alpha, verdict, units)


def check_answer_gate(group: IntArray, margin: float, alpha: float) -> str:
    """Say, before anything is asked, what so many probes can show; refuse a margin below it.

    Raises
    ------
    InputError
        With the smallest margin that would do.
    """
    check_answer_margin(margin, alpha)
    smallest, units = answers_that_differ_nowhere(group, alpha), len(np.unique(group))
    can = f"{units:,} independent probes cannot show a distance of answers below {smallest:.2g}"
    if smallest >= margin:
        raise InputError(
            f"margin {margin:g}: {can}, even if the answers never differ; take more probes or a"
            " larger margin"
        )
    return f"{can} (answers, {100 * (1 - alpha):g}% limit, no difference at any)"


def answers_that_differ_nowhere(group: IntArray, alpha: float) -> float:
    """Return the limit that so many probes show if answers never differ: the smallest margin."""
    return limits(np.zeros(len(group)), group, alpha)[1]


def check_answer_margin(margin: float, alpha: float) -> None:
    """Refuse a test that means nothing, before anything is asked; see `gate_answers`."""
    if not 0 < margin < math.sqrt(2):
        raise InputError(
            f"a distance of answers lies between 0 and 1.414: a margin of {margin:g} is none"
        )
    if not 0 < alpha < 0.5:
        raise InputError(f"alpha must lie between 0 and 0.5, not {alpha}")
