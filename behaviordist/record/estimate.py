"""A number that a run reports: its value, its interval, and what it could have shown."""

from __future__ import annotations

import math
from typing import Protocol

from pydantic import BaseModel, ConfigDict

from behaviordist.store.numbers import Number

Z95, Z80 = 1.959964, 0.841621
"""Normal quantiles: half a 95 % interval in standard errors, and 80 % power."""
SEEN = (Z95 + Z80) / Z95
"""Smallest effect seen four times in five at 5 %, in half widths of a 95 % interval."""


class Part(BaseModel):
    """What a record is made of: frozen, and closed to keys that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Tested(Protocol):
    """A statistic of `hypothesis` with interval and p-value."""

    @property
    def name(self) -> str: ...
    @property
    def value(self) -> float: ...
    @property
    def ci_low(self) -> float: ...
    @property
    def ci_high(self) -> float: ...
    @property
    def p_value(self) -> float: ...


class Estimate(Part):
    """A number with its 95 % interval; NaN where there is none.

    Attributes
    ----------
    label
        What it is a number of.
    value, low, high
        The estimate and its interval.
    p_value
        Of the test that it is zero (or what its table says).
    smallest_effect
        The difference from zero that the test at 5 % finds with a chance of 80 %, given the
        spread seen.
    n
        Independent units behind it; None where that is not one number.
    reason
        Why there is no value.
    """

    label: str = ""
    value: Number = math.nan
    low: Number = math.nan
    high: Number = math.nan
    p_value: Number = math.nan
    smallest_effect: Number = math.nan
    n: int | None = None
    reason: str = ""

    @classmethod
    def of(cls, tested: Tested) -> Estimate:
        """Return a statistic of `hypothesis`; its smallest effect by the width of its interval."""
        effect = SEEN * (tested.ci_high - tested.ci_low) / 2
        return cls(
            label=tested.name,
            value=tested.value,
            low=tested.ci_low,
            high=tested.ci_high,
            p_value=tested.p_value,
            smallest_effect=effect,
        )

    @property
    def is_known(self) -> bool:
        """Whether there is a value."""
        return math.isfinite(self.value)

    @property
    def has_interval(self) -> bool:
        """Whether there is an interval."""
        return math.isfinite(self.low) and math.isfinite(self.high)

    def named(self, label: str) -> Estimate:
        """Return the same estimate under another label."""
        return self.model_copy(update={"label": label})
