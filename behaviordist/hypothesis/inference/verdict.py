"""The verdict, by a rule that is fixed before the numbers are seen."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from behaviordist.errors import InputError

Verdict = Literal["supported", "not supported", "inconclusive"]


@dataclass(frozen=True)
class VerdictRule:
    """When "closer is cheaper" counts as supported.

    Attributes
    ----------
    alpha
        Level of the one-sided permutation test.
    relevant_effect
        Smallest correlation that would matter; an interval wholly below it speaks against.
    beat_source_quality
        Whether the distance must also predict better than knowing which sources are good.

    Raises
    ------
    InputError
        A level or an effect outside (0, 1).
    """

    alpha: float = 0.05
    relevant_effect: float = 0.3
    beat_source_quality: bool = True

    def __post_init__(self) -> None:
        for name in ("alpha", "relevant_effect"):
            value = getattr(self, name)
            if not 0 < value < 1:
                raise InputError(f"verdict rule: {name} is {value}; it lies between 0 and 1")

    def decide(
        self,
        value: float,
        ci_low: float,
        ci_high: float,
        p_value: float,
        source_quality: float | None,
    ) -> Verdict:
        """Apply the rule; `source_quality` is the statistic of that baseline, None without one."""
        significant = p_value <= self.alpha and ci_low > 0
        beaten = not self.beat_source_quality or source_quality is None or value > source_quality
        if significant and beaten:
            return "supported"
        if significant or ci_high < self.relevant_effect:
            return "not supported"
        return "inconclusive"

    def text(self) -> str:
        """Return the rule as one plain sentence."""
        better = " and it predicts better than source quality" if self.beat_source_quality else ""
        worse = " or it is significant but no better than source quality," if better else ""
        return (
            f"Supported if p <= {self.alpha:g} (one-sided), the interval lies above zero{better};"
            f" not supported if the interval lies below {self.relevant_effect:g}{worse};"
            " inconclusive otherwise."
        ).replace(",;", ";")

    def to_json(self) -> dict[str, Any]:
        """Return the rule's numbers and its text."""
        return {**asdict(self), "text": self.text()}
