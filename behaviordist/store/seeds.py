"""Seeds derived from names, so that no run's randomness depends on the order of runs."""

from __future__ import annotations

from behaviordist.store.artifacts import digest_of


def derived_seed(seed: int, *names: str | int) -> int:
    """Return a 31-bit seed that is a function of a study's seed and of what it is for."""
    return int(digest_of([seed, *names])[:8], 16) & 0x7FFFFFFF
