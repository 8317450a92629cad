"""How often to look at a run: so seldom that looking takes no more than its share of the time."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from statistics import median

from behaviordist.store import ranks

TIMED = 3
"""Steps that are timed before the first look that the pace chooses."""


def rounded_up(steps: float) -> int:
    """Return the next of 1, 2, 5, 10, 20, 50, ...: the same on a machine from run to run.

    >>> [rounded_up(k) for k in (0.2, 1, 3, 7.5, 41)]
    [1, 2, 5, 10, 50]
    """
    power: int = 10 ** math.floor(math.log10(max(steps, 1)))
    return next(m * power for m in (1, 2, 5, 10) if m * power >= steps)


@dataclass
class Pace:
    """When to look next.

    Attributes
    ----------
    every
        Look at every multiple of so many steps; None: as `share` allows.
    share
        Largest share of the steps' time that looking may take.
    stepping, looking
        Seconds spent so far; looks at the start and the end of a run are not among them.
    """

    every: int | None
    share: float
    stepping: float = 0.0
    looking: float = 0.0
    _steps: deque[float] = field(default_factory=lambda: deque(maxlen=20))
    _looks: deque[float] = field(default_factory=lambda: deque(maxlen=5))
    _next: int | None = None

    def stepped(self, seconds: float) -> None:
        """Take in how long a step took."""
        self.stepping += seconds
        self._steps.append(seconds)

    def looked(self, seconds: float, counts: bool = True) -> None:
        """Take in how long a look took; it `counts` unless the run began or ended with it."""
        self._looks.append(seconds)
        if counts:
            self.looking += seconds
            self._next = None

    def gap(self) -> int:
        """Return the steps between two looks that keep to the share, at what was timed lately."""
        if self.every is not None:
            return self.every
        return rounded_up(median(self._looks) / (self.share * median(self._steps)))

    def due(self, step: int) -> bool:
        """Whether to look after this step."""
        if self.every is not None:
            return step % self.every == 0
        if len(self._steps) < TIMED:
            return False
        if self._next is None:  # timed from here: the steps that pay for the look are to come
            self._next = step + ranks.agreed(self.gap())
        return step >= self._next and ranks.agreed(self._paid())

    def _paid(self) -> bool:
        """Whether the steps so far pay for every look and one more: a slow one is made up for."""
        return self.looking + median(self._looks) <= self.share * self.stepping
