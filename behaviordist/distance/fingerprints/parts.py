"""Features that a run has computed so far, kept so that a killed one continues at its block."""

from __future__ import annotations

import time
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from behaviordist.innerproduct.arrays import FloatArray, IntArray
from behaviordist.store.journal import Journal

Rows = tuple[IntArray, FloatArray]

# Blocks of real models take longer than this, and are kept one by one; those of tiny models would
# spend more time on the file than on the model.
SECONDS = 1.0


@dataclass
class Parts:
    """Blocks of rows (probe, features) in a journal beside the fingerprint to come.

    Parameters
    ----------
    journal
        Where they lie; it goes once the fingerprint is whole.
    """

    journal: Journal
    waiting: list[Rows] = field(default_factory=list)
    since: float = field(default_factory=time.monotonic)
    begun: bool = False

    def load(self) -> list[Rows]:
        """Return the rows of whole blocks, in the order in which they were computed."""
        blocks, seen = [], np.empty(0, dtype=np.int64)
        for row in self.journal.rows():
            probe, features = _array(row["probe"]), _array(row["features"])
            new = ~np.isin(probe, seen)
            blocks.append((probe[new], features[new]))
            seen = np.concatenate([seen, probe])
        return blocks

    def add(self, probe: IntArray, features: FloatArray) -> None:
        """Take the rows of a block; write all that wait once `SECONDS` have passed."""
        self.waiting.append((probe, features))
        if time.monotonic() - self.since >= SECONDS:
            self._write()

    def _write(self) -> None:
        if not self.begun:  # without the line that a kill has cut
            self.journal.restart(self.journal.rows())
            self.begun = True
        probes, features = zip(*self.waiting, strict=True)
        block = {"probe": np.concatenate(probes), "features": np.concatenate(features)}
        self.journal.append({name: _text(array) for name, array in block.items()})
        self.waiting.clear()
        self.since = time.monotonic()


def _text(array: NDArray[Any]) -> dict[str, Any]:
    """Return an array as JSON holds it, every bit kept."""
    data = b64encode(np.ascontiguousarray(array).tobytes()).decode()
    return {"dtype": array.dtype.str, "shape": list(array.shape), "data": data}


def _array(text: Mapping[str, Any]) -> NDArray[Any]:
    flat = np.frombuffer(b64decode(text["data"]), dtype=np.dtype(text["dtype"]))
    return flat.reshape(text["shape"])
