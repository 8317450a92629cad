"""The tables of a transfer study."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from behaviordist.report.folder import RunFolder
from behaviordist.report.formatting import (
    MISSING,
    as_float,
    cell,
    count,
    decimal,
    interval,
    p_cell,
    share,
    significant,
    spread,
)
from behaviordist.report.page import Table


def regimes_table(run: RunFolder) -> Table | None:
    """Return steps to converge for every algorithm: median and range over behaviors and seeds."""
    rows = []
    groups: dict[str, list[dict[str, Any]]] = {}
    for behavior in run.rows("behaviors"):
        name = str(behavior.get("algorithm") or "")
        if name and behavior.get("role") != "random":
            groups.setdefault(name, []).append(behavior)
    for name, members in groups.items():
        runs = _runs(members)
        done = [r for r in runs if r.get("converged")]
        rows.append(
            (
                name,
                str(len(members)),
                f"{len(done)} of {len(runs)}",
                spread(r.get("steps") for r in done),
                spread((as_float(r.get("tokens")) / 1000 for r in done), 1),
                spread((r.get("score") for r in done), 2),
            )
        )
    if not rows:
        return None
    header = ("regime", "behaviors", "runs converged", "steps", "thousand tokens", "score reached")
    note = "Steps, tokens and score of the converged runs: median (lowest–highest)."
    return Table("What each regime needed to converge", header, tuple(rows), "lrrrrr", note)


def factors_table(run: RunFolder) -> Table | None:
    """Return how much of the squared distances lies between functions, and between algorithms."""
    rows = run.rows("factors")
    if not rows:
        return None
    cells = tuple(
        (
            str(row.get("name", "")),
            interval(row) if row.get("value") is not None else str(row.get("reason", MISSING)),
            p_cell(row.get("p_value")),
        )
        for row in rows
    )
    note = (
        "Share of the sum of squared distances (PERMANOVA), 95% jackknife interval over functions,"
        " p by relabelling. In a complete design the shares add; what is missing to 1 is what an"
        " algorithm does differently from function to function."
    )
    header = ("factor", "share of squared distances", "p")
    return Table(
        "How much of the distance is what, and how much is how", header, cells, "lrr", note
    )


def places_table(run: RunFolder) -> Table | None:
    """Return how far apart two algorithms leave the behaviors of one function."""
    rows = run.rows("places")
    if not rows:
        return None
    cells = tuple(
        (
            str(row.get("name", "")),
            interval(row),
            decimal(row.get("floor"), 2),
            decimal(row.get("apart"), 2),
            f"{count(row.get('indistinguishable'))} of {count(row.get('n'))}",
        )
        for row in rows
    )
    header = (
        "algorithms",
        "distance, one function",
        "between seeds",
        "between functions",
        "not tellable apart",
    )
    note = (
        "Mean over functions with its 95% interval. One place would be a distance near 0: the"
        " seeds' own share, shown beside it, is taken out already."
    )
    title = "Do two algorithms towards one function land in one place?"
    return Table(title, header, cells, "lrrrr", note)


def preferences_table(run: RunFolder) -> Table | None:
    """Return what runs that learned from preferences did: reward model, divergence, hacking."""
    rows = []
    for behavior in run.rows("behaviors"):
        members = [r for r in _runs([behavior]) if "kl" in r]
        if not members:
            continue
        rows.append(
            (
                str(behavior.get("label", "")),
                spread((r.get("accuracy") for r in members), 2),
                spread((r.get("bayes_accuracy") for r in members), 2),
                spread((r.get("kl") for r in members), 1),
                spread((r.get("proxy_start") for r in members), 1),
                spread((r.get("proxy_end") for r in members), 1),
                spread((r.get("best_score") for r in members), 2),
                spread((r.get("score") for r in members), 2),
            )
        )
    if not rows:
        return None
    header = (
        "behavior",
        "reward model's accuracy",
        "best possible",
        "KL from start, nats",
        "reward model's opinion, start",
        "and end",
        "best score",
        "score at the end",
    )
    note = (
        "Median (lowest–highest) over seeds; accuracy on held-out pairs, KL in nats an answer, the"
        " reward model's mean reward in nats. Where its opinion rises while the score falls from"
        " its best, the reward is hacked."
    )
    return Table("What was learned from preferences", header, tuple(rows), "lrrrrrrr", note)


def behaviors_table(run: RunFolder) -> Table | None:
    """Return every behavior with its seeds."""
    rows = []
    for row in run.rows("behaviors"):
        runs = _runs([row])
        if row.get("role") == "random":
            continue
        steps = " · ".join(
            count(r.get("steps")) + ("" if r.get("converged") else " *") for r in runs
        )
        flops = [as_float(r.get("flops")) for r in runs]
        known = [f for f in flops if math.isfinite(f)]
        rows.append(
            (
                str(row.get("label", MISSING)),
                str(row.get("algorithm") or MISSING),
                str(row.get("task") or MISSING),
                steps or MISSING,
                significant(sum(known) / len(known), 2) if known else MISSING,
                spread((r.get("score") for r in runs), 2),
            )
        )
    if not rows:
        return None
    header = ("behavior", "algorithm", "task", "steps, a seed each", "mean FLOPs", "score")
    note = "* did not converge within its budget." if any("*" in r[3] for r in rows) else ""
    return Table("Every behavior", header, tuple(rows), "lllrrr", note)


def base_chance_table(run: RunFolder) -> Table | None:
    """Return how often the base gives each function's answer before any post-training."""
    rows = tuple(
        (
            str(row.get("function", MISSING)),
            share(row.get("mean")),
            f"± {share(row.get('standard_error'))}",
        )
        for row in run.rows("base_chance")
    )
    if not rows:
        return None
    note = "Probability that the base gives to the function's answer where the function is hidden."
    return Table(
        "The base's chance of each function",
        ("function", "chance", "standard error"),
        rows,
        "lrr",
        note,
    )


