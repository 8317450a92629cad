"""The page of study `transfer`: cost against nats first, then claims, tables, heatmaps."""

from __future__ import annotations

from behaviordist.record import Fact, Findings, Section, Table
from behaviordist.studies.law.conclusion import Conclusion
from behaviordist.studies.law.page import (
    law_findings,
    targets_section,
)
from behaviordist.studies.transfer.figures import map_section, square_section
from behaviordist.studies.transfer.measure import SquareTables
from behaviordist.studies.transfer.objections import objection_rows
from behaviordist.studies.transfer.runs import Runs


def findings(runs: Runs, tables: SquareTables, conclusion: Conclusion) -> Findings:
    """Return the study's claims, figures and tables."""
    levels = {r.label: runs.level(r.label) for r in runs.study.regimes()}
    square = f"{len(tables.square)} x {len(tables.square) - 1}"
    return law_findings(
        tables,
        conclusion,
        pool="two bases, permuted copies and snapshots",
        aside="Hard sources (support lost) and snapshots (coherence lost) are drawn, not fitted.",
        swaps="names swap among mixtures of one base, and among the others",
        targets=f"{len(runs.study.functions)} functions by each algorithm",
        fact=Fact.of("square", square, "soft behaviors into one another"),
        sections=(
            _objection_section(runs, tables),
            square_section(tables),
            map_section(tables),
            targets_section(tables, levels, runs.goals),
        ),
    )


def _objection_section(runs: Runs, tables: SquareTables) -> Section:
    rows = objection_rows(tables, runs.study.claims.permutations, runs.seed)
    table = Table(
        title="“The loss you start from predicts when you reach a loss, by construction”",
        header=("pairs", "KL", "weights", "cells"),
        rows=tuple(rows),
        align="lrrr",
        note="Mean Spearman correlation inside targets [95 %]. Score at step 0: the expected exact"
        " match, the very number that tau is a level of; partial: ranks of KL and of cost with"
        " those of the score regressed out.",
    )
    return Section.of(
        "The obvious objection",
        "Would any starting loss do? Distances are taken on strings that no run trains on. RLVR"
        " does not descend the predictor: its gradient knows rewards alone. The pool is mixed, so"
        " that weights had every chance, and snapshots, whose cost may lie above the law, have a"
        " verdict above. What remains where the score at step 0 is next to nothing, and where it is"
        " regressed out:",
        table,
    )
