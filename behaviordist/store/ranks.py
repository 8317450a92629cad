"""Several processes of one launcher (``torchrun``, ``accelerate launch``): who writes, who waits.

The launcher says in the environment how many there are. They train one model together, so each does
the same jobs in the same order; the first decides what is left to do and is the only one that
publishes. Everything here is a no-op in a process that was started alone.
"""

from __future__ import annotations

import os
from typing import Any, TypeVar

T = TypeVar("T")


def count() -> int:
    """Return how many processes the launcher started; 1 where there is none."""
    return int(os.environ.get("WORLD_SIZE") or 1)


def is_first() -> bool:
    """Whether this process is the one that decides and writes."""
    return count() == 1 or int(os.environ.get("RANK") or 0) == 0


def agreed(value: T) -> T:
    """Return the first process's value, in every process; all of them must call it."""
    if count() == 1:
        return value
    from accelerate.utils import broadcast_object_list

    _join()
    box = [value]
    broadcast_object_list(box)
    return box[0]


def wait() -> None:
    """Go on when every process has come here."""
    if count() > 1:
        _join().wait_for_everyone()


def _join() -> Any:
    """Meet the other processes, once."""
    import torch
    from accelerate import PartialState

    return PartialState(cpu=not torch.cuda.is_available())
