"""The page of a study of the law on a real model: cost against nats first, claims, tables."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from behaviordist.record import Fact, Findings, Section
from behaviordist.studies.law.conclusion import Conclusion
from behaviordist.studies.law.figures import maps
from behaviordist.studies.law.page import (
    law_findings,
    targets_section,
)
from behaviordist.studies.law.tables import Tables
from behaviordist.studies.real_models.goals import scores_of_target
from behaviordist.studies.soft_models.forgetting import forgetting_section
from behaviordist.studies.soft_models.runs import SoftRuns
from behaviordist.transfer.runs import Goal


def findings(
    runs: SoftRuns,
    tables: Tables,
    conclusion: Conclusion,
    goals: Mapping[str, Goal],
    lost: pd.DataFrame,
) -> Findings:
    """Return the study's claims, figures and tables."""
    levels = {label: scores_of_target(runs.real, label)[1] for label in runs.real.targets}
    permutations = runs.study.claims.permutations
    return law_findings(
        tables,
        conclusion,
        pool="mixtures, copies of some at other weights, and the base",
        aside="The base has never answered in any style: it is drawn, not fitted.",
        swaps="names swap among mixtures, and the base keeps its place",
        targets="pure answer styles, each by its algorithm",
        fact=Fact.of("seeds", runs.study.seeds, "a cost is their mean"),
        sections=(
            forgetting_section(lost, tables, permutations, runs.seed),
            Section.of("Heatmaps", *maps(tables)),
            targets_section(tables, levels, goals),
        ),
    )
