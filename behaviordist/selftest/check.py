"""One planted truth: what was expected, what was found."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """Result of one check.

    Parameters
    ----------
    name
        What was planted.
    expected, found
        In words or numbers, for the table.
    passed
        Whether they agree.
    """

    name: str
    expected: str
    found: str
    passed: bool


def near(name: str, expected: float, found: float, tolerance: float) -> Check:
    """Check that two numbers agree within a tolerance (NaN never does)."""
    return Check(
        name,
        f"{expected:.5g} +- {tolerance:.2g}",
        f"{found:.5g}",
        bool(abs(found - expected) <= tolerance),
    )
