"""The page of a transfer study: are closer behaviors cheaper to reach?"""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from behaviordist.distance.analysis.clustering import leaf_order
from behaviordist.report.distance_report import distance_section
from behaviordist.report.figures.cost_against_distance import draw_cost_against_distance
from behaviordist.report.figures.cost_curves import draw_cost_curves
from behaviordist.report.figures.costs import draw_cost_heatmap
from behaviordist.report.figures.forest import Estimate, draw_forest
from behaviordist.report.figures.panels import Panels, choose_panels
from behaviordist.report.figures.render import render_figure
from behaviordist.report.figures.sweep import draw_tau_sweep
from behaviordist.report.folder import RunFolder
from behaviordist.report.formatting import as_float, decimal, plural
from behaviordist.report.kinds import Kinds, kinds_of
from behaviordist.report.page import Block, Page, Paragraph, RenderedFigure, Section, Table
from behaviordist.report.reproduce import notes_section, reproduce_section
from behaviordist.report.transfer_summary import records, transfer_summary
from behaviordist.report.transfer_tables import (
    base_chance_table,
    behaviors_table,
    factors_table,
    per_target_table,
    places_table,
    preferences_table,
    random_start_sentence,
    random_start_table,
    reference_labels,
    regimes_table,
    statistic_table,
    sweep_table,
)

DEFAULT_UNIT = "mean Spearman correlation inside targets"


def transfer_page(run: RunFolder) -> Page:
    """Return the report of a transfer study."""
    kinds = kinds_of(run.rows("behaviors"))
    sections = (
        Section("The test", _test_blocks(run)),
        distance_section(run, kinds),
        Section("What was trained, and how", _factor_blocks(run)),
        Section("Costs", _cost_blocks(run)),
        Section("Target by target", _target_blocks(run, kinds)),
        Section("Behaviors and regimes", _regime_blocks(run)),
        notes_section(run, _missing_notes(run)),
        reproduce_section(run),
    )
    study = str(run.record.get("study") or "transfer")
    subtitle = f"behaviordist · study “{study}”" + (" · quick" if run.record.get("quick") else "")
    title = str(run.record.get("question") or "Are closer behaviors cheaper to reach?")
    return Page(title, subtitle, transfer_summary(run), sections)


def _test_blocks(run: RunFolder) -> tuple[Block, ...]:
    own = _own_record(run)
    baselines = records(run.test.get("baselines"))
    blocks: list[Block | None] = [
        _forest(run, own, baselines),
        statistic_table(
            "Distance against simpler explanations",
            "predictor",
            [*own, *baselines],
            "The same statistic, computed for each predictor of cost on the same pairs.",
        ),
        statistic_table("Every geometry", "geometry", run.rows("geometries")),
        statistic_table("Every measure of cost", "cost", run.rows("cost_measures")),
        statistic_table("Parts of the pairs", "part", run.rows("parts")),
        _reliability(run),
        _sweep_figure(run),
        sweep_table(run),
    ]
    rule = run.test.get("rule")
    if isinstance(rule, dict) and rule.get("text"):
        blocks.insert(0, Paragraph(f"The rule, fixed before the numbers were seen: {rule['text']}"))
    return tuple(block for block in blocks if block is not None)


def _own_record(run: RunFolder) -> list[dict[str, Any]]:
    statistic = run.test.get("statistic")
    return [{**statistic, "name": "behavior distance"}] if isinstance(statistic, dict) else []


def _forest(
    run: RunFolder, own: list[dict[str, Any]], baselines: list[dict[str, Any]]
) -> RenderedFigure | None:
    groups = [
        ("distance", [_estimate(row, main=True) for row in own]),
        ("simpler explanations", [_estimate(row) for row in baselines]),
        ("geometries", [_estimate(row) for row in run.rows("geometries")]),
        ("measures of cost", [_estimate(row) for row in run.rows("cost_measures")]),
        ("parts of the pairs", [_estimate(row) for row in run.rows("parts")]),
    ]
    if not any(math.isfinite(row.value) for _, rows in groups for row in rows):
        return None
    ceiling = as_float(run.test.get("noise_ceiling"))
    caption = (
        "Each line is a predictor of cost: its statistic and 95% interval. Right of zero, closer "
        "is cheaper. A distance is of use only as far as it lies right of the simpler "
        "explanations."
    )
    if math.isfinite(ceiling):
        caption += (
            " The dashed line is the most that noise between seeds would let a predictor reach."
        )
    figure = draw_forest(groups, _unit(run), ceiling)
    return render_figure("predictors", figure, "What predicts the cost of a transfer", caption)


def _estimate(row: dict[str, Any], main: bool = False) -> Estimate:
    value, low, high = (as_float(row.get(key)) for key in ("value", "ci_low", "ci_high"))
    return Estimate(str(row.get("name", "")), value, low, high, main)


def _reliability(run: RunFolder) -> Table | None:
    rows = [(str(name), decimal(value, 2)) for name, value in run.table("split_half").items()]
    if not rows:
        return None
    note = "Correlation of costs between two halves of the seeds."
    return Table(
        "Split-half reliability of costs", ("cost", "correlation"), tuple(rows), "lr", note
    )


