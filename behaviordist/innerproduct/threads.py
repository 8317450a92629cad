"""Threads over independent tiles, each with a single-threaded BLAS.

Small products gain nothing from a threaded BLAS, and where cores are shared its threads wait for
one another; one thread a tile meets the others once a block.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

TileMap = Callable[[Callable[[Any], None], Iterable[Any]], Iterator[None]]


@contextmanager
def tile_map(most: int) -> Iterator[TileMap]:
    """Yield `map` over up to `most` threads: the BLAS's own number, which the environment sets."""
    if most == 1:
        yield map
        return
    from threadpoolctl import threadpool_info, threadpool_limits

    blas = [lib["num_threads"] for lib in threadpool_info() if lib["user_api"] == "blas"]
    n = max(1, min(max(blas, default=1), os.cpu_count() or 1, most))
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(n) as pool:
        yield pool.map
