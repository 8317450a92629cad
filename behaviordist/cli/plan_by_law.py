"""`behaviordist plan` by the law of past transfers: nats, steps, a back-test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from behaviordist.cli.terminal import cell, say, table
from behaviordist.errors import InputError, did_you_mean

if TYPE_CHECKING:
    from behaviordist.behaviors import Behavior
    from behaviordist.planning import LawBacktest, LawPlan
    from behaviordist.planning.made_starts import MadeStart
    from behaviordist.planning.past import Past

WEIGHTS = Path("predictors") / "weights.csv"
SHOWN = 12


def by_law(
    study: Path,
    nats: Path | None,
    like: str | None,
    have: str | None,
    base: str | None,
    algorithm: str | None,
    pilot: Sequence[str],
    named: tuple[str | None, str | None],
    make: bool,
    out: Path,
    console: Console,
) -> dict[str, Any]:
    """Plan in steps for a behavior, or back-test the plan on the study's own targets.

    `nats` is the file of what the study's folder does not hold, `named` are the probes and the
    device; `make`: starts made out of weights are candidates too.
    Returns what is written.
    """
    from behaviordist.planning.past import read_past
    from behaviordist.store import write_json

    past = read_past(study, nats)
    if algorithm is not None and algorithm not in past.algorithms:
        raise InputError(
            f"--algorithm {algorithm}: {study} has none; {did_you_mean(algorithm, past.algorithms)}"
        )
    if like is None and make:
        raise InputError("--make makes starts for a behavior: give --like, not --backtest")
    if like is None:
        algorithms = past.algorithms if algorithm is None else [algorithm]
        backtests = [
            row for name in algorithms for row in _backtests(past, name, base or past.base)
        ]
        rows = [
            {"algorithm": a, "held_out": held, **asdict(result)} for a, held, result in backtests
        ]
        record: dict[str, Any] = {"schema": 1, "rows": rows}
        write_json(out / "backtest.json", record)
        for name, held, result in backtests:
            _show_backtest(name, held, result, console)
        say(console, f"written: {out / 'backtest.json'}")
        return record
    chosen = algorithm or past.algorithms[0]
    plan, made = _plan(past, like, have, base or past.base, chosen, pilot, named, make, out)
    record = plan.to_json() | {"made": {one.name: one.how for one in made}}
    write_json(out / "plan.json", record)
    _show(plan, console)
    for one in made:
        say(console, f"{one.name}: {one.how}, in {one.folder}")
    say(console, f"written: {out / 'plan.json'}")
    return record


def _plan(
    past: Past,
    like: str,
    have: str | None,
    base: str,
    algorithm: str,
    pilot: Sequence[str],
    named: tuple[str | None, str | None],
    make: bool,
    out: Path,
) -> tuple[LawPlan, tuple[MadeStart, ...]]:
    from behaviordist.behaviors import load
    from behaviordist.distance.directed import divergences
    from behaviordist.measurements.directed import kept_answers
    from behaviordist.planning import plan_by_law
    from behaviordist.probes import ProbeSet

    chosen = list(past.costs.index) if have is None else [x.strip() for x in have.split(",")]
    names = [*chosen, *([base] if base not in chosen else [])]
    probes, device = named
    # A checkpoint of the study by its name, or any model.
    starts = [load(past.place(name), name, device=device) for name in names]
    answers = kept_answers(like, probes)
    target = load(like, "wanted", device=device) if answers is None else answers
    questions = ProbeSet.load(probes or "lab")

    def nats_of(behaviors: Sequence[Behavior]) -> dict[str, float]:
        matrix = divergences(behaviors, [target], questions, folder=out / "answers")
        return dict(zip(matrix.sources, map(float, matrix.values[:, 0]), strict=True))

    nats = nats_of(starts)
    made = _make(past, nats, base, out) if make else ()
    if made:
        nats |= nats_of([load(str(one.folder), one.name, device=device) for one in made])
    targets = past.of(algorithm)
    plan = plan_by_law(
        nats,
        past.nats.loc[past.coherent, targets],
        past.costs.loc[past.coherent, targets],
        target=like,
        algorithm=algorithm,
        censored=past.late.loc[past.coherent, targets],
        units=past.units | {s: s for s in past.coherent},
        pilot=dict(_tried(text) for text in pilot),
    )
    return plan, made


def _make(past: Past, nats: dict[str, float], base: str, out: Path) -> tuple[MadeStart, ...]:
    """Make starts of the nearest that are folders of weights; servers and .gguf files are not."""
    from behaviordist.planning.made_starts import make_starts

    places = {name: past.place(name) for name in sorted(nats, key=lambda x: nats[x])}
    folders = {name: Path(place) for name, place in places.items() if Path(place).is_dir()}
    own = (base, folders[base]) if base in folders else None
    made = make_starts({k: v for k, v in folders.items() if k != base}, own, out / "starts")
    if not made:
        raise InputError(
            "--make needs at least two starts with weights of one shape in folders, beside the base"
        )
    return made


def _tried(text: str) -> tuple[str, float]:
    start, _, steps = text.rpartition("=")
    try:
        if not start or not 0 <= float(steps) < float("inf"):
            raise ValueError
    except ValueError:
        raise InputError(f"--pilot {text}: give START=STEPS, steps a number") from None
    return start, float(steps)


def _backtests(past: Past, algorithm: str, base: str) -> list[tuple[str, str, LawBacktest]]:
    """Hold out every function in turn; then the second base with all that was made of it."""
    from behaviordist.planning import backtest_law
    from behaviordist.store.tables import read_matrix

    targets = past.of(algorithm)
    others = {}
    if (past.folder / WEIGHTS).is_file():
        others["weights"] = read_matrix(past.folder / WEIGHTS)[targets]
    common = {"censored": past.late[targets], "units": past.units, "others": others}
    tables = past.nats[targets], past.costs[targets]
    backtests = [("a function", backtest_law(*tables, base=base, **common))]  # type: ignore[arg-type]
    second = [s for s in past.coherent if s == "B" or s.startswith("B-")]
    first = [s for s in past.coherent if s not in second]
    if len(second) > 2 and "B" in second:
        apart = backtest_law(
            *tables,
            base="B",
            learnt_from=first,
            starts=second,
            **common,  # type: ignore[arg-type]
        )
        backtests.append(("a function, and base B", apart))
    return [(algorithm, held, result) for held, result in backtests]


def _show(plan: LawPlan, console: Console) -> None:
    title = cell(f"starts for {plan.target}, by {plan.algorithm}")
    shown = table(title, ("start", "nats", "steps", "90 % limits"))
    for start in plan.starts[:SHOWN]:
        beyond = " (beyond the line)" if start.nats > plan.farthest else ""
        cells = (f"{start.steps:.0f}", f"{start.low:.0f} to {start.high:.0f}{beyond}")
        # Where no slope is shown, steps of a line would only look like knowledge.
        known = cells if plan.slope_low > 0 else ("–", "–")
        shown.add_row(cell(start.source), f"{start.nats:.2f}", *known)
    console.print(shown)
    say(console, plan.sentence())


def _show_backtest(name: str, held: str, result: LawBacktest, console: Console) -> None:
    title = f"{name}: mean steps, {held} held out ({result.n_units} functions)"
    shown = table(title, ("strategy", "steps", "95 % interval"))
    for strategy, (mean, low, high) in result.strategies.items():
        shown.add_row(cell(strategy), f"{mean:.1f}", f"{low:.1f} to {high:.1f}")
    console.print(shown)
    said = f"90 % intervals held {result.coverage:.0%} of {result.n_cells} costs"
    console.print(said, highlight=False, markup=False)
