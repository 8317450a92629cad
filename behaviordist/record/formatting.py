"""Numbers as people read them: rounded to what is known, with their interval, missing as a dash."""

from __future__ import annotations

import math
from collections.abc import Iterable
from numbers import Real
from statistics import median
from typing import Any

from behaviordist.record.estimate import Estimate

MISSING = "–"
NBSP = "\N{NO-BREAK SPACE}"


def as_float(value: Any) -> float:
    """Return a JSON value as a float; NaN where it is absent or no number."""
    # numpy's integers are no `int`, its float64 is a `float`; text is no number.
    if isinstance(value, bool) or not isinstance(value, Real):
        return math.nan
    return float(value)


def decimal(value: Any, digits: int = 2) -> str:
    """Return `value` with that many decimals, a true minus sign, and a dash where it is missing."""
    number = as_float(value)
    if not math.isfinite(number):
        return MISSING
    text = f"{number:.{digits}f}"
    if float(text) == 0:
        text = text.lstrip("-")
    return text.replace("-", "−")


def digits_for(error: float) -> int:
    """Return how many decimals show two digits of a standard error; three where it is unknown."""
    if not (math.isfinite(error) and error > 0):
        return 3
    return min(6, max(2, 1 - math.floor(math.log10(error))))


def significant(value: Any, digits: int = 3) -> str:
    """Return `value` with that many significant digits, thousands separated."""
    number = as_float(value)
    if not math.isfinite(number):
        return MISSING
    if number == 0:
        return "0"
    places = max(0, digits - 1 - math.floor(math.log10(abs(number))))
    if abs(number) >= 1e7 or abs(number) < 1e-4:
        return (
            f"{number:.{digits - 1}e}".replace("-", "−").replace("e+0", "e+").replace("e−0", "e−")
        )
    return f"{number:,.{places}f}".replace("-", "−")


def count(value: Any) -> str:
    """Return a whole number with thousands separated; a dash where it is missing."""
    number = as_float(value)
    return MISSING if not math.isfinite(number) else f"{number:,.0f}".replace("-", "−")


def interval(estimate: Estimate, digits: int = 2, signed: bool = False) -> str:
    """Return ``0.34 [0.20, 0.48]``, with plus signs where `signed`; the bare value without one."""
    value, low, high = (
        f"{'+' * (signed and x > 0)}{decimal(x, digits)}"
        for x in (estimate.value, estimate.low, estimate.high)
    )
    return f"{value} [{low}, {high}]" if estimate.has_interval else value


def limits(low: float, high: float, form: str = ".2g") -> str:
    """Return ``[0.2, 0.48]``, numbers in `form`; words where there is no interval."""
    known = math.isfinite(low) and math.isfinite(high)
    return f"[{low:{form}}, {high:{form}}]" if known else "(no interval)"


def p_value(value: Any, permutations: Any = None) -> str:
    """Return ``= 0.012`` or ``≤ 0.0001``: a permutation test cannot show less than 1 / (1 + B)."""
    number, draws = as_float(value), as_float(permutations)
    if not math.isfinite(number):
        return f"={NBSP}{MISSING}"
    floor = 1 / (1 + draws) if math.isfinite(draws) and draws > 0 else 0.0
    sign = "≤" if number <= floor * (1 + 1e-9) else "="
    if round(number, 4) == 0:
        return f"<{NBSP}0.0001"
    return f"{sign}{NBSP}{number:.4f}" if number < 1e-3 else f"{sign}{NBSP}{significant(number, 2)}"


def p_cell(value: Any, permutations: Any = None) -> str:
    """Return a p-value for a table cell."""
    return p_value(value, permutations).removeprefix(f"={NBSP}")


def share(value: Any) -> str:
    """Return a share in percent, with a decimal below ten percent."""
    number = as_float(value)
    if not math.isfinite(number):
        return MISSING
    return f"{decimal(100 * number, 1 if abs(number) < 0.1 else 0)}%"


def spread(values: Iterable[Any], digits: int = 0) -> str:
    """Return ``median (lowest–highest)`` of the finite values, or a dash."""
    finite = [v for v in map(as_float, values) if math.isfinite(v)]
    if not finite:
        return MISSING
    middle, low, high = (decimal(of(finite), digits) for of in (median, min, max))
    return middle if min(finite) == max(finite) else f"{middle} ({low}–{high})"


def percent(value: float, low: float = math.nan, high: float = math.nan) -> str:
    """Return ``45% [40%, 50%]``; the bare share without an interval."""
    known = math.isfinite(low) and math.isfinite(high)
    return share(value) + (f" [{share(low)}, {share(high)}]" if known else "")


def seconds(value: Any) -> str:
    """Return a duration in seconds or minutes."""
    number = as_float(value)
    if not math.isfinite(number):
        return MISSING
    return f"{number:.1f} s" if number < 120 else f"{number / 60:.1f} min"


def plural(n: int, noun: str) -> str:
    """Return ``1 pair`` or ``3 pairs``."""
    return f"{n:,} {noun}" + ("" if n == 1 else "s")