def random_start_table(run: RunFolder) -> Table | None:
    """Return what became of training from random weights, by algorithm and target."""
    rows = tuple(
        (
            str(row.get("target", MISSING)),
            str(row.get("algorithm") or MISSING),
            f"{count(row.get('censored'))} of {count(row.get('runs'))}",
            decimal(row.get("best_score"), 3),
        )
        for row in run.rows("random_start")
    )
    if not rows:
        return None
    header = ("target", "algorithm", "runs censored", "best score seen")
    return Table("From random weights", header, rows, "llrr")


def random_start_sentence(run: RunFolder) -> str:
    """Say in a sentence, an algorithm at a time, whether random weights ever got there."""
    totals: dict[str, list[int]] = {}
    for row in run.rows("random_start"):
        total = totals.setdefault(str(row.get("algorithm") or "a regime"), [0, 0])
        total[0] += int(as_float(row.get("censored")) or 0)
        total[1] += int(as_float(row.get("runs")) or 0)
    parts = [
        f"{name}: {censored} of {runs} runs censored" for name, (censored, runs) in totals.items()
    ]
    return "From random weights, " + "; ".join(parts) + "." if parts else ""


def per_target_table(run: RunFolder) -> Table | None:
    """Return one row a target: its level, its correlation, and where one had better start."""
    rhos = {str(row.get("target")): row for row in _records(run.test.get("per_target"))}
    why = {
        str(row.get("target")): str(row.get("reason")) for row in _records(run.test.get("left_out"))
    }
    targets = {str(row.get("target")): row for row in run.rows("targets")}
    names = list(dict.fromkeys([*targets, *rhos, *why]))
    if not names:
        return None
    rows = []
    for name in names:
        target, rho = targets.get(name, {}), rhos.get(name, {})
        reason = why.get(name) or str(target.get("reason") or "")
        left_out = name in why or bool(target.get("left_out"))
        rows.append(
            (
                name,
                decimal(target.get("level"), 2),
                decimal(target.get("tau"), 2),
                f"{count(target.get('censored'))} / {count(target.get('runs'))}",
                decimal(rho.get("rho"), 2),
                count(rho.get("n_sources")),
                *starts(run, name),
                (reason or "left out") if left_out else "",
            )
        )
    header = (
        "target", "level", "tau", "censored / runs", "ρ", "sources", "from nearest", "cheapest",
        "from base", "from random", "left out because",
    )  # fmt: skip
    note = (
        "Level: what the target's own converged checkpoints score; tau: what a transfer run must "
        "reach. ρ: Spearman correlation of distance and cost over sources. The four columns of "
        "costs are mean steps; ≥ where a run was stopped at its budget without arriving."
    )
    return Table("Target by target", header, tuple(rows), "l" + "r" * 9 + "l", note)


