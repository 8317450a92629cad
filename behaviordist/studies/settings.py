"""How a study is run (folder, seed, processes, quick), as opposed to what it is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Settings:
    """One run of a study.

    Attributes
    ----------
    folder, seed
        Where it is written; of every random draw.
    jobs
        Processes at a time.
    quick
        Whether the file's `quick` section is laid over the rest.
    command
        What its record names as the way to run it again.
    """

    folder: Path
    seed: int = 0
    jobs: int = 2
    quick: bool = False
    command: str = ""
