"""What function distance explains in study `bootstrapping`, and what coherence adds to it.

Inside a seed and target the line of cost against nats is that of coherent sources: the longest base
and its mixtures. A base of a shorter pre-training is held against it.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from behaviordist.errors import InputError
from behaviordist.hypothesis.models.law import fit_law
from behaviordist.record import Claim, Estimate, Panel, Points, Scatter, Section, Table
from behaviordist.studies.bootstrapping.runs import COHERENT
from behaviordist.studies.claims import median_claim
from behaviordist.studies.estimates import words
from behaviordist.studies.exact import SeedValues

UNFINISHED = "shorter pre-training"
KINDS = (COHERENT, "longest base", UNFINISHED, "random weights")


def with_kinds(table: pd.DataFrame) -> pd.DataFrame:
    """Return the runs with what each source is, in words; bases sort by their budget."""
    longest = table.loc[table["role"] == "base", "source"].max()
    kind = table["role"].map({COHERENT: COHERENT, "random": KINDS[3]})
    kind = kind.mask(table["role"] == "base", UNFINISHED)
    return table.assign(kind=kind.mask(table["source"] == longest, KINDS[1]))


def residuals(table: pd.DataFrame) -> pd.DataFrame:
    """One row a seed and target: how the coherent line fits, and how far others lie above it.

    Parameters
    ----------
    table
        One row a run: source, role, target, algorithm, seed, steps, censored, nats.

    Returns
    -------
    DataFrame
        target, algorithm, seed, rho (Spearman of nats and steps over coherent sources), slope
        (steps a nat), excess (mean log2 of steps over what the line says, over shorter
        pre-trainings), late (whether any of those never arrived: excess is then a lower bound),
        line_late (whether a coherent run never arrived: the line may lie higher, excess lower). NaN
        where costs or nats do not vary; excess also where the line does not rise, or says a step or
        less.
    """
    rows = []
    for (target, seed), part in with_kinds(table).groupby(["target", "seed"], sort=False):
        coherent = part[part["kind"].isin(KINDS[:2])].set_index("source")
        short = part[part["kind"] == UNFINISHED]
        frames = (coherent[[c]].astype(float) for c in ("nats", "steps", "censored"))
        nats, steps, late = (f.set_axis([str(target)], axis=1) for f in frames)
        slope = rho = excess = math.nan
        try:
            law = fit_law(nats, steps, censored=late, interval=False)
        except InputError:
            law = None
        if law is not None and coherent["steps"].nunique() > 1:
            rho = float(coherent["nats"].corr(coherent["steps"], method="spearman"))
            slope = law.slope
            line = law.intercepts[str(target)] + slope * short["nats"]
            # A line that falls, or ends below a step, says nothing of other sources.
            if slope > 0 and (line > 1).all():
                excess = float(np.log2(short["steps"].clip(lower=1) / line).mean())
        values = (target, part["algorithm"].iloc[0], seed, rho, slope, excess)
        rows.append((*values, bool(short["censored"].any()), bool(coherent["censored"].any())))
    names = ["target", "algorithm", "seed", "rho", "slope", "excess", "late", "line_late"]
    return pd.DataFrame(rows, columns=names)


def coherence_claims(lines: pd.DataFrame) -> tuple[Claim, ...]:
    """Return the two claims; a seed's number is the mean over its targets."""
    by_seed = lines.groupby("seed")
    explained = SeedValues(by_seed["rho"].mean().to_numpy())
    excess = SeedValues(
        by_seed["excess"].mean().to_numpy(),
        may_be_lower=by_seed["line_late"].any().to_numpy(),
        may_be_higher=by_seed["late"].any().to_numpy(),
    )
    silent = int(lines["excess"].isna().sum())
    link, added = explained.median(), excess.median()
    return (
        median_claim(
            "Between coherent starts the nearer function costs less.",
            explained,
            f"{words(link)} is the rank correlation of KL and steps over coherent sources;"
            f" median of {link.n} seeds.",
            unit="Spearman correlation",
        ),
        median_claim(
            "A base that is not finished costs more than its distance says.",
            excess,
            f"{_times(added)}; {silent} of {len(lines)} lines do not rise, or say"
            " a step or less, and are left out.",
            unit="log2 of steps over the coherent line",
        ),
    )


def _times(added: Estimate) -> str:
    """Return the excess as a factor, in words; no number where no seed has one."""
    if math.isnan(added.value):
        return "no line of coherent sources reaches the shorter pre-trainings"
    return (
        f"steps from shorter pre-trainings are {2**added.value:.2g} times what the line of coherent"
        f" sources says at their distance; median of {added.n} seeds, runs that never arrived"
        " counted as their budget"
    )


def coherence_section(table: pd.DataFrame, lines: pd.DataFrame) -> Section:
    """Draw cost against nats, a panel an algorithm, and tell what the line leaves over."""
    named = with_kinds(table)
    panels = tuple(
        Panel(title=str(algorithm), points=tuple(_points(part, kind) for kind in KINDS))
        for algorithm, part in named.groupby("algorithm", sort=False)
    )
    figure = Scatter(
        name="coherence", title="Cost against function distance, coherent starts and others",
        caption="A run a point, all seeds. Coherent: the longest base tuned a little on mixtures.",
        x="KL(target || source), nats", y="steps to tau", panels=panels, bound="never arrived",
    )  # fmt: skip
    rows = []
    for algorithm, part in lines.groupby("algorithm", sort=False):
        by_seed = part.groupby("seed")[["rho", "slope", "excess"]].mean()
        late = int(part["late"].sum())
        numbers = (words(SeedValues(by_seed[c].to_numpy()).median()) for c in by_seed)
        rows.append((str(algorithm), *numbers, f"{late} of {len(part)}"))
    told = Table(
        title="What distance explains, and what coherence adds", align="lrrrr", rows=tuple(rows),
        header=("algorithm", "Spearman, coherent", "steps a nat", "log2 excess of shorter bases",
                "targets with a run that never arrived"),
        note="Medians over seeds, exact 95 % intervals. The line is fitted inside each seed and"
        " target on the longest base and its mixtures; shorter bases may lie farther away than any"
        " of those, where it is continued.",
    )  # fmt: skip
    return Section.of("Distance, and what coherence adds", figure, told)


def _points(part: pd.DataFrame, kind: str) -> Points:
    part = part[(part["kind"] == kind) & np.isfinite(part["nats"])]
    return Points(
        label=kind,
        x=tuple(part["nats"].astype(float)),
        y=tuple(part["steps"].astype(float)),
        bound=tuple(part["censored"].astype(bool)),
    )
