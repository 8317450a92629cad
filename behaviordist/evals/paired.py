"""Two models on the same items: what was gained, what was lost, and by how much they disagree.

The change of mean score is gains less losses, and a small change may hide many of both: 40 items
won and 40 lost are no change and 80 disagreements. So they are told apart. Disagreement says how
alike two models are, never which is better; the change says that.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from behaviordist.errors import InputError
from behaviordist.evals.bounds import Mean, mean_of
from behaviordist.evals.scores import EvalScores
from behaviordist.store.numbers import with_nulls

Float64Array = NDArray[np.float64]
SIDE = 0.025
"""Error of each limit of a 95 % interval."""


@dataclass(frozen=True)
class PairedItems:
    """What two models scored on the items that both have.

    Parameters
    ----------
    reference, candidate
        (n,) scores, means over epochs, 0 to 1.
    cluster
        (n,) the cluster of each.
    tasks, tags
        n each.
    only_reference, only_candidate
        Items that one of them alone has a score on; they count nowhere.
    """

    reference: Float64Array
    candidate: Float64Array
    cluster: NDArray[np.int64]
    tasks: NDArray[np.str_]
    tags: NDArray[np.str_]
    only_reference: int
    only_candidate: int

    @property
    def change(self) -> Float64Array:
        """(n,) candidate less reference, -1 to 1."""
        return np.asarray(self.candidate - self.reference)


def pair_items(scores: EvalScores, reference: str, candidate: str) -> PairedItems:
    """Return the items that both models have a score on.

    Raises
    ------
    InputError
        An unknown model, the same one twice, or no item in common.
    """
    a, b = (scores.scores[:, scores.column(name)] for name in (reference, candidate))
    if reference == candidate:
        raise InputError(f"'{reference}' is compared to itself; name two models")
    both = np.isfinite(a) & np.isfinite(b)
    only = [int((np.isfinite(x) & ~both).sum()) for x in (a, b)]
    if not both.any():
        raise InputError(
            f"'{reference}' and '{candidate}' have no item in common ({only[0]} and {only[1]}"
            " items); items are matched by task and content"
        )
    tasks = np.array([task for task, _ in scores.items])
    return PairedItems(
        a[both], b[both], scores.cluster[both], tasks[both], np.array(scores.tags)[both], *only
    )


@dataclass(frozen=True)
class PairedChange:
    """How a candidate's scores differ from a reference's, on some items.

    Parameters
    ----------
    name
        Of the items: all, a task or a tag.
    n, units
        Items, and clusters of them (equal to n where there are none).
    reference, candidate
        Mean scores.
    change
        Candidate less reference; limits at 2.5 % each side.
    gains, losses
        Mean of what is above and below: change = gains - losses.
    disagreement
        Mean absolute difference: gains + losses.
    improved, worsened
        Items that score higher, and lower.
    p_value
        Exact McNemar test, two-sided, of "as many improve as worsen"; NaN where scores are not 0 or
        1, or items share clusters.
    """

    name: str
    n: int
    units: int
    reference: Mean
    candidate: Mean
    change: Mean
    gains: Mean
    losses: Mean
    disagreement: Mean
    improved: int
    worsened: int
    p_value: float

    @property
    def direction(self) -> str:
        """Say who scores higher, if that is shown."""
        if self.change.low > 0:
            return "scores higher"
        return "scores lower" if self.change.high < 0 else "neither is shown to score higher"


@dataclass(frozen=True)
class EvalComparison:
    """A candidate against a reference: over all items, by task, by tag.

    Parameters
    ----------
    reference, candidate
        Names.
    overall
        Over all items that both have.
    tasks, tags
        The same by task and by tag, largest disagreement first; empty where there is one only.
    only_reference, only_candidate
        Items that one of them alone has a score on.
    notes
        Of the logs.

    Examples
    --------
    >>> import numpy as np, behaviordist as bd
    >>> both = np.ones((90, 2, 1))
    >>> both[:9, 1] = 0
    >>> items = tuple(("", f"q{i}") for i in range(90))
    >>> scores = bd.EvalScores(("old", "new"), items, both, ("",) * 90, np.arange(90))
    >>> bd.compare_evals(scores, "old", "new").sentences()[1]
    'Change -0.1 [...]: new scores lower (McNemar p 0.0039).'
    """

    reference: str
    candidate: str
    overall: PairedChange
    tasks: tuple[PairedChange, ...]
    tags: tuple[PairedChange, ...]
    only_reference: int
    only_candidate: int
    notes: tuple[str, ...]

    def sentences(self) -> tuple[str, ...]:
        """Return distance, direction and what was left out, a sentence each."""
        whole = self.overall
        d, c = whole.disagreement, whole.change
        said = [
            f"They disagree by {d.value:.4g} of the score [{d.low:.4g}, {d.high:.4g}]: gains"
            f" {whole.gains.value:.4g} ({whole.improved} items), losses {whole.losses.value:.4g}"
            f" ({whole.worsened} items), of {whole.n}.",
            f"Change {c.value:+.4g} [{c.low:+.4g}, {c.high:+.4g}]: " + self._direction(),
        ]
        if self.only_reference or self.only_candidate:
            said.append(
                f"Left out: {self.only_reference} items that only {self.reference} has,"
                f" {self.only_candidate} that only {self.candidate} has."
            )
        return tuple(said)

    def _direction(self) -> str:
        word = self.overall.direction
        tail = (
            "" if math.isnan(self.overall.p_value) else f" (McNemar p {self.overall.p_value:.2g})"
        )
        return (f"{self.candidate} {word}" if word.startswith("scores") else word) + f"{tail}."

    def to_json(self) -> dict[str, Any]:
        """Return JSON-able values; NaN is None."""
        return {**with_nulls(asdict(self)), "direction": self.overall.direction}


def compare_evals(scores: EvalScores, reference: str, candidate: str) -> EvalComparison:
    """Compare two models item by item, over all, by task and by tag.

    Parameters
    ----------
    scores
        From `read_evals`.
    reference, candidate
        Two of its models.

    Returns
    -------
    EvalComparison. Limits are of 2.5 % each side and assume no normal shape (`evals.bounds`);
    standard errors are over clusters where there are any.

    Raises
    ------
    InputError
        An unknown model, or no item in common.

    Examples
    --------
    >>> import numpy as np, behaviordist as bd
    >>> new, old = np.array([1, 1, 0, 1] * 25), np.array([1, 0, 0, 1] * 25)
    >>> items = tuple(("", f"q{i}") for i in range(100))
    >>> both = np.stack([old, new], axis=1)[:, :, None].astype(float)
    >>> scores = bd.EvalScores(("old", "new"), items, both, ("",) * 100, np.arange(100))
    >>> bd.compare_evals(scores, "old", "new").overall.direction
    'scores higher'
    """
    pair = pair_items(scores, reference, candidate)
    everything = np.ones(len(pair.change), dtype=bool)
    return EvalComparison(
        reference,
        candidate,
        _changed(pair, everything, "all"),
        _by(pair, pair.tasks),
        _by(pair, pair.tags),
        pair.only_reference,
        pair.only_candidate,
        scores.notes,
    )


def mcnemar(improved: int, worsened: int) -> float:
    """Return the exact two-sided p of McNemar's test: a fair coin on the items that changed."""
    from scipy.stats import binomtest

    if improved + worsened == 0:
        return 1.0
    return float(binomtest(improved, improved + worsened, 0.5).pvalue)


def _by(pair: PairedItems, labels: NDArray[np.str_]) -> tuple[PairedChange, ...]:
    names = [str(name) for name in np.unique(labels)]
    if len(names) < 2:
        return ()
    rows = [_changed(pair, labels == name, name or "(none)") for name in names]
    return tuple(sorted(rows, key=lambda row: -row.disagreement.value))


def _changed(pair: PairedItems, kept: NDArray[np.bool_], name: str) -> PairedChange:
    a, b, group = pair.reference[kept], pair.candidate[kept], pair.cluster[kept]
    change, units = b - a, len(np.unique(group))
    improved, worsened = int((change > 0).sum()), int((change < 0).sum())
    exact = units == len(a) and np.isin(np.concatenate([a, b]), (0.0, 1.0)).all()
    before, after, gains, losses, differ = (
        mean_of(values, group, SIDE)
        for values in (a, b, np.maximum(change, 0), np.maximum(-change, 0), np.abs(change))
    )
    return PairedChange(
        name,
        len(a),
        units,
        before,
        after,
        mean_of(change, group, SIDE, lowest=-1.0),
        gains,
        losses,
        differ,
        improved,
        worsened,
        mcnemar(improved, worsened) if exact else math.nan,
    )
