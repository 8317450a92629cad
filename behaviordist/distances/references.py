"""Log-probabilities of a reference behavior, kept for lookup by probe."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from behaviordist.behaviors import Behavior
from behaviordist.distances.checks import check_block
from behaviordist.errors import InputError
from behaviordist.probes import ProbeSet

IN_MEMORY_BYTES = 512 * 2**20


@dataclass(frozen=True, eq=False)
class ReferenceTable:
    """log pi at every position of every probe, one array (positions, V) a probe."""

    label: str
    by_probe: dict[int, NDArray[np.float32]]

    def rows(self, probe: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return log pi (m, V) at the rows of a block of whole probes.

        Raises
        ------
        InputError
            If a probe has another number of positions than the reference gave.
        """
        starts = np.flatnonzero(np.r_[True, probe[1:] != probe[:-1]])
        table = np.concatenate([self.by_probe[int(probe[k])] for k in starts])
        if len(table) != len(probe):
            raise InputError(
                f"reference '{self.label}' scores other positions than a behavior it is compared"
                " with; use a reference with the same tokenizer"
            )
        return table


def reference_table(
    reference: Behavior, probes: ProbeSet, *, zeros: bool = False
) -> ReferenceTable:
    """Walk the reference once. Past 512 MiB the rows lie in an unnamed temporary file.

    `zeros` allows probabilities of zero.

    Raises
    ------
    InputError
        If the reference gives a token probability zero, or is no distribution.
    """
    by_probe: dict[int, NDArray[np.float32]] = {}
    held = 0
    for block in reference.log_probs(probes):
        check_block(block, reference.label, probes)
        if not zeros and not np.isfinite(block.log_p).all():
            raise InputError(
                f"reference '{reference.label}' gives tokens probability zero (top-k, top-p or"
                " min-p); use one with full support"
            )
        held += block.log_p.nbytes
        log_p = np.array(block.log_p, dtype=np.float32)
        if held > IN_MEMORY_BYTES:
            log_p = _on_disk(log_p)
        starts = np.flatnonzero(np.r_[True, block.probe[1:] != block.probe[:-1]])
        for rows, start in zip(np.split(log_p, starts[1:]), starts, strict=True):
            by_probe[int(block.probe[start])] = rows
    return ReferenceTable(reference.label, by_probe)


def _on_disk(array: NDArray[np.float32]) -> NDArray[np.float32]:
    # The file has no name: it vanishes with the map, however the process ends.
    with tempfile.TemporaryFile() as file:
        mapped = np.memmap(file, dtype=np.float32, mode="w+", shape=array.shape)
    mapped[:] = array
    return mapped