def starts(run: RunFolder, target: str) -> tuple[str, str, str, str]:
    """Return the costs of starting from the nearest, the cheapest, the base and random weights."""
    if target not in run.costs.columns:
        return (MISSING,) * 4
    column = run.costs[target].drop(index=target, errors="ignore")
    references = reference_labels(run)
    sources = [str(s) for s in column.dropna().index if s not in references]
    nearest = nearest_source(run, target, sources)
    cheapest = min(sources, key=lambda s: float(column[s]), default=None)
    chosen = [nearest, cheapest, *(_by_role(run, role) for role in ("base", "random"))]
    return tuple(_cost(run, source, target) for source in chosen)  # type: ignore[return-value]


def nearest_source(run: RunFolder, target: str, sources: Sequence[str]) -> str | None:
    """Return which of the sources lies nearest to the target; None where no distance is known."""
    if target not in run.distances.columns:
        return None
    column = run.distances[target]
    known = [s for s in sources if s in column.index and math.isfinite(float(column[s]))]
    return min(known, key=lambda s: float(column[s]), default=None)


def reference_labels(run: RunFolder) -> set[str]:
    """Return the labels that are starting points only (base, random)."""
    roles = {
        str(row.get("label")): str(row.get("role") or "behavior") for row in run.rows("behaviors")
    }
    return {label for label, role in roles.items() if role != "behavior"}


def statistic_table(
    title: str, what: str, records: Iterable[dict[str, Any]], note: str = ""
) -> Table | None:
    """Return named statistics with interval and p-value, the largest first, missing ones last."""
    kept = sorted(
        records, key=lambda r: -(v if math.isfinite(v := as_float(r.get("value"))) else -9.0)
    )
    rows = tuple((str(r.get("name", MISSING)), interval(r), p_cell(r.get("p_value"))) for r in kept)
    header = (what, "statistic [95% interval]", "p")
    return Table(title, header, rows, "lrr", note) if rows else None


def sweep_table(run: RunFolder) -> Table | None:
    """Return the statistic for every share of the level that could have been tau."""
    rows = tuple(
        (
            share(row.get("share")),
            interval(row),
            p_cell(row.get("p_value")),
            count(row.get("n_censored")),
        )
        for row in run.rows("tau_sweep")
    )
    header = ("tau, share of the level", "statistic [95% interval]", "p", "runs censored")
    return Table("Sweep over tau", header, rows, "lrrr") if rows else None


def _by_role(run: RunFolder, role: str) -> str | None:
    found = [str(r.get("label")) for r in run.rows("behaviors") if r.get("role") == role]
    return found[0] if found else (role if role in run.costs.index else None)


def _cost(run: RunFolder, source: str | None, target: str) -> str:
    if source is None or source not in run.costs.index:
        return MISSING
    value = cell(run.costs, source, target)
    stopped = cell(run.censored, source, target) > 0
    return ("≥ " if stopped and math.isfinite(value) else "") + decimal(value, 0)


def _runs(behaviors: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return [run for behavior in behaviors for run in _records(behavior.get("runs"))]


def _records(value: Any) -> list[dict[str, Any]]:
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []
