"""Numbers as files keep them: JSON has neither NaN nor infinity, and writes null for both."""

from __future__ import annotations

import math
from functools import partial
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema


def _read(value: Any, null: float) -> Any:
    if value is None:
        return null
    is_number = hasattr(value, "__float__") and not isinstance(value, str | bool)
    return float(value) if is_number else value


def _write(value: float) -> float | None:
    return value if math.isfinite(value) else None


def with_nulls(value: Any) -> Any:
    """Return dicts and lists as they are, with None for every float that is no finite number."""
    if isinstance(value, dict):
        return {key: with_nulls(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [with_nulls(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


_WRITTEN = PlainSerializer(_write, when_used="json")
_SCHEMA = WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "null"}]})

Number = Annotated[float, BeforeValidator(partial(_read, null=math.nan)), _WRITTEN, _SCHEMA]
"""A float. Missing is NaN here and null in JSON."""

Unbounded = Annotated[float, BeforeValidator(partial(_read, null=math.inf)), _WRITTEN, _SCHEMA]
"""A float that is always there and may be infinite: null in JSON."""
