"""Features that a run has computed so far, kept so that a killed one continues at its block."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from behaviordist.store import is_finished, publish

IntArray = NDArray[np.int64]
Rows = tuple[IntArray, NDArray[np.floating[Any]]]

# Blocks of real models take longer than this, and are kept one by one; those of tiny models would
# spend more time on files than on the model.
SECONDS = 1.0


@dataclass
class Parts:
    """Numbered files of rows (probe, features) in a folder beside the fingerprint to come.

    Parameters
    ----------
    folder
        Where they lie; removed by `clear`.
    inputs
        What they depend on; files of other inputs, or damaged ones, are passed over.
    """

    folder: Path
    inputs: Any
    waiting: list[Rows] = field(default_factory=list)
    since: float = field(default_factory=time.monotonic)

    @staticmethod
    def beside(path: Path, inputs: Any) -> Parts:
        """Return the parts of the fingerprint file at `path`."""
        return Parts(path.with_name(path.name + ".parts"), inputs)

    def load(self) -> list[Rows]:
        """Return the rows of whole files, in the order in which they were computed."""
        from safetensors.numpy import load_file

        found, seen = [], np.empty(0, dtype=np.int64)
        for path in sorted(self.folder.glob("[0-9]*.safetensors")):
            if is_finished(path, self.inputs):
                part = load_file(path)
                new = ~np.isin(part["probe"], seen)
                found.append((part["probe"][new], part["features"][new]))
                seen = np.concatenate([seen, part["probe"]])
        return found

    def add(self, probe: IntArray, features: NDArray[np.floating[Any]]) -> None:
        """Take the rows of a block; write all that wait once `SECONDS` have passed."""
        self.waiting.append((probe, features))
        if time.monotonic() - self.since >= SECONDS:
            self._write()

    def clear(self) -> None:
        """Remove the folder: the fingerprint is whole."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _write(self) -> None:
        from safetensors.numpy import save_file

        probes, features = zip(*self.waiting, strict=True)
        number = sum(1 for _ in self.folder.glob("[0-9]*.safetensors"))
        with publish(self.folder / f"{number:06d}.safetensors", self.inputs) as temporary:
            save_file(
                {"probe": np.concatenate(probes), "features": np.concatenate(features)}, temporary
            )
        self.waiting.clear()
        self.since = time.monotonic()
