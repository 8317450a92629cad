"""The page of a study of the law on a real model: cost against nats first, claims, tables."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from behaviordist.record import Fact, Findings, Section
from behaviordist.studies.law.conclusion import Conclusion
from behaviordist.studies.law.figures import maps
from behaviordist.studies.law.page import (
    headline,
    kinds,
    law_section,
    predictor_section,
    repeat_sentence,
    targets_section,
    weights_sentence,
)
from behaviordist.studies.law.tables import Tables
from behaviordist.studies.real_models.goals import scores_of_target
from behaviordist.studies.soft_models.forgetting import forgetting_section
from behaviordist.studies.soft_models.runs import Runs
from behaviordist.transfer.runs import Goal

POOL = "mixtures, copies of some at other weights, and the base"
ASIDE = "The base has never answered in any style: it is drawn, not fitted."
SWAPS = "names swap among mixtures, and the base keeps its place"


def findings(
    runs: Runs,
    tables: Tables,
    conclusion: Conclusion,
    goals: Mapping[str, Goal],
    lost: pd.DataFrame,
) -> Findings:
    """Return the study's claims, figures and tables."""
    main = conclusion.tests["all targets"]
    levels = {label: scores_of_target(runs.real, label)[1] for label in runs.real.targets}
    permutations = runs.study.claims.permutations
    styles = "pure answer styles, each by its algorithm"
    return Findings(
        headline=headline(conclusion),
        more=(weights_sentence(conclusion, POOL), repeat_sentence(tables)),
        claims=conclusion.claims,
        facts=(
            Fact(name="sources", value=str(len(tables.costs)), meaning=kinds(tables)),
            Fact(name="targets", value=str(tables.costs.shape[1]), meaning=styles),
            Fact(name="cells", value=str(main.n_pairs), meaning=f"{main.n_censored} censored"),
            Fact(name="seeds", value=str(runs.study.seeds), meaning="a cost is their mean"),
        ),
        lead=(law_section(tables, conclusion, ASIDE),),
        sections=(
            predictor_section(conclusion, SWAPS),
            forgetting_section(lost, tables, permutations, runs.seed),
            Section.of("Heatmaps", *maps(tables)),
            targets_section(tables, levels, goals),
        ),
    )
