"""How a finished checkpoint was reached, read back from its folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def read_provenance(folder: Path) -> dict[str, Any]:
    """Return ``provenance.json`` of a checkpoint that a study has finished."""
    record: dict[str, Any] = json.loads((folder / "provenance.json").read_text(encoding="utf-8"))
    return record
