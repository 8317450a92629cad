"""What study `transfer` claims: six claims, decided together, and the law beside them."""

from __future__ import annotations

from functools import partial

from behaviordist.studies.law.conclusion import (
    Conclusion,
    Question,
    conclusion_of,
)
from behaviordist.studies.study_file import ClaimSection
from behaviordist.studies.transfer.claims import both_ways, snapshots
from behaviordist.studies.transfer.measure import SquareTables

LAWFUL = ("mixture of A", "mixture of B", "permuted", "base")
"""Kinds of sources that the law is fitted on: coherent, and soft. Hard ones have lost support and
snapshots coherence: there the line must break, and they are drawn beside it."""


def conclude(section: ClaimSection, tables: SquareTables, seed: int) -> Conclusion:
    """Decide the six claims over the tables; `seed` drives relabellings."""
    more: list[Question] = [
        (
            "Where one way is more surprising than back, it is dearer than back.",
            partial(both_ways, tables, section.permutations, seed),
        ),
        ("A snapshot costs more than its distance says.", partial(snapshots, tables)),
    ]
    return conclusion_of(section, tables, seed, LAWFUL, more)
