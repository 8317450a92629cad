"""What a study of the law on a real model claims: four claims decided together, and the law."""

from __future__ import annotations

from behaviordist.studies.law.conclusion import (
    Conclusion,
    conclusion_of,
    primary_tests,
    shared_questions,
)
from behaviordist.studies.law.tables import Tables
from behaviordist.studies.study_file import ClaimSection

LAWFUL = ("mixture", "permuted", "grown", "retuned")
"""Kinds of sources that the law is fitted on. The base has never answered in any of the styles: it
is drawn beside the line."""


def conclude(section: ClaimSection, tables: Tables, seed: int) -> Conclusion:
    """Decide the claims over the tables; `seed` drives relabellings."""
    tests = primary_tests(section, tables, seed)
    questions = shared_questions(tests, tables, section.same_cost)
    return conclusion_of(questions, tests, tables, section.alpha, LAWFUL)
