"""The tables of a study of transfers; None where it has no numbers for one."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from behaviordist.record.behaviors import Behavior
from behaviordist.record.blocks import Table
from behaviordist.record.estimate import Estimate
from behaviordist.record.formatting import (
    MISSING,
    count,
    decimal,
    interval,
    p_cell,
    share,
    significant,
    spread,
)
from behaviordist.record.transfers.numbers import RandomStart, TransferNumbers


def _table(
    title: str, header: Sequence[str], rows: Iterable[Sequence[str]], align: str, note: str = ""
) -> Table | None:
    cells = tuple(map(tuple, rows))
    if not cells:
        return None
    return Table(title=title, header=tuple(header), rows=cells, align=align, note=note)


def estimates_table(
    title: str, what: str, estimates: Iterable[Estimate], note: str = ""
) -> Table | None:
    """Return named statistics with interval and p-value, the largest first, missing ones last."""
    ranked = sorted(estimates, key=lambda row: -row.value if row.is_known else math.inf)
    rows = [(row.label, interval(row), p_cell(row.p_value)) for row in ranked]
    why = dict.fromkeys(row.reason for row in ranked if row.reason)
    note = " ".join((note, *(f"{MISSING}: {reason}." for reason in why))).strip()
    return _table(title, (what, "statistic [95% interval]", "p"), rows, "lrr", note)


def reliability_table(numbers: TransferNumbers) -> Table | None:
    """Return the split-half correlation of every measure of cost."""
    rows = [(name, decimal(value, 2)) for name, value in numbers.split_half.items()]
    note = "Correlation of costs between two halves of the seeds."
    header = ("cost", "correlation")
    return _table("Split-half reliability of costs", header, rows, "lr", note)


def sweep_table(numbers: TransferNumbers) -> Table | None:
    """Return the statistic for every share of the level that could have been tau."""
    rows = [
        (share(t.share), interval(t.estimate), p_cell(t.estimate.p_value), count(t.n_censored))
        for t in numbers.sweep
    ]
    header = ("tau, share of the level", "statistic [95% interval]", "p", "runs censored")
    return _table("Sweep over tau", header, rows, "lrrr")


def factors_table(numbers: TransferNumbers) -> Table | None:
    """Return how much of the squared distances lies between functions, and between algorithms."""
    note = (
        "Share of the sum of squared distances (PERMANOVA), 95% jackknife interval over functions,"
        " p by relabelling. In a complete design the shares add; what is missing to 1 is what an"
        " algorithm does differently from function to function."
    )
    rows = [
        (row.label, interval(row) if row.is_known else row.reason, p_cell(row.p_value))
        for row in numbers.factors
    ]
    header = ("factor", "share of squared distances", "p")
    title = "How much of the distance is what, and how much is how"
    return _table(title, header, rows, "lrr", note)


def places_table(numbers: TransferNumbers) -> Table | None:
    """Return how far apart two algorithms leave the behaviors of one function."""
    rows = [
        (
            place.estimate.label,
            interval(place.estimate),
            decimal(place.floor, 2),
            decimal(place.apart, 2),
            f"{place.n_apart} of {place.n}",
        )
        for place in numbers.places
    ]
    note = (
        "Mean over functions with its 95% interval. One place would be a distance near 0: the"
        " seeds' own share, shown beside it, is taken out already. Pairs that are not shown to be"
        " apart are not shown to be the same either."
    )
    header = ("algorithms", "distance, one function", "between seeds", "between functions",
              "shown to be apart")  # fmt: skip
    title = "Do two algorithms towards one function land in one place?"
    return _table(title, header, rows, "lrrrr", note)


def regimes_table(numbers: TransferNumbers) -> Table | None:
    """Return steps to converge for every algorithm: median and range over behaviors and seeds."""
    groups: dict[str, list[Behavior]] = {}
    for row in numbers.behaviors:
        if row.algorithm and row.role != "random":
            groups.setdefault(row.algorithm, []).append(row)
    rows = []
    for name, members in groups.items():
        runs = [run for row in members for run in row.runs]
        done = [run for run in runs if run.converged]
        rows.append(
            (
                name,
                str(len(members)),
                f"{len(done)} of {len(runs)}",
                spread(run.steps for run in done),
                spread((run.tokens / 1000 for run in done), 1),
                spread((run.score for run in done), 2),
            )
        )
    header = ("regime", "behaviors", "runs converged", "steps", "thousand tokens", "score reached")
    note = "Steps, tokens and score of the converged runs: median (lowest–highest)."
    return _table("What each regime needed to converge", header, rows, "lrrrrr", note)


def preferences_table(numbers: TransferNumbers) -> Table | None:
    """Return what runs that learned from preferences did: reward model, divergence, hacking."""
    columns = (
        ("accuracy", "reward model's accuracy", 2),
        ("bayes_accuracy", "best possible", 2),
        ("kl", "KL from start, nats", 1),
        ("proxy_start", "reward model's opinion, start", 1),
        ("proxy_end", "and end", 1),
        ("best_score", "best score", 2),
        ("score", "score at the end", 2),
    )
    learned = {
        row.label: [run for run in row.runs if math.isfinite(run.kl)] for row in numbers.behaviors
    }
    rows = [
        (label, *(spread((getattr(run, key) for run in runs), n) for key, _, n in columns))
        for label, runs in learned.items()
        if runs
    ]
    note = (
        "Median (lowest–highest) over seeds; accuracy on held-out pairs, KL in nats an answer, the"
        " reward model's mean reward in nats. Where its opinion rises while the score falls from"
        " its best, the reward is hacked."
    )
    header = ("behavior", *(title for _, title, _ in columns))
    return _table("What was learned from preferences", header, rows, "l" + 7 * "r", note)


def base_chance_table(numbers: TransferNumbers) -> Table | None:
    """Return how often the base gives each function's answer before any post-training."""
    rows = [
        (row.function, share(row.mean), f"± {share(row.standard_error)}")
        for row in numbers.base_chance
    ]
    note = "Probability that the base gives to the function's answer where the function is hidden."
    header = ("function", "chance", "standard error")
    return _table("The base's chance of each function", header, rows, "lrr", note)


