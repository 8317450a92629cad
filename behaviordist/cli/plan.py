"""`behaviordist plan`: which of the checkpoints one has to start from."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from behaviordist.cli.help import out_to
from behaviordist.cli.inputs import Device, JsonTo, check_json, give_json
from behaviordist.cli.plan_by_law import SHOWN, by_law
from behaviordist.cli.tables import CostColumn, Invalid, named_paths
from behaviordist.cli.terminal import cell, say, table
from behaviordist.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from behaviordist.planning import Backtest, Plan
    from behaviordist.record import TransferRecord

WANTED = "wanted"


def plan(
    target: Annotated[
        str | None, typer.Option(help="The behavior wanted; a column of the distances.")
    ] = None,
    study: Annotated[
        Path | None,
        typer.Option(help="Folder of a past run: `behaviordist transfer`, `behaviordist run`."),
    ] = None,
    distances: Annotated[
        Path | None,
        typer.Option(
            help="Instead of --study: distances. Beside --like and the --study of `behaviordist"
            " transfer`: divergences.csv of its sources and targets."
        ),
    ] = None,
    costs: Annotated[Path | None, typer.Option(help="Instead of --study: past costs.")] = None,
    base: Annotated[
        str | None, typer.Option(help="The start that savings are relative to, such as base.")
    ] = None,
    have: Annotated[
        str | None,
        typer.Option(
            help="Comma-separated starts one has: labels of the past, or, in steps by the"
            " law, any models; default all of the past."
        ),
    ] = None,
    backtest: Annotated[
        bool, typer.Option("--backtest", help="Plan for every past target as if it were new.")
    ] = False,
    like: Annotated[
        str | None,
        typer.Option(
            help="Instead of --target: a model that behaves as wanted, or a file of its answers"
            " (.jsonl); needs --study."
        ),
    ] = None,
    algorithm: Annotated[
        str | None, typer.Option(help="By the law of past transfers: how to tune, such as rlvr.")
    ] = None,
    pilot: Annotated[
        list[str] | None,
        typer.Option(help="By the law: START=STEPS of a run already made. Repeatable."),
    ] = None,
    make: Annotated[
        bool,
        typer.Option(
            "--make",
            help="By the law: starts made of weights at hand too, the mean of the three nearest and"
            " a step from the base beyond the nearest.",
        ),
    ] = False,
    probes: Annotated[
        str | None, typer.Option(help="Probe set for --like; default the study's.")
    ] = None,
    device: Device = None,
    other: Annotated[
        list[str] | None, typer.Option(help="NAME=FILE, another distance to backtest. Repeatable.")
    ] = None,
    invalid: Invalid = None,
    unrelated: Annotated[
        bool,
        typer.Option("--unrelated", help="No start of the target's own task; needs --study."),
    ] = False,
    cost_column: CostColumn = None,
    json_to: JsonTo = None,
    out: Annotated[Path, out_to("Where plan.json goes.")] = Path("reports/plan"),
) -> None:
    """Rank the checkpoints one has as starts for a behavior one wants."""
    from behaviordist.hypothesis.tables.long_tables import read_cost_data, read_predictor
    from behaviordist.planning import backtest as follow
    from behaviordist.planning import plan as rank
    from behaviordist.planning.past import has_law, without_law
    from behaviordist.store import write_json

    check_json(json_to)
    console = Console(stderr=json_to == "-")
    if (target is not None) + (like is not None) + backtest != 1:
        raise InputError("give one of --target B, --like MODEL, --backtest")
    nats = None if like is None else distances
    if study is not None and target is None and has_law(study, nats):
        asked = (study, nats, like, have, base, algorithm, pilot or ())
        give_json(json_to, by_law(*asked, (probes, device), make, out, console))
        return
    if algorithm is not None or pilot or make or (like or "").endswith(".jsonl"):
        raise without_law(study, nats)
    if like is not None:
        near, target = _distances_like(like, study, probes, device, out), WANTED
    else:
        near = read_predictor(_file(study, distances, "distances"))
    barred = _barred(invalid, study, unrelated)
    owned = None if have is None else [label.strip() for label in have.split(",")]
    if target is None:
        past = read_cost_data(_file(study, costs, "costs"), cost_column).costs
        others = {name: read_predictor(path) for name, path in named_paths("--other", other or [])}
        result = follow(near, past, base=base, have=owned, others=others, invalid=barred)
        record = {"schema": 1, **result.to_json()}
        write_json(out / "backtest.json", record)
        give_json(json_to, record)
        _show_backtest(result, "random" if base is None else "base", console)
        say(console, f"written: {out / 'backtest.json'}")
        return
    known = costs if costs is not None or study is None else study / "costs.csv"
    prior = None if known is None else read_cost_data(known, cost_column).costs
    unit = cost_column or ("steps" if study is not None and costs is None else "units of cost")
    advice = rank(target, near, prior, base=base, have=owned, invalid=barred, unit=unit)
    advice.save(out / "plan.json")
    give_json(json_to, advice.to_json())
    _show(advice, console)
    say(console, f"written: {out / 'plan.json'}")


def _barred(invalid: Path | None, study: Path | None, unrelated: bool) -> dict[str, list[str]]:
    """Return, for each target, the sources that are no starts."""
    from behaviordist.hypothesis.tables.long_tables import read_invalid

    barred = {} if invalid is None else read_invalid(invalid)
    if not unrelated:
        return barred
    if study is None:
        raise InputError("--unrelated needs --study DIR, whose run.json says each behavior's task")
    task = {row.label: row.task for row in _record(study).behaviors}
    for target, its_task in task.items():
        kin = [label for label, its in task.items() if its_task and its == its_task]
        barred[target] = [*barred.get(target, []), *kin]
    return barred


def _distances_like(
    like: str, study: Path | None, probes: str | None, device: str | None, out: Path
) -> pd.DataFrame:
    """Measure a model among a study's checkpoints (the first replicate of each), on its probes."""
    from behaviordist.cli.inputs import watching
    from behaviordist.distance import distances
    from behaviordist.measurements.inputs import open_inputs

    if study is None:
        raise InputError("--like needs --study DIR, whose checkpoints it is compared with")
    record = _record(study)
    trained = [row for row in record.behaviors if row.runs]
    labels = [row.label for row in trained]
    checkpoints = [str(study / row.runs[0].checkpoint) for row in trained]
    name = probes if probes is not None or record.probes is None else record.probes.name
    with watching() as update:
        behaviors, chosen = open_inputs([*checkpoints, like], name, device=device)
        matrix = distances(
            behaviors,
            chosen,
            record.geometry,
            sketch="auto",
            folder=out / "fingerprints",
            progress=update,
        )
    names = [*labels, WANTED]
    return matrix.to_pandas().set_axis(names, axis=0).set_axis(names, axis=1)


def _record(study: Path) -> TransferRecord:
    from behaviordist.record import TransferRecord, read_record

    record = read_record(study)
    if not isinstance(record, TransferRecord):
        raise InputError(f"{study}: not the folder of a study with transfers")
    return record


def _file(study: Path | None, given: Path | None, name: str) -> Path:
    if given is not None:
        return given
    if study is None:
        raise InputError(f"give --study DIR or --{name} FILE")
    return study / f"{name}.csv"


def _show(advice: Plan, console: Console) -> None:
    title = f"starts for {advice.target}; savings against {advice.reference}"
    headings = ("start", "distance", cell(advice.unit), "90 % limits", "measured", "saving")
    shown = table(cell(title), headings)
    for start in advice.starts[:SHOWN]:
        cells = _cost_cells(start.cost, start.cost_low, start.cost_high, start.measured)
        shown.add_row(
            cell(start.source),
            f"{start.distance:.3g}",
            *cells,
            "" if math.isnan(start.saving) else f"{start.saving:+.0%}",
        )
    known = advice.reference_measured
    cells = _cost_cells(advice.reference_cost, advice.reference_low, advice.reference_high, known)
    shown.add_row(cell(advice.reference), "", *cells, "")
    console.print(shown)
    if len(advice.starts) > SHOWN:
        console.print(f"{len(advice.starts) - SHOWN} more starts are in plan.json", markup=False)
    for chain in advice.chains[:3]:
        say(
            console,
            f"chain: {chain.source} -> {chain.through} -> {advice.target}: {chain.cost:.3g}"
            f" ({chain.cost_low:.3g} to {chain.cost_high:.3g}), direct {chain.direct_cost:.3g}",
        )
    say(console, f"evidence: {advice.evidence}")
    say(console, advice.sentence())


def _cost_cells(
    cost: float, low: float, high: float, measured: float | None
) -> tuple[str, str, str]:
    limits = "–" if math.isnan(low) else f"{low:.3g} to {high:.3g}"
    return (
        "–" if math.isnan(cost) else f"{cost:.3g}",
        limits,
        "" if measured is None else f"{measured:.3g}",
    )


def _show_backtest(result: Backtest, reference: str, console: Console) -> None:
    headings = ("strategy", "cost", "95 % interval", f"against {reference}", "95 % interval")
    shown = table(f"mean cost over {result.n_targets} held-out targets", headings)
    for row in result.rows:
        shown.add_row(
            cell(row.strategy),
            f"{row.cost:.3g}",
            f"{row.cost_low:.3g} to {row.cost_high:.3g}",
            f"{row.versus_base:+.3g}",
            f"{row.versus_base_low:+.3g} to {row.versus_base_high:+.3g}",
        )
    console.print(shown)
    console.print(
        f"evidence for a plan: {result.n_planned} of {result.n_targets} targets", markup=False
    )
