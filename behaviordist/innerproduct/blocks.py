"""Read many fingerprints side by side, a bounded block at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from behaviordist.innerproduct.batches import Batches
from behaviordist.innerproduct.fingerprint import Fingerprint

FloatArray = NDArray[np.floating[Any]]

BLOCK_BYTES = 256 * 2**20


def batch_features(
    fingerprints: Sequence[Fingerprint],
    batches: Batches,
    centre: FloatArray | None = None,
    *,
    pad_to: int = 1,
    block_bytes: int = BLOCK_BYTES,
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Yield (batch, features of all fingerprints in it), scaled and with `centre` taken off.

    Parameters
    ----------
    fingerprints
        N of one kind (`check_mixable`).
    batches
        Which rows go together.
    centre
        (n, D) features to subtract from every fingerprint, or None.
    pad_to
        The number of rows is filled up with zeros to a multiple of it.
    block_bytes
        Bound on the buffer; one batch is always read whole.

    Yields
    ------
    (N', rows of the batch x D) float32, a view that is overwritten later.
    """
    size = fingerprints[0].features.shape[1]
    height = -(-len(fingerprints) // pad_to) * pad_to
    lengths = np.diff(batches.bounds)
    per_block = max(int(lengths.max()), block_bytes // (4 * height * size))
    buffer = np.zeros((height, min(per_block, len(batches.rows)) * size), dtype=np.float32)
    start = 0
    while start < len(batches):
        stop = start + 1
        while stop < len(batches) and batches.bounds[stop + 1] - batches.bounds[start] <= per_block:
            stop += 1
        offset = int(batches.bounds[start])
        places = slice(offset, int(batches.bounds[stop]))
        block = buffer[:, : (places.stop - offset) * size]
        _read(fingerprints, batches, places, centre, block)
        for batch in range(start, stop):
            place = batches.slice_of(batch)
            yield batch, block[:, (place.start - offset) * size : (place.stop - offset) * size]
        start = stop


def _read(
    fingerprints: Sequence[Fingerprint],
    batches: Batches,
    places: slice,
    centre: FloatArray | None,
    block: NDArray[np.float32],
) -> None:
    chosen = batches.rows[places]
    # Adjacent rows are taken as a slice: a view of a memory map, not a copy.
    adjacent = bool(np.all(np.diff(chosen) == 1))
    rows = slice(int(chosen[0]), int(chosen[-1]) + 1) if adjacent else chosen
    scale = batches.scale[places, None]
    uniform = bool(np.all(scale == 1))
    middle = None if centre is None else centre[rows].astype(np.float32)
    for fingerprint, line in zip(fingerprints, block, strict=False):
        out = line.reshape(-1, fingerprint.features.shape[1])
        if middle is None:
            np.copyto(out, fingerprint.features[rows])
        else:
            np.subtract(fingerprint.features[rows], middle, out=out, dtype=np.float32)
        if not uniform:
            out *= scale
