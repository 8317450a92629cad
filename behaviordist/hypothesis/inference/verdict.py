"""The verdict, by a rule that is fixed before the numbers are seen."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from behaviordist.errors import InputError
from behaviordist.store.shown import ShownFields

Verdict = Literal["supported", "not supported", "inconclusive"]
EDGE = 0.005
"""Numbers that agree with a bound to two decimals are shown with more of them."""


@dataclass(frozen=True)
class VerdictRule(ShownFields):
    """When "closer is cheaper" counts as supported.

    Attributes
    ----------
    alpha
        Level of the one-sided permutation tests.
    relevant_effect
        Smallest correlation that would matter; an interval wholly below it speaks against.
    beyond_source_effects
        Whether the distance must also count once source effects are removed, at its own p: good
        sources are cheap for every target, and a distance may know no more than who they are.

    Raises
    ------
    InputError
        A level or an effect outside (0, 1).

    Examples
    --------
    >>> import behaviordist as bd
    >>> bd.VerdictRule(alpha=0.01).alpha
    0.01
    """

    alpha: float = 0.05
    relevant_effect: float = 0.3
    beyond_source_effects: bool = True

    def __post_init__(self) -> None:
        for name in ("alpha", "relevant_effect"):
            value = getattr(self, name)
            if not 0 < value < 1:
                raise InputError(f"verdict rule: {name} is {value}; it lies between 0 and 1")

    def decide(
        self, ci_low: float, ci_high: float, p_value: float, beyond_p: float | None
    ) -> Verdict:
        """Apply the rule; `beyond_p` is the p with source effects removed, None if they are."""
        counts = not self.beyond_source_effects or beyond_p is None or beyond_p <= self.alpha
        if p_value <= self.alpha and ci_low > 0 and counts:
            return "supported"
        # An effect that is there, but may be the sources', is not the absence of an effect.
        return "not supported" if ci_high < self.relevant_effect else "inconclusive"

    def counts_yet_small(self, verdict: Verdict, beyond_p: float | None) -> str:
        """Say that a distance counts beyond source effects although it is "not supported"."""
        if verdict != "not supported" or beyond_p is None or not beyond_p <= self.alpha:
            return ""
        return (
            "the distance counts beyond source effects, yet by less than the relevant effect"
            f" ({self.relevant_effect:g})"
        )

    def edges(
        self, ci_low: float, ci_high: float, p_value: float, beyond_p: float | None
    ) -> tuple[str, ...]:
        """Say which numbers lie so near a bound of the rule that two decimals do not tell."""
        bounds = [
            ("lower limit", ci_low, 0.0),
            ("upper limit", ci_high, self.relevant_effect),
            ("p", p_value, self.alpha),
        ]
        if self.beyond_source_effects and beyond_p is not None:
            bounds.append(("p beyond source effects", beyond_p, self.alpha))
        return tuple(
            f"{name} {value:.4f} against {bound:g}"
            for name, value, bound in bounds
            if abs(value - bound) < EDGE
        )

    def text(self) -> str:
        """Return the rule as one plain sentence."""
        also = (
            f" and the distance counts with source effects removed (p <= {self.alpha:g} of its own)"
            if self.beyond_source_effects
            else ""
        )
        return (
            f"Supported if p <= {self.alpha:g} (one-sided), the interval lies above zero{also};"
            f" not supported if the interval lies below {self.relevant_effect:g};"
            " inconclusive otherwise."
        )

    def to_json(self) -> dict[str, Any]:
        """Return the rule's numbers and its text."""
        return {**asdict(self), "text": self.text()}
