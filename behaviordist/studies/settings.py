"""How a study is run (folder, seed, processes, quick), as opposed to what it is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Settings:
    """How a study is run (folder, seed, processes, quick), as opposed to what it is."""

    folder: Path
    seed: int = 0
    jobs: int = 2
    quick: bool = False
    command: str = ""
