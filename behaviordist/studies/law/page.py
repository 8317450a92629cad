"""What the pages of studies of the law share: headline, figures of the law, predictors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from behaviordist.hypothesis import TransferTest
from behaviordist.record import Fact, Findings, Section, Table
from behaviordist.record.formatting import limits
from behaviordist.studies.law.conclusion import Conclusion, reliability
from behaviordist.studies.law.figures import scatter
from behaviordist.studies.law.tables import KL, WEIGHTS, Tables, told
from behaviordist.transfer.runs import Goal


def law_findings(
    tables: Tables,
    conclusion: Conclusion,
    *,
    pool: str,
    aside: str,
    swaps: str,
    targets: str,
    fact: Fact,
    sections: Sequence[Section],
) -> Findings:
    """Return claims, figures and tables of a study of the law.

    Parameters
    ----------
    tables, conclusion
        What was measured, and what follows.
    pool, aside, swaps
        What the sources are, what no line is fitted on, which names are exchangeable: in words.
    targets
        What the targets are, in words.
    fact, sections
        Of this study alone.
    """
    main = conclusion.tests["all targets"]
    counts = pd.Series(tables.kind).value_counts()
    kinds = ", ".join(f"{n} {kind}" for kind, n in counts.items())
    return Findings(
        headline=headline(conclusion),
        more=(_weights_sentence(main, pool), _repeat_sentence(tables)),
        claims=conclusion.claims,
        facts=(
            Fact.of("sources", len(tables.costs), kinds),
            Fact.of("targets", tables.costs.shape[1], targets),
            Fact.of("cells", main.n_pairs, f"{main.n_censored} censored"),
            fact,
        ),
        lead=(_law_section(tables, conclusion, aside),),
        sections=(_predictor_section(conclusion, swaps), *sections),
    )


def headline(conclusion: Conclusion) -> str:
    """Say what was found of the law: rank correlation, verdict, steps a nat."""
    slopes = "; ".join(
        f"{a.upper()} {law.slope:.2g} steps a nat {limits(law.low, law.high)}"
        for a, law in conclusion.laws.items()
    )
    main, verdict = conclusion.tests["all targets"], conclusion.claims[0].verdict
    said = "Closer is cheaper" if verdict == "supported" else f"Closer is cheaper: {verdict}"
    return (
        f"{said}. KL(f_B || f_A) ranks what tuning A into B costs, inside targets, at"
        f" {main.value:.2f} [{main.ci_low:.2f}, {main.ci_high:.2f}]; {slopes}."
    )


def _weights_sentence(main: TransferTest, pool: str) -> str:
    """Say how weights rank the same costs; `pool` names what the sources are."""
    baseline = next(b for b in main.baselines if b.name == WEIGHTS)
    return (
        f"The distance between weights ranks them at {baseline.value:.2f} [{baseline.ci_low:.2f},"
        f" {baseline.ci_high:.2f}] in this pool of {pool}."
    )


def _repeat_sentence(tables: Tables) -> str:
    """Say how costs repeat, and what that leaves to be predicted."""
    ceiling = reliability(tables)
    return (
        "No ceiling of noise: too few runs were repeated."
        if ceiling is None
        else f"Costs of one seed of the data and of another agree at {ceiling[0]:.2f} inside"
        f" targets: no predictor can rank those of one seed better than {ceiling[1]:.2f}."
    )


def _law_section(tables: Tables, conclusion: Conclusion, aside: str) -> Section:
    """Draw cost against nats and against weights; `aside` says what no line is fitted on."""
    rows = tuple(
        (
            algorithm,
            f"{law.slope:.2f} {limits(law.low, law.high, '.2f')}",
            f"{law.explained:.0%}",
            f"{conclusion.by_overlap[algorithm].slope:.2f}"
            f" ({conclusion.by_overlap[algorithm].explained:.0%})",
            f"{conclusion.by_weights[algorithm].explained:.0%}",
            f"{law.spread:.1f}",
            f"{law.n_cells} ({law.n_late} late, {law.n_early} at the start)",
        )
        for algorithm, law in conclusion.laws.items()
    )
    table = Table(
        title="The law: cost = a_B + b nats",
        header=(
            "algorithm",
            "steps per nat [95 %]",
            "explained inside targets",
            "per nat of −log overlap (explained)",
            "explained by weights",
            "spread (steps)",
            "cells",
        ),
        rows=rows,
        align="lrrrrrr",
        note="One intercept a target, one slope; fitted on "
        + ", ".join(conclusion.lawful)
        + " sources. Runs that never arrived, or were there at step 0, are bounds (Tobit);"
        f" intervals leave out sources and functions. {aside}",
    )
    return Section.of(
        "Cost against the two functions, and against weights",
        scatter(
            "cost-nats",
            "Steps to tau against nats",
            "KL(f_B || f_A) over whole answers of the target to held-out questions; the line has"
            " the mean intercept of the targets, its band the interval of the slope.",
            "KL(f_B || f_A), nats an answer",
            tables,
            tables.nats,
            conclusion.laws,
        ),
        scatter(
            "cost-weights",
            "The same costs against the distance between weights",
            "Euclidean, all weights; the line is fitted in the same way.",
            "distance between weights",
            tables,
            tables.baselines[WEIGHTS],
            conclusion.by_weights,
        ),
        table,
    )


def _predictor_section(conclusion: Conclusion, swaps: str) -> Section:
    """Compare who ranks costs inside targets; `swaps` says which names are exchangeable."""
    tests = conclusion.tests
    main = tests["all targets"]
    header = ("", *(f"{name} [95 %]" for name in tests), "p, all targets")
    rows = [
        (
            name,
            *(told(_statistic(test, name)) for test in tests.values()),
            f"{_statistic(main, name).p_value:.2g}",
        )
        for name in (KL, *(e.name for e in (*main.predictors, *main.baselines)))
    ]
    table = Table(
        title="Who ranks the sources of a target by cost?",
        header=header,
        rows=tuple(rows),
        align="l" + "r" * (len(header) - 1),
        note="Mean Spearman correlation inside targets. Predictors open the functions: KL is the"
        " primary one, fixed beforehand. Baselines: weights, the label of the source's main"
        " function, the wrong direction, the sources' own quality, random numbers.",
    )
    units = (
        f"{main.n_units} units: a permuted copy goes with its original, the targets of one function"
        f" go together; {swaps}. A p-value is how often such swaps reach the value: copies at"
        " other weights keep their places, so a predictor that they upset can be near 0 and beyond"
        " chance."
    )
    return Section.of("Predictors side by side", table, main.sentence(), units)


def _statistic(test: TransferTest, name: str) -> Any:
    if name == KL:
        return test
    return next(e for e in (*test.predictors, *test.baselines) if e.name == name)


def targets_section(
    tables: Tables, levels: Mapping[str, float], goals: Mapping[str, Goal]
) -> Section:
    """Say what every target asked; `levels` are those of all, also of those that are none."""
    rows = []
    for label, level in levels.items():
        if label not in tables.costs:
            rows.append((label, f"{level:.2f}", "did not converge", "–", "–"))
            continue
        late = tables.late[label]
        goal = goals[label]
        rows.append(
            (
                label,
                f"{goal.level:.2f}",
                f"{goal.tau:.2f}",
                f"{tables.costs[label].median():.0f}",
                f"{int(late.sum())} of {int(late.notna().sum())}",
            )
        )
    table = Table(
        title="What every target asked",
        header=("target", "its own level", "tau", "median steps", "never arrived"),
        rows=tuple(rows),
        align="lrrrr",
    )
    return Section.of("Targets", table)
