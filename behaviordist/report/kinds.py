"""What each label of a run stands for: its algorithm, its task, and whether it is a reference."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Kind:
    """How a behavior is drawn: `algorithm` gives the colour, `task` its group, `role` the mark."""

    algorithm: str = ""
    task: str = ""
    role: str = "behavior"

    @property
    def is_reference(self) -> bool:
        """Whether it is a starting point rather than a behavior under study (base, random)."""
        return self.role != "behavior"


Kinds = dict[str, Kind]


def kinds_of(behaviors: Iterable[dict[str, Any]]) -> Kinds:
    """Return the kind of every label in the `behaviors` of a `run.json`."""
    return {
        str(row["label"]): Kind(
            algorithm=str(row.get("algorithm") or ""),
            task=str(row.get("task") or ""),
            role=str(row.get("role") or "behavior"),
        )
        for row in behaviors
        if "label" in row
    }


def kind_of(label: str, kinds: Kinds) -> Kind:
    """Return the kind of a label; one that is called `base` or `random` is a reference."""
    if label in kinds:
        return kinds[label]
    return Kind(role=label if label in ("base", "random") else "behavior")
