"""Where a run started, kept on disk: a run that continues from a checkpoint has left it behind."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from behaviordist.errors import InputError
from behaviordist.store import publish


@dataclass(frozen=True)
class Start:
    """The start of a run.

    Attributes
    ----------
    rows
        Its log-probabilities at the probes, float32 tensors (m, V), one a batch.
    nats
        Name of a held-out set -> nats a token.
    """

    rows: Sequence[Any]
    nats: dict[str, float]

    def save(self, path: Path, of: str) -> None:
        """Write the file; `of` is the digest of what was asked."""
        from safetensors.torch import save_file

        tensors = {f"rows-{i:05d}": rows.contiguous() for i, rows in enumerate(self.rows)}
        told = {"schema": "1", "of": of, "nats": json.dumps(self.nats)}
        with publish(path, {"of": of}) as temporary:
            save_file(tensors, temporary, told)

    @staticmethod
    def load(path: Path, of: str) -> Start:
        """Read the file.

        Raises
        ------
        InputError
            There is none, it cannot be read, or other things were asked then.
        """
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, "pt") as kept:
                told = kept.metadata() or {}
                rows = [kept.get_tensor(name) for name in sorted(kept.keys())]
        except FileNotFoundError:
            raise InputError(
                f"{path} is not there: the run continues, and where it started is not known; put"
                " the callback on it from its first step"
            ) from None
        except (OSError, SafetensorError) as error:
            raise InputError(f"{path}: cannot be read ({error}); start the run anew") from None
        if told.get("of") != of:
            raise InputError(
                f"{path} is the start at other probes or held-out sets: give those that the run"
                " began with, or start it anew"
            )
        return Start(rows, json.loads(told["nats"]))
