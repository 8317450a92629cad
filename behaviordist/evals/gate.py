"""A gate on eval logs: is the candidate shown to lie within a margin of the reference?

Three questions can be asked, each of means over items, in shares of the range of scores:

- `non-inferiority`: the mean score does not drop by the margin or more (Schuirmann 1987, one side);
- `equivalence`: it changes by less than the margin in either direction (two one-sided tests);
- `disagreement`: gains and losses together are less than the margin.

Limits assume no shape (`evals.bounds`), so a candidate at the margin passes with probability alpha
at most. A gate shows sameness, never quality: equal scores may come from different answers.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from behaviordist.distance.estimates import binomial, mean_limits
from behaviordist.distance.gate import VERDICTS
from behaviordist.errors import InputError, did_you_mean
from behaviordist.evals.bounds import mean_of
from behaviordist.evals.paired import PairedItems, pair_items
from behaviordist.evals.scores import EvalScores
from behaviordist.innerproduct.limits import shown_below, smallest_count

IntArray = NDArray[np.int64]

TESTS = {
    "non-inferiority": "change",
    "equivalence": "change",
    "disagreement": "disagreement",
}
STUDIES = 2_000


@dataclass(frozen=True)
class EvalGate:
    """The result of a gate on eval logs.

    Parameters
    ----------
    test
        Which question was asked.
    value
        The change of mean score (candidate less reference), or the disagreement.
    low, high
        Its one-sided limits at level 1 - alpha, each.
    margin, alpha
        As asked for.
    verdict
        "within", "beyond" or "open" (neither is shown).
    n, units
        Items that both models have, and clusters of them.
    smallest_margin
        The smallest that so many items can show: that of a candidate that never differs.

    Examples
    --------
    >>> import behaviordist as bd
    >>> bd.EvalGate("equivalence", 0.0, -0.01, 0.01, 0.02, 0.05, "within", 900, 900, 0.004).passed
    True
    """

    test: str
    value: float
    low: float
    high: float
    margin: float
    alpha: float
    verdict: str
    n: int
    units: int
    smallest_margin: float

    @property
    def passed(self) -> bool:
        """Whether the candidate is shown to be within the margin."""
        return self.verdict == "within"

    @property
    def needed(self) -> float:
        """What a margin must be above for the candidate to be shown within it."""
        sides = {"non-inferiority": (-self.low,), "disagreement": (self.high,)}
        return max(sides.get(self.test, (-self.low, self.high)))

    def sentence(self) -> str:
        """Return the decision in one line."""
        sign = "" if self.test == "disagreement" else "+"
        value, low, high = (f"{x:{sign}.4g}" for x in (self.value, self.low, self.high))
        of = f"{self.n:,} items" + ("" if self.units == self.n else f" in {self.units:,} clusters")
        return (
            f"{VERDICTS[self.verdict]} the margin: {self.test}, {TESTS[self.test]} {value},"
            f" one-sided {100 * (1 - self.alpha):.4g}% limits {low} and {high}, margin"
            f" {self.margin:.4g} ({of})"
        )

    def to_json(self) -> dict[str, Any]:
        """Return JSON-able values."""
        return {**asdict(self), "passed": self.passed, "sentence": self.sentence()}


def gate_evals(
    scores: EvalScores,
    reference: str,
    candidate: str,
    margin: float,
    test: str = "non-inferiority",
    alpha: float = 0.05,
) -> EvalGate:
    """Test whether the candidate's scores are within a margin of the reference's.

    Parameters
    ----------
    scores
        From `read_evals`.
    reference, candidate
        Two of its models.
    margin
        Largest change that does not matter, a share of the range of scores (0.02: two points in a
        hundred, or 2 % of the items).
    test
        "non-inferiority", "equivalence" or "disagreement".
    alpha
        Probability of passing a candidate at the margin, at most.

    Raises
    ------
    InputError
        An unknown model or test, a margin or alpha out of range, no item in common, or a margin
        below what so many items can show; then the number that would do is said.

    Examples
    --------
    >>> import numpy as np, behaviordist as bd
    >>> both = np.ones((400, 2, 1))
    >>> both[:3, 1] = 0
    >>> items = tuple(("", f"q{i}") for i in range(400))
    >>> scores = bd.EvalScores(("old", "new"), items, both, ("",) * 400, np.arange(400))
    >>> bd.gate_evals(scores, "old", "new", margin=0.05).verdict
    'within'
    """
    check_question(margin, test, alpha)
    pair = pair_items(scores, reference, candidate)
    check_items(pair.cluster, margin, test, alpha, binary=scores.binary)
    return decide_evals(pair, margin, test, alpha, binary=scores.binary)


def check_items(
    cluster: IntArray, margin: float, test: str, alpha: float, *, binary: bool = True
) -> str:
    """Say what so many items can show; refuse a margin below it.

    Raises
    ------
    InputError
        With the number of items that would do.
    """
    smallest, units = smallest_margin(cluster, test, alpha, binary=binary), len(np.unique(cluster))
    kind = "independent items" if units == len(cluster) else "clusters of these sizes"
    can = f"{units:,} {kind} cannot show less than {smallest:.2g}"
    if smallest < margin:
        return f"{can} ({test}, {100 * (1 - alpha):g}% limit, no score differs)"
    enough = items_that_show(margin, test, alpha, binary=binary)
    raise InputError(
        f"margin {margin:g}: {can}, even if no score differs; {enough:,} independent items show"
        f" {margin:g}"
    )


def decide_evals(
    pair: PairedItems, margin: float, test: str, alpha: float, *, binary: bool = True
) -> EvalGate:
    """Decide as `gate_evals` does, whatever the margin; `binary`: every score is 0 or 1."""
    smallest = smallest_margin(pair.cluster, test, alpha, binary=binary)
    units = len(np.unique(pair.cluster))
    if test == "disagreement":
        mean = mean_of(np.abs(pair.change), pair.cluster, alpha)
        within, beyond = mean.high < margin, mean.low > margin
    else:
        mean = mean_of(pair.change, pair.cluster, alpha, lowest=-1.0)
        within, beyond = mean.low > -margin, mean.high < -margin
        if test == "equivalence":
            within, beyond = within and mean.high < margin, beyond or mean.low > margin
    verdict = "within" if within else "beyond" if beyond else "open"
    return EvalGate(
        test, mean.value, mean.low, mean.high, margin, alpha, verdict, len(pair.change), units,
        smallest,
    )  # fmt: skip


def check_question(margin: float, test: str, alpha: float) -> None:
    """Refuse a test that means nothing, before a log is read."""
    if test not in TESTS:
        raise InputError(f"unknown test '{test}'; {did_you_mean(test, TESTS)}")
    if not 0 < margin < 1:
        raise InputError(f"the margin is a share of the scores between 0 and 1, not {margin}")
    if not 0 < alpha < 0.5:
        raise InputError(f"alpha must lie between 0 and 0.5, not {alpha}")


def smallest_margin(
    cluster: IntArray, test: str = "non-inferiority", alpha: float = 0.05, *, binary: bool = True
) -> float:
    """Return the smallest margin that items can show: that of a candidate that never differs.

    Parameters
    ----------
    cluster
        (n,) the cluster of each item.
    test, alpha
        As for `gate_evals`.
    binary
        Whether scores are 0 or 1.
    """
    n, units = len(cluster), len(np.unique(cluster))
    if test == "disagreement" and binary and units == n:
        return binomial(0, n, alpha)[1]
    lowest = 0.0 if test == "disagreement" else -1.0
    return mean_limits(np.zeros(n), cluster, lowest, 1.0, alpha)[1]


def items_that_show(
    margin: float, test: str = "non-inferiority", alpha: float = 0.05, *, binary: bool = True
) -> int:
    """Return how many independent items show a margin if no score differs."""
    return smallest_count(
        lambda n: smallest_margin(np.arange(n), test, alpha, binary=binary) < margin,
        f"a margin of {margin:g} in items",
    )


def power(
    n: int,
    margin: float,
    changed: float,
    test: str = "non-inferiority",
    alpha: float = 0.05,
    *,
    studies: int = STUDIES,
    seed: int = 0,
) -> float:
    """Return the probability that a gate on n items passes, where scores are 0 or 1.

    The candidate changes a share `changed` of the items, as many for the better as for the worse:
    its true mean score is the reference's. Exact for `disagreement`, else from simulated gates
    (Monte Carlo error at most 0.011 for 2,000).
    """
    check_question(margin, test, alpha)
    if not 0 <= changed <= 1:
        raise InputError(f"the share of items that change is between 0 and 1, not {changed}")
    if test == "disagreement":
        return _binomial_power(n, margin, changed, alpha)
    rng, passed = np.random.default_rng(seed), 0
    for _ in range(studies):
        flips = (rng.random(n) < changed) * rng.choice((-1.0, 1.0), n)
        sides = (flips, -flips) if test == "equivalence" else (-flips,)
        passed += all(shown_below(side + 1, 1 + margin, 2.0, alpha) for side in sides)
    return passed / studies


def _binomial_power(n: int, margin: float, changed: float, alpha: float) -> float:
    from scipy.stats import binom

    # So many disagreements, from 0, still show the margin.
    shown = bisect_left(range(n), margin, key=lambda k: binomial(k, n, alpha)[1])
    return float(binom.cdf(shown - 1, n, changed))
