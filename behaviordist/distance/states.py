"""What can be said of each pair of a matrix: apart, the same within a margin, or undecided.

*Apart*: the lower limit of the distance lies above the floor, the floor's error counted. Behaviors
that have no noise of their own (the same prompt gives the same distribution) are apart as functions
as soon as they differ at any probe by more than rounding, whatever the interval over all prompts
says. *Same within m*: the upper limit lies below a margin m that somebody named. *Undecided*:
neither. That a test finds nothing never makes a pair the same.

All statements about a matrix hold together with probability 95 %: "apart" at 2.5 % by Holm's
step-down (1979) over the pairs that are tested at all, "same" at 2.5 % over the number of pairs,
the two sides of one interval.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from behaviordist.distance.intervals import SIDE
from behaviordist.errors import InputError
from behaviordist.innerproduct.arrays import BoolArray, Float64Array
from behaviordist.store.step_down import holm

if TYPE_CHECKING:
    import pandas as pd


APART, SAME, UNDECIDED, MISSING = "apart", "same", "undecided", "missing"
MISSED = 0.05


@dataclass(frozen=True, eq=False)
class PairStates:
    """The state of every pair.

    Parameters
    ----------
    labels
        N behaviors.
    table
        (N, N) ``apart``, ``same``, ``undecided``, ``missing`` (no distance), empty on the diagonal.
    margin
        m of "same within m", a distance; None where none was named.
    tested
        Pairs that Holm's step-down ran over; 0 where the functions themselves decide.
    equal
        Undecided pairs that are equal, up to rounding, at every probe.
    n_probes
        Probes, where known.
    exact_limits
        Whether "same" rests on limits that assume no shape (else on corrected intervals).
    """

    labels: tuple[str, ...]
    table: NDArray[np.str_]
    margin: float | None
    tested: int
    equal: int
    n_probes: int | None
    exact_limits: bool

    @property
    def pairs(self) -> int:
        """Unordered pairs."""
        return len(self.labels) * (len(self.labels) - 1) // 2

    def are(self, state: str) -> BoolArray:
        """Return (N, N), which pairs are in a state; never the diagonal."""
        return np.asarray(self.table == state)

    def count(self, state: str) -> int:
        """Return the number of unordered pairs in a state."""
        return int(self.are(state).sum()) // 2

    def to_pandas(self) -> pd.DataFrame:
        """Return the states as a labelled frame."""
        import pandas as pd

        return pd.DataFrame(self.table, index=list(self.labels), columns=list(self.labels))

    def sentences(self) -> tuple[str, ...]:
        """Return what the states say, and by which rule, a sentence each."""
        words = [self._apart(), self._same(), self._undecided()]
        if self.count(MISSING):
            words.append(f"{_pairs(self.count(MISSING))} without a distance.")
        return tuple(word for word in words if word)

    def _apart(self) -> str:
        count = self.count(APART)
        of = f"{count} of {_pairs(self.pairs)} {'is' if count == 1 else 'are'} apart"
        if self.tested == 0:
            probes = "one probe" if self.n_probes is None else f"one of the {self.n_probes} probes"
            return f"{of}: the functions differ by more than rounding on at least {probes}."
        return f"{of}: above the floor, the errors of both counted ({_rule(self.tested)})."

    def _same(self) -> str:
        if self.margin is None:
            return "No pair is called the same: that takes a margin, and none was named."
        how = "assuming no shape" if self.exact_limits else "of corrected Student intervals"
        together = f", for all {self.pairs} pairs together" if self.pairs > 1 else ""
        count = self.count(SAME)
        return (
            f"{_pairs(count)} {'is' if count == 1 else 'are'} the same within {self.margin:g}"
            f" (upper limits {how}, 2.5 %{together})."
        )

    def _undecided(self) -> str:
        count = self.count(UNDECIDED)
        if not count:
            return ""
        words = f"{_pairs(count)} {'is' if count == 1 else 'are'} undecided"
        if not self.equal:
            return f"{words}: more probes would decide."
        equal = f"{self.equal} of them equal" if count != self.equal else "equal"
        if not self.n_probes:
            return f"{words}, {equal} at every probe."
        share = 1 - MISSED ** (1 / self.n_probes)
        return (
            f"{words}, {equal} at every one of {self.n_probes} probes: a difference at up to"
            f" {share:.2%} of such probes would have been missed one time in twenty."
        )


def decide(
    labels: tuple[str, ...],
    squared: Float64Array,
    evidence: Float64Array,
    differs: BoolArray | None,
    limits: Float64Array,
    margin: float | None,
    *,
    n_probes: int | None = None,
    exact_limits: bool = False,
) -> PairStates:
    """Return the state of every pair.

    Parameters
    ----------
    labels
        N behaviors.
    squared
        (N, N) squared distances; NaN is missing.
    evidence
        (N, N) one-sided p-values of "not above the floor"; NaN where no error is known.
    differs
        (N, N) whether the functions differ at any probe; None where behaviors have noise.
    limits
        (N, N) upper limits of the squared distances that hold together; NaN where unknown.
    margin
        A distance, or None.

    Raises
    ------
    InputError
        If the margin is not above 0.
    """
    if margin is not None and not 0 < margin < np.inf:
        raise InputError(f"a margin is a distance above 0, not {margin}")
    pair = np.triu_indices(len(labels), 1)
    if differs is None:
        apart = holm(evidence[pair]) <= SIDE
        tested = int(np.isfinite(evidence[pair]).sum())
    else:
        apart, tested = differs[pair], 0
    missing = ~np.isfinite(squared[pair])
    state = np.where(apart, APART, UNDECIDED)
    if margin is not None:
        state = np.where(limits[pair] < margin**2, SAME, state)
    state = np.where(missing, MISSING, state)
    equal = 0 if differs is None else int((~differs[pair] & (state == UNDECIDED)).sum())
    table = np.full((len(labels), len(labels)), "", dtype="<U9")
    table[pair] = state
    table = np.where(table == "", table.T, table)
    return PairStates(labels, table, margin, tested, equal, n_probes, exact_limits)


def _pairs(count: int) -> str:
    return f"{count} pair{'' if count == 1 else 's'}"


def _rule(tested: int) -> str:
    return "Student's t, 2.5 %" + (f" in all by Holm over {_pairs(tested)}" if tested > 1 else "")
