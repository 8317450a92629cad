"""What a study found, as data: claims with their verdicts, and sections of tables and figures.

A study builds a `Findings`, ``run.json`` keeps it under ``"findings"``, and `findings_page` draws
it; so the page can be drawn again from the folder alone. Missing numbers are None.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from behaviordist.errors import InputError

Verdict = Literal["supported", "not supported", "inconclusive"]
Number = float | None


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Claim(_Part):
    """One claim of a study, the number that decides it, and the verdict by a stated rule.

    Attributes
    ----------
    claim
        What is claimed, a sentence that the data could contradict.
    verdict
        By `rule`, which is fixed in the study's file or code before the number is seen.
    answer
        What the data say, in a sentence with its numbers.
    value, low, high
        The deciding number with its 95 % interval; None where there is none.
    unit
        Of the number.
    smallest_effect
        The smallest effect that the study could have seen (80 % power at 5 %), same unit.
    rule
        How the verdict follows from the numbers.
    """

    claim: str
    verdict: Verdict
    answer: str
    value: Number = None
    low: Number = None
    high: Number = None
    unit: str = ""
    smallest_effect: Number = None
    rule: str = ""


class TableOf(_Part):
    """A table of formatted cells; `align` has one of ``l`` and ``r`` a column."""

    type: Literal["table"] = "table"
    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    align: str
    note: str = ""

    @model_validator(mode="after")
    def _even(self) -> TableOf:
        if {len(self.align), *map(len, self.rows)} - {len(self.header)}:
            raise ValueError(f"table '{self.title}': header, align and rows differ in width")
        return self


class Series(_Part):
    """One line of a figure: points with their intervals (None where there is none)."""

    label: str
    x: tuple[float, ...]
    y: tuple[Number, ...]
    low: tuple[Number, ...] = ()
    high: tuple[Number, ...] = ()

    @model_validator(mode="after")
    def _even(self) -> Series:
        lengths = {len(self.y), len(self.low) or len(self.x), len(self.high) or len(self.x)}
        if lengths - {len(self.x)}:
            raise ValueError(f"series '{self.label}': x, y, low and high differ in length")
        return self


class Lines(_Part):
    """A figure of curves with intervals.

    `x_names` puts words at the places ``0 .. n - 1`` of a categorical axis; `levels` are named
    horizontal lines.
    """

    type: Literal["lines"] = "lines"
    name: str
    title: str
    caption: str
    x: str
    y: str
    series: tuple[Series, ...]
    x_scale: Literal["linear", "log", "symlog"] = "linear"
    y_scale: Literal["linear", "log"] = "linear"
    x_names: tuple[str, ...] = ()
    levels: tuple[tuple[str, float], ...] = ()


class Row(_Part):
    """One estimate of an `Intervals` figure."""

    label: str
    value: Number
    low: Number = None
    high: Number = None
    main: bool = False


class Intervals(_Part):
    """A forest plot: groups of estimates with their intervals against zero."""

    type: Literal["intervals"] = "intervals"
    name: str
    title: str
    caption: str
    unit: str
    groups: tuple[tuple[str, tuple[Row, ...]], ...]


class Grid(_Part):
    """A heatmap of any labelled table; `digits` decimals in the cells."""

    type: Literal["grid"] = "grid"
    name: str
    title: str
    caption: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    values: tuple[tuple[Number, ...], ...]
    scale: str
    row_axis: str = ""
    column_axis: str = ""
    digits: int = 2
    diverging: bool = False


class Distances(_Part):
    """Where the heatmap, map and tables of the folder's ``distances.csv`` are to stand."""

    type: Literal["distances"] = "distances"


Block = Annotated[
    TableOf | Lines | Intervals | Grid | Distances | str, Field(union_mode="left_to_right")
]


class Part(_Part):
    """A titled section: strings are paragraphs."""

    title: str
    blocks: tuple[Block, ...]


class Findings(_Part):
    """All that a study's page shows.

    Attributes
    ----------
    headline
        The answer to the study's question in one sentence.
    claims
        At least one; the first is the study's main claim and colours the page.
    facts
        (name, value, meaning) to see at first glance.
    parts
        Sections in reading order.
    """

    headline: str
    claims: tuple[Claim, ...] = Field(min_length=1)
    facts: tuple[tuple[str, str, str], ...] = ()
    parts: tuple[Part, ...] = ()

    @classmethod
    def from_json(cls, value: Any, where: str) -> Findings:
        """Read findings that a run wrote; raises `InputError` where they are damaged."""
        try:
            return cls.model_validate(value)
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(str(part) for part in first["loc"]) or "findings"
            raise InputError(f"{where}: '{key}': {first['msg']}; run the study again") from None


def number(value: float) -> Number:
    """Return a float for JSON: None where it is not finite."""
    return float(value) if value == value and abs(value) != float("inf") else None


def numbers(values: Sequence[float]) -> tuple[Number, ...]:
    """Return floats for JSON: None where they are not finite."""
    return tuple(number(value) for value in values)


def decide(low: Number, high: Number, threshold: float = 0.0, above: bool = True) -> Verdict:
    """Apply the plain rule: where does the interval lie against the threshold?

    *supported* when it lies wholly on the claimed side, *not supported* when wholly on the other,
    *inconclusive* when it holds the threshold or is missing.
    """
    if low is None or high is None:
        return "inconclusive"
    if not above:
        low, high, threshold = -high, -low, -threshold
    if low > threshold:
        return "supported"
    return "not supported" if high < threshold else "inconclusive"
