"""Costs beside distances: where one had better start, and the figures that show it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from behaviordist.distance.analysis.clustering import leaf_order
from behaviordist.distance.matrix import DistanceMatrix
from behaviordist.record.blocks import CostCurves, Grid, Mark, Panel, Points, Scatter, Table
from behaviordist.record.formatting import MISSING, count, decimal
from behaviordist.record.transfers.numbers import TransferNumbers

PANELS_LIMIT = 20
THIRD = 4


@dataclass(frozen=True, eq=False)
class Costs:
    """Costs (rows = source, columns = target; NaN is missing), and the distances beside them.

    Attributes
    ----------
    frame, censored
        Mean steps, and the share of each pair's runs that never arrived.
    distances
        Of the same behaviors; None where there are none.
    references
        Labels that are starting points only.
    """

    frame: pd.DataFrame
    censored: pd.DataFrame
    distances: DistanceMatrix | None = None
    references: tuple[str, ...] = ()

    @property
    def targets(self) -> list[str]:
        """Columns that have costs and are no references."""
        known = [str(x) for x in self.frame.columns if self.frame[x].notna().any()]
        return [label for label in known if label not in self.references]

    @property
    def missing(self) -> int:
        """Ordered pairs of different labels, reference targets aside, without a cost."""
        columns = [x for x in self.frame.columns if x not in self.references]
        unlearned = sum(x in self.frame.index and math.isnan(self._cost(x, x)) for x in columns)
        return int(self.frame[columns].isna().sum().sum()) - unlearned

    def distance(self, source: str, target: str) -> float:
        """Return a distance; NaN where it is not known."""
        labels = () if self.distances is None else self.distances.labels
        if self.distances is None or source not in labels or target not in labels:
            return math.nan
        return float(self.distances.distances[labels.index(source), labels.index(target)])

    def sources(self, target: str) -> list[str]:
        """Return the behaviors, references aside, whose cost to the target is known."""
        column = self.frame[target].drop(index=target, errors="ignore").dropna()
        return [str(x) for x in column.index if x not in self.references]

    def nearest(self, target: str) -> str | None:
        """Return which source lies nearest; None where no distance is known."""
        known = [s for s in self.sources(target) if math.isfinite(self.distance(s, target))]
        return min(known, key=lambda source: self.distance(source, target), default=None)

    def cheapest(self, target: str) -> str | None:
        """Return which source is cheapest."""
        return min(self.sources(target), key=lambda s: self._cost(s, target), default=None)

    def saved(self, target: str, base: str) -> float:
        """Return what starting from the nearest source saves against the base; NaN if unknown."""
        nearest = self.nearest(target)
        if nearest is None or base not in self.frame.index or base == target:
            return math.nan
        return self._cost(base, target) - self._cost(nearest, target)

    def cell(self, source: str | None, target: str) -> str:
        """Return a cost as text, a lower bound marked as one."""
        if source is None or source not in self.frame.index:
            return MISSING
        cost = self._cost(source, target)
        bound = math.isfinite(cost) and self._censored(source, target) > 0
        return ("≥ " if bound else "") + decimal(cost, 0)

    def _cost(self, source: str, target: str) -> float:
        return float(self.frame.loc[[source], [target]].to_numpy(dtype=float)[0, 0])

    def _censored(self, source: str, target: str) -> float:
        known = source in self.censored.index and target in self.censored.columns
        if not known:
            return 0.0
        return float(self.censored.loc[[source], [target]].to_numpy(dtype=float)[0, 0])

    def grid(self, left_out: Sequence[str]) -> Grid:
        """Return the heatmap, in the order of that of distances, references first."""
        order = []
        if self.distances is not None and len(self.distances) > 1:
            order = [self.distances.labels[i] for i in leaf_order(self.distances.distances)]
        labels = list(dict.fromkeys([*order, *map(str, self.frame.index)]))
        rows = [x for x in self.references if x in self.frame.index]
        rows += [x for x in labels if x in self.frame.index and x not in rows]
        columns = [x for x in labels if x in self.targets]
        columns += [x for x in self.targets if x not in columns]
        shares = self.censored.reindex(index=rows, columns=columns).to_numpy(dtype=float)
        marks = (
            Mark.of("ring", "some runs censored", (shares > 0) & (shares < 1)),
            Mark.of("hatch", "every run censored", shares >= 1),
        )
        caption = (
            "Mean steps (restricted mean over seeds) until training under the target's regime, "
            "started from the source, reaches the target's level: the lighter, the cheaper. Rows "
            "and columns stand in the order of the distance heatmap, the references first. A cost "
            "of censored runs only is a lower bound."
        )
        if left_out:
            caption += f" Targets in red are left out of the statistic: {', '.join(left_out)}."
        return Grid.of(
            self.frame.loc[rows, columns],
            name="costs",
            title="What it costs to turn one into the other",
            caption=caption,
            scale="mean steps\n(light = cheap)",
            row_axis="source",
            column_axis="target",
            digits=0,
            marks=tuple(mark for mark in marks if mark.cells),
            struck=tuple(left_out),
        )

    def scatter(self, numbers: TransferNumbers) -> Scatter | None:
        """Return cost against distance, a panel a target; None without distances."""
        known = [t for t in self.targets if self.distances and t in self.distances.labels]
        if not known:
            return None
        ranks = correlations(numbers)
        targets, note = shown_targets(known, ranks)
        caption = (
            "A panel a target, a point a source; each panel has its own scale of cost, since the "
            "statistic compares sources inside a target only. Points that rise to the right say: "
            "closer is cheaper. Hollow points hold runs that never arrived (their cost is a lower "
            "bound)." + note
        )
        return Scatter(
            name="cost-against-distance",
            title="Cost against distance",
            caption=caption,
            x="distance from source to target",
            y="mean steps to reach the target",
            bound="runs censored",
            panels=tuple(self._panel(numbers, target, ranks) for target in targets),
        )

    def _panel(self, numbers: TransferNumbers, target: str, ranks: dict[str, float]) -> Panel:
        kinds = {row.label: row.role if row.is_reference else row.algorithm
                 for row in numbers.behaviors}  # fmt: skip
        column = self.frame[target].drop(index=target, errors="ignore").dropna()
        sources = [s for s in map(str, column.index) if math.isfinite(self.distance(s, target))]
        # In the order of the behaviors, so that kinds have the colours of the map.
        groups: dict[str, list[str]] = {kind: [] for kind in kinds.values()}
        for source in sorted(sources, key=lambda s: self.distance(s, target)):
            groups.setdefault(kinds.get(source, ""), []).append(source)
        rho = ranks.get(target, math.nan)
        return Panel(
            title=target,
            remark=f"ρ = {decimal(rho)}" if math.isfinite(rho) else "",
            points=tuple(
                Points(
                    label=kind,
                    x=tuple(self.distance(s, target) for s in members),
                    y=tuple(self._cost(s, target) for s in members),
                    bound=tuple(self._censored(s, target) > 0 for s in members),
                    names=tuple(members),
                )
                for kind, members in groups.items()
                if members
            ),
        )

    def table(self, numbers: TransferNumbers) -> Table | None:
        """Return one row a target: its level, its correlation, and where one had better start."""
        outcome = numbers.outcome
        ranks = {row.target: row for row in outcome.per_target} if outcome else {}
        why = dict(outcome.left_out) if outcome else {}
        targets = {row.target: row for row in numbers.targets}
        rows = []
        for name in dict.fromkeys([*targets, *ranks, *why]):
            target, rank = targets.get(name), ranks.get(name)
            reason = why.get(name) or (target.reason if target else "")
            left_out = name in why or (target is not None and target.left_out)
            rows.append(
                (
                    name,
                    decimal(target.level if target else None),
                    decimal(target.tau if target else None),
                    f"{target.censored} / {target.runs}" if target else MISSING,
                    decimal(rank.rho if rank else None),
                    count(rank.n_sources if rank else None),
                    *self._starts(numbers, name),
                    (reason or "left out") if left_out else "",
                )
            )
        if not rows:
            return None
        header = (
            "target", "level", "tau", "censored / runs", "ρ", "sources", "from nearest",
            "cheapest", "from base", "from random", "left out because",
        )  # fmt: skip
        note = (
            "Level: what the target's own converged checkpoints score; tau: what a transfer run "
            "must reach. ρ: Spearman correlation of distance and cost over sources. The four "
            "columns of costs are mean steps; ≥ where a run was stopped at its budget without "
            "arriving."
        )
        return Table(
            title="Target by target",
            header=header,
            rows=tuple(rows),
            align="l" + "r" * 9 + "l",
            note=note,
        )

    def _starts(self, numbers: TransferNumbers, target: str) -> tuple[str, ...]:
        if target not in self.frame.columns:
            return (MISSING,) * 4
        roles = (numbers.reference(role) for role in ("base", "random"))
        chosen = (self.nearest(target), self.cheapest(target), *roles)
        return tuple(self.cell(source, target) for source in chosen)


def correlations(numbers: TransferNumbers) -> dict[str, float]:
    """Return the correlation inside each target that has one."""
    rows = numbers.outcome.per_target if numbers.outcome else ()
    return {row.target: row.rho for row in rows if math.isfinite(row.rho)}


def shown_targets(targets: Sequence[str], rho: dict[str, float]) -> tuple[tuple[str, ...], str]:
    """Return the targets that a figure has room for, and words where those are not all.

    All where they fit, else those with the highest, middle and lowest correlation.
    """
    if len(targets) <= PANELS_LIMIT:
        return tuple(targets), ""
    known = sorted((t for t in targets if t in rho), key=lambda t: -rho[t])
    ranked = [*known, *(t for t in targets if t not in rho)]
    start = (len(ranked) - THIRD) // 2
    kept = ranked[:THIRD] + ranked[start : start + THIRD] + ranked[-THIRD:]
    note = (
        f" Shown are {len(kept)} of {len(targets)} targets: the {THIRD} with the highest "
        f"correlation, {THIRD} around the median and the {THIRD} with the lowest, or those "
        "without one; the table has all of them."
    )
    return tuple(kept), note


def curves(targets: Sequence[str], numbers: TransferNumbers) -> CostCurves:
    """Return where the cost curves of a folder's transfers are to stand."""
    shown, note = shown_targets(targets, correlations(numbers))
    caption = (
        "A line a source, its score under the target's regime averaged over seeds; the darker, "
        "the nearer it lay to the target. Dashed: from the base; dotted grey: from random "
        "weights; the dotted horizontal line is tau. A cross ends a line of which a seed never "
        "arrived." + note
    )
    return CostCurves(name="cost-curves", title="Cost curves", caption=caption, targets=shown)
