"""Progress as bars, in a terminal and in a notebook."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Progress = Callable[[str, int, int], None]
"""Called with (label, probes done, probes in all); with 0 done when a label's turn is to come."""


def told(progress: Progress | bool | None) -> Progress | None:
    """Return what a function is to call: bars for True, nothing for False."""
    if isinstance(progress, bool):
        return Bars() if progress else None
    return progress


class Bars:
    """A bar for every behavior, with the time that is left; gone over again, it begins again."""

    def __init__(self) -> None:
        self.bars: dict[str, Any] = {}

    def __call__(self, label: str, done: int, total: int) -> None:
        """Move the label's bar on."""
        bar = self.bars.get(label)
        if not done:  # its turn is to come
            return
        if bar is None or done < bar.n:
            bar = self.bars[label] = _bar(label, total)
        bar.update(done - bar.n)
        if done >= total:
            bar.close()


def _bar(label: str, total: int) -> Any:
    """Return a widget in a notebook that has ipywidgets, else a line of text."""
    from importlib.util import find_spec

    if find_spec("ipywidgets") is None:
        from tqdm import tqdm
    else:
        from tqdm.auto import tqdm
    return tqdm(total=total, desc=label, unit=" probes")
