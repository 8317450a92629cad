"""Models opened for a while: one at a time, a GGUF file unpacked once where settings share it."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from behaviordist.behaviors.huggingface.sources import GgufSource, Source
from behaviordist.store.stages import stage

_slots: list[dict[Any, Any]] = []


@contextmanager
def kept_open() -> Iterator[None]:
    """Within it, an unpacked GGUF file stays in memory until another model is opened.

    Several settings of one file then unpack it once; there is never more than one model.
    """
    _slots.append({})
    try:
        yield
    finally:
        _slots.pop().clear()
        gc.collect()


@contextmanager
def opened(source: Source, dtype: str, device: str | None, changed: bool) -> Iterator[Any]:
    """Open a model for a while, and give its memory back.

    `changed` says whether its weights will not be those of the file afterwards (quantised).
    """
    slot: dict[Any, Any] = _slots[-1] if _slots else {}
    key = (source.path, source.digest, dtype, device) if isinstance(source, GgufSource) else None
    model = slot.pop(key, None)
    slot.clear()
    if model is None:
        with stage(f"loading the weights of {source.name}"):
            model = source.open(dtype, device)
    try:
        yield model
        if key is not None and not changed and _slots:
            slot[key] = model
    finally:
        del model
        gc.collect()
