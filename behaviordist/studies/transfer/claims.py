"""The two claims that study `transfer` alone makes: of the square, and of snapshots."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

from behaviordist.errors import InputError
from behaviordist.hypothesis.asymmetry.antisymmetric import antisymmetric_link
from behaviordist.hypothesis.models.law import fit_law
from behaviordist.record import Estimate
from behaviordist.studies.law.claims import Asked
from behaviordist.studies.law.tables import Tables
from behaviordist.studies.transfer.measure import SquareTables

FIT_ON = "mixture of A"
"""The line that snapshots are held against is that of these sources."""


def both_ways(tables: SquareTables, permutations: int, seed: int) -> Asked:
    """Claim that the antisymmetric parts of KL and cost go together."""
    link = antisymmetric_link(
        tables.square_nats, tables.square, permutations=permutations, seed=seed
    )
    late = float(np.nanmean(tables.square_late.to_numpy(dtype=float)))
    return Asked(
        "Where one way is more surprising than back, it is dearer than back.",
        "Spearman correlation of antisymmetric parts",
        "supported where the antisymmetric parts of cost and of KL go together over relabellings"
        " of the behaviors, and the interval lies above 0; not supported where it lies below 0",
        Estimate(value=link.value, low=link.low, high=link.high, p_value=link.p_value, n=link.n),
        f"{link.value:.2f} [{link.low:.2f}, {link.high:.2f}] over {link.n_pairs} pairs of"
        f" {link.n} soft behaviors; {link.share:.0%} of the costs' variance over pairs is"
        f" antisymmetric, {late:.0%} of runs are censored.",
        link.high < 0,
    )


def snapshots(tables: Tables) -> Asked:
    """Claim that a snapshot costs more than its distance says."""
    excess, late = residual_nats(tables, "snapshot")
    return Asked(
        "A snapshot costs more than its distance says.",
        "nats beyond its own",
        f"supported where snapshots lie above the line of the sources of kind '{FIT_ON}'; not"
        " supported where the interval lies below 0",
        excess,
        f"a snapshot costs what a coherent source {excess.value:.1f} nats [{excess.low:.1f},"
        f" {excess.high:.1f}] farther away would; {late:.0%} of its runs are censored, which can"
        " only hide more.",
        excess.high < 0,
    )


def residual_nats(tables: Tables, kind: str) -> tuple[Estimate, float]:
    """Return how many nats above the line of `FIT_ON` sources of a kind lie, and censored share.

    The residual of a cell is its cost minus the line's, over steps per nat, so that algorithms are
    in one unit. A cell that was censored counts at its bound, never below the line. The variance
    is that over functions, and that of the line when each source it is fitted on is left out.

    Raises
    ------
    InputError
        No such source, or a line that does not rise.
    """
    rows = [s for s, its in tables.kind.items() if its == kind]
    fit_on = [s for s, its in tables.kind.items() if its == FIT_ON]
    if not rows or len(fit_on) < 4:
        raise InputError(f"no source of kind '{kind}', or too few of kind '{FIT_ON}'")
    whole = _excess(tables, rows, fit_on)
    by_function = whole.groupby(lambda t: tables.units[t]).mean()
    n, value = len(by_function), float(by_function.mean())
    left = np.array(
        [_excess(tables, rows, [s for s in fit_on if s != out]).mean() for out in fit_on]
    )
    m = len(left)
    parts = [float(by_function.var(ddof=1)) / n, (m - 1) / m * ((left - left.mean()) ** 2).sum()]
    error = float(np.sqrt(sum(parts)))
    freedom = sum(parts) ** 2 / (parts[0] ** 2 / (n - 1) + parts[1] ** 2 / (m - 1))
    half = float(stats.t.ppf(0.975, freedom)) * error
    p = float(stats.t.sf(value / error, freedom))
    late = float(tables.late.loc[rows].to_numpy().mean())
    return Estimate(value=value, low=value - half, high=value + half, p_value=p, n=n), late


def _excess(tables: Tables, rows: list[str], fit_on: list[str]) -> pd.Series[float]:
    """Return the mean residual of some sources for every target, in nats."""
    excess = {}
    for _, targets in tables.by_algorithm:
        law = fit_law(
            tables.nats.loc[fit_on, targets],
            tables.costs.loc[fit_on, targets],
            censored=tables.late.loc[fit_on, targets],
            interval=False,
        )
        if not law.slope > 0:
            raise InputError("the line of cost against nats does not rise")
        cost, late = (frame.loc[rows, targets] for frame in (tables.costs, tables.late))
        line = law.predicted(tables.nats.loc[rows, targets])
        gap = (cost - line).where(late < 0.5, (cost - line).clip(lower=0))
        excess.update((gap / law.slope).mean().to_dict())
    return pd.Series(excess)
