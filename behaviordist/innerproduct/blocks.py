"""Read many fingerprints side by side, a bounded block at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from behaviordist.innerproduct.arrays import Float32Array, FloatArray, IntArray
from behaviordist.innerproduct.batches import Batches
from behaviordist.innerproduct.fingerprint import Fingerprint

Block = list[tuple[int, Float32Array]]

BLOCK_BYTES = 64 * 2**20


def batch_blocks(
    fingerprints: Sequence[Fingerprint],
    batches: Batches,
    centre: FloatArray,
    *,
    pad_to: int = 1,
    block_bytes: int = BLOCK_BYTES,
) -> Iterator[Block]:
    """Yield blocks of (batch, features of all fingerprints in it), scaled, `centre` taken off.

    Parameters
    ----------
    fingerprints
        N of one kind (`check_mixable`).
    batches
        Which rows go together.
    centre
        (n, D) features to subtract from every fingerprint.
    pad_to
        The number of rows is filled up with zeros to a multiple of it.
    block_bytes
        Bound on the buffer; one batch is always read whole.

    Yields
    ------
    Batches with their features, (N', rows of the batch x D) float32, each contiguous (rows that lie
    a large power of two apart share cache lines, which slows products down many times). The
    buffer is overwritten by the next block.
    """
    size = fingerprints[0].features.shape[1]
    height = -(-len(fingerprints) // pad_to) * pad_to
    most = max(int(np.diff(batches.bounds).max()), block_bytes // (4 * height * size))
    buffer = np.empty(min(most, len(batches.rows)) * size * height, dtype=np.float32)
    start = 0
    while start < len(batches):
        stop = start + 1
        while stop < len(batches) and batches.bounds[stop + 1] - batches.bounds[start] <= most:
            stop += 1
        edges = (batches.bounds[start : stop + 1] - batches.bounds[start]) * size * height
        block = [
            (start + k, buffer[edges[k] : edges[k + 1]].reshape(height, -1))
            for k in range(stop - start)
        ]
        _read(fingerprints, batches, centre, block)
        yield block
        start = stop


def batch_features(
    fingerprints: Sequence[Fingerprint],
    batches: Batches,
    centre: FloatArray,
) -> Iterator[tuple[int, Float32Array]]:
    """Yield (batch, features (N, rows of the batch x D)) one by one; see `batch_blocks`."""
    for block in batch_blocks(fingerprints, batches, centre):
        yield from block


def _read(
    fingerprints: Sequence[Fingerprint],
    batches: Batches,
    centre: FloatArray,
    block: Block,
) -> None:
    rows = [_rows_of(batches, batch) for batch, _ in block]
    scales = [batches.scale[batches.slice_of(batch), None] for batch, _ in block]
    uniform = all(bool(np.all(scale == 1)) for scale in scales)
    middles = [centre[r].astype(np.float32) for r in rows]
    for i, fingerprint in enumerate(fingerprints):
        features = np.asarray(fingerprint.features)
        for k, (_, values) in enumerate(block):
            out = values[i].reshape(-1, features.shape[1])
            np.subtract(features[rows[k]], middles[k], out=out)
            if not uniform:
                out *= scales[k]
    for _, values in block:
        values[len(fingerprints) :] = 0


def _rows_of(batches: Batches, batch: int) -> slice | IntArray:
    """Rows of a batch, as a slice (a view of a memory map, not a copy) where they are adjacent."""
    rows = batches.rows[batches.slice_of(batch)]
    if np.all(np.diff(rows) == 1):
        return slice(int(rows[0]), int(rows[-1]) + 1)
    return rows