def _sweep_figure(run: RunFolder) -> RenderedFigure | None:
    rows = [row for row in run.rows("tau_sweep") if math.isfinite(as_float(row.get("value")))]
    if len(rows) < 2:
        return None
    shares = [
        as_float(t.get("tau")) / level
        for t in run.rows("targets")
        if (level := as_float(t.get("level"))) > 0
    ]
    chosen = float(pd.Series(shares, dtype=float).median()) if shares else math.nan
    caption = (
        "The statistic, had tau been set at another share of the target's level; the band is the "
        "95% interval, the dashed line the share that the study fixed beforehand. A result that "
        "stands only at one tau is none."
    )
    figure = draw_tau_sweep(pd.DataFrame(rows), chosen, _unit(run))
    return render_figure("tau-sweep", figure, "Does the answer hang on tau?", caption)


def _factor_blocks(run: RunFolder) -> tuple[Block, ...]:
    tables = (factors_table(run), places_table(run))
    return tuple(table for table in tables if table is not None)


def _cost_blocks(run: RunFolder) -> tuple[Block, ...]:
    if not len(run.costs):
        return ()
    frame = _cost_frame(run)
    caption = (
        "Mean steps (restricted mean over seeds) until training under the target's regime, "
        "started from the source, reaches the target's level: the lighter, the cheaper. Rows and "
        "columns stand in the order of the distance heatmap, the references first."
    )
    left_out = _left_out(run)
    if left_out:
        caption += f" Targets in red are left out of the statistic: {', '.join(left_out)}."
    figure = draw_cost_heatmap(frame, run.censored, left_out)
    return (render_figure("costs", figure, "What it costs to turn one into the other", caption),)


def _cost_frame(run: RunFolder) -> pd.DataFrame:
    """Order rows and columns as the distance heatmap does, references first and never a column."""
    order = [run.matrix.labels[i] for i in leaf_order(run.matrix)] if len(run.distances) else []
    labels = [x for x in order if x in run.costs.index]
    labels += [x for x in run.costs.index if x not in labels]
    references = reference_labels(run)
    rows = [x for x in labels if x in references] + [x for x in labels if x not in references]
    columns = [x for x in labels if x not in references or run.costs[x].notna().any()]
    return run.costs.loc[rows, columns]


def _target_blocks(run: RunFolder, kinds: Kinds) -> tuple[Block, ...]:
    rho = {
        str(r.get("target")): as_float(r.get("rho")) for r in records(run.test.get("per_target"))
    }
    blocks: list[Block | None] = []
    if len(run.costs) and len(run.distances):
        known = [str(t) for t in run.costs.columns if run.costs[t].notna().any()]
        panels = choose_panels(known, rho)
        if known:
            blocks.append(_scatter(run, panels, rho, kinds))
    if len(run.transfers):
        panels = choose_panels([str(t) for t in run.transfers["target"].unique()], rho)
        blocks.append(_curves(run, panels, kinds))
    blocks.append(per_target_table(run))
    return tuple(block for block in blocks if block is not None)


def _scatter(run: RunFolder, panels: Panels, rho: dict[str, float], kinds: Kinds) -> RenderedFigure:
    caption = (
        "A panel a target, a point a source; each panel has its own scale of cost, since the "
        "statistic compares sources inside a target only. Points that rise to the right say: "
        "closer is cheaper. Hollow points hold runs that never arrived (their cost is a lower "
        "bound)." + panels.note
    )
    figure = draw_cost_against_distance(run.distances, run.costs, run.censored, panels, rho, kinds)
    return render_figure("cost-against-distance", figure, "Cost against distance", caption)


def _curves(run: RunFolder, panels: Panels, kinds: Kinds) -> RenderedFigure:
    caption = (
        "A line a source, its score under the target's regime averaged over seeds; the darker, "
        "the nearer it lay to the target. Dashed: from the base; dotted grey: from random "
        "weights; the dotted horizontal line is tau. A cross ends a line of which a seed never "
        "arrived." + panels.note
    )
    figure = draw_cost_curves(run.transfers, run.distances, panels, kinds)
    return render_figure("cost-curves", figure, "Cost curves", caption)


def _regime_blocks(run: RunFolder) -> tuple[Block, ...]:
    sentence = random_start_sentence(run)
    blocks: list[Block | None] = [
        regimes_table(run),
        preferences_table(run),
        base_chance_table(run),
        Paragraph(sentence) if sentence else None,
        random_start_table(run),
        behaviors_table(run),
    ]
    return tuple(block for block in blocks if block is not None)


def _missing_notes(run: RunFolder) -> tuple[str, ...]:
    references = reference_labels(run)
    columns = [c for c in run.costs.columns if c not in references]
    missing = int(run.costs[columns].isna().sum().sum()) - len(columns) if columns else 0
    return (
        (f"{plural(missing, 'pair')} without a cost: drawn grey, in no statistic.",)
        if missing > 0
        else ()
    )


def _left_out(run: RunFolder) -> list[str]:
    named = [str(row.get("target")) for row in records(run.test.get("left_out"))]
    flagged = [str(row.get("target")) for row in run.rows("targets") if row.get("left_out")]
    return list(dict.fromkeys([*flagged, *named]))


def _unit(run: RunFolder) -> str:
    statistic = run.test.get("statistic")
    name = str(statistic.get("name") or "") if isinstance(statistic, dict) else ""
    return f"{name} (distance, cost)" if name else DEFAULT_UNIT