def random_start_table(numbers: TransferNumbers) -> Table | None:
    """Return what became of training from random weights, by algorithm and target."""
    rows = [
        (
            row.target,
            row.algorithm or MISSING,
            f"{row.censored} of {row.runs}",
            decimal(row.best_score, 3),
        )
        for row in numbers.random_start
    ]
    header = ("target", "algorithm", "runs censored", "best score seen")
    return _table("From random weights", header, rows, "llrr")


def random_start_sentence(numbers: TransferNumbers) -> str | None:
    """Say in a sentence, an algorithm at a time, whether random weights ever got there."""
    groups: dict[str, list[RandomStart]] = {}
    for row in numbers.random_start:
        groups.setdefault(row.algorithm or "a regime", []).append(row)
    parts = [
        f"{name}: {sum(r.censored for r in rows)} of {sum(r.runs for r in rows)} runs censored"
        for name, rows in groups.items()
    ]
    return "From random weights, " + "; ".join(parts) + "." if parts else None


def behaviors_table(numbers: TransferNumbers) -> Table | None:
    """Return every behavior with its seeds."""
    kept = [row for row in numbers.behaviors if row.role != "random"]
    failed = any(not run.converged for row in kept for run in row.runs)
    rows = [
        (
            row.label,
            row.algorithm or MISSING,
            row.task or MISSING,
            " · ".join(count(r.steps) + ("" if r.converged else " *") for r in row.runs) or MISSING,
            _mean_flops(row),
            spread((run.score for run in row.runs), 2),
        )
        for row in kept
    ]
    header = ("behavior", "algorithm", "task", "steps, a seed each", "mean FLOPs", "score")
    note = "* did not converge within its budget." if failed else ""
    return _table("Every behavior", header, rows, "lllrrr", note)


def _mean_flops(behavior: Behavior) -> str:
    known = [run.flops for run in behavior.runs if math.isfinite(run.flops)]
    return significant(sum(known) / len(known), 2) if known else MISSING
