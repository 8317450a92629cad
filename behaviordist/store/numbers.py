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


_WRITTEN = PlainSerializer(_write, when_used="json")
_SCHEMA = WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "null"}]})

Number = Annotated[float, BeforeValidator(partial(_read, null=math.nan)), _WRITTEN, _SCHEMA]
"""A float. Missing is NaN here and null in JSON."""

Unbounded = Annotated[float, BeforeValidator(partial(_read, null=math.inf)), _WRITTEN, _SCHEMA]
"""A float that is always there and may be infinite: null in JSON."""
