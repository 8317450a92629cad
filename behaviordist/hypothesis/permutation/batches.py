"""Batches of samples in parts that fit into fast memory, on the cores at hand."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from behaviordist.hypothesis.permutation.ranks import FloatArray

CELLS_AT_ONCE = 400_000
WORTH_A_THREAD = 20_000_000
MAX_THREADS = 8


def batched(total: int, cells: int, compute: Callable[[slice], FloatArray]) -> FloatArray:
    """Compute values (..., total) part by part.

    Parameters
    ----------
    total
        Samples B in all.
    cells
        Cells that one sample touches.
    compute
        Gives the values (..., b) of a slice of the samples. numpy lets go of the interpreter in
        gathers and products, so threads share the work.
    """
    step = max(1, CELLS_AT_ONCE // max(cells, 1))
    parts = [slice(start, min(start + step, total)) for start in range(0, total, step)]
    if total * cells < WORTH_A_THREAD:
        return np.concatenate([compute(part) for part in parts], axis=-1)
    with ThreadPoolExecutor(min(MAX_THREADS, os.cpu_count() or 1)) as pool:
        return np.concatenate(list(pool.map(compute, parts)), axis=-1)
