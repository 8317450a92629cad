"""`behaviordist evals`: logs of evaluations as behaviors: distance, compare, gate, power."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from behaviordist.cli.help import Command, out_to
from behaviordist.cli.inputs import check_json, command_line, give_json
from behaviordist.cli.report import Format, FullRange, Groups, Labels, Palette, check_format
from behaviordist.cli.terminal import cell, of_two, say, visible
from behaviordist.errors import InputError

if TYPE_CHECKING:
    from behaviordist.evals import EvalComparison, EvalScores
    from behaviordist.evals.paired import PairedChange

app = typer.Typer(
    name="evals",
    help="Logs of evaluations (lm-evaluation-harness, Inspect, tables) as behaviors.",
    no_args_is_help=True,
)

Logs = Annotated[
    list[str],
    typer.Argument(
        metavar="LOG...",
        help="Files or folders, NAME=PATH to name the model: lm-evaluation-harness"
        " (samples_*.jsonl), Inspect (.eval, .json), tables item,model,score[,epoch,tag,task].",
        show_default=False,
    ),
]
Metric = Annotated[
    str | None, typer.Option(help="Metric, or scorer of Inspect.", show_default="the first")
]
Filter = Annotated[
    str | None,
    typer.Option("--filter", help="Of lm-evaluation-harness.", show_default="the first"),
]
Tag = Annotated[
    str | None,
    typer.Option(
        help="Key of the document, metadata or column that tags items.", show_default="tag"
    ),
]
Cluster = Annotated[
    str | None,
    typer.Option(
        help="Key or column of what items share (a text): one unit in every error.",
        show_default="every item for itself",
    ),
]
Range = Annotated[
    str, typer.Option("--range", metavar="LOW,HIGH", help="Smallest and largest score.")
]
Reference = Annotated[str, typer.Option(help="Model of the logs.", show_default=False)]
Test = Annotated[
    str,
    typer.Option(
        help="non-inferiority (no drop), equivalence (no change) or disagreement (of items)."
    ),
]
JsonTo = Annotated[
    str | None, typer.Option("--json", help="File for the JSON; - for stdout.", metavar="FILE")
]
Alpha = Annotated[float, typer.Option(help="Risk of passing a model at the margin.")]
CHANGED = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2)
MOST_TAGS = 20


def eval_distance(
    logs: Logs,
    margin: Annotated[
        float | None,
        typer.Option(
            help="A disagreement that does not matter: pairs shown to lie within it are the same.",
            show_default="no pair is called the same",
        ),
    ] = None,
    metric: Metric = None,
    answer_filter: Filter = None,
    cluster: Cluster = None,
    score_range: Range = "0,1",
    out: Annotated[Path, out_to("Folder of the results.")] = Path("reports/evals"),
    palette: Palette = None,
    full_range: FullRange = None,
    labels: Labels = None,
    groups: Groups = None,
    form: Format = "page",
) -> None:
    """Measure how far the models of some logs disagree, item by item; writes a page."""
    from behaviordist.measurements.evals import write_eval_distances
    from behaviordist.report.look import Look, changed

    check_format(form)
    look = changed(Look(), palette, full_range, labels, groups)
    scores = _read(logs, metric, answer_filter, None, cluster, score_range)
    from behaviordist.cli.distance import show_matrix

    matrix = write_eval_distances(
        scores,
        out,
        margin=margin,
        look=None if look == Look() else look,
        slide=form == "slide",
        command=command_line(),
    )
    show_matrix(matrix)
    for note in scores.notes:
        typer.echo(visible(note))
    typer.echo(f"Report: {out / 'index.html'}; who scores higher: {out / 'scores.csv'}")
    if form == "slide":
        typer.echo(f"Slide: {out / 'slide.png'}")


@app.command("compare", cls=Command)
def compare(
    logs: Logs,
    reference: Reference,
    candidate: Reference,
    metric: Metric = None,
    answer_filter: Filter = None,
    tag: Tag = None,
    cluster: Cluster = None,
    score_range: Range = "0,1",
    json_to: JsonTo = None,
) -> None:
    """Say what a candidate gains and loses against a reference, by task and tag."""
    from behaviordist.evals import compare_evals

    check_json(json_to)
    scores = _read(logs, metric, answer_filter, tag, cluster, score_range)
    result = compare_evals(scores, reference, candidate)
    give_json(json_to, result.to_json())
    if json_to != "-":
        _show(result)


@app.command("gate", cls=Command)
def gate(
    logs: Logs,
    reference: Reference,
    candidate: Reference,
    margin: Annotated[
        float, typer.Option(help="Largest change that does not matter.", show_default=False)
    ],
    test: Test = "non-inferiority",
    alpha: Alpha = 0.05,
    metric: Metric = None,
    answer_filter: Filter = None,
    cluster: Cluster = None,
    score_range: Range = "0,1",
    json_to: JsonTo = None,
) -> None:
    """Pass the candidate (exit 0) only if it is shown to be within the margin; else exit 1."""
    from behaviordist.evals import compare_evals, gate_evals
    from behaviordist.evals.gate import check_question

    check_question(margin, test, alpha)
    check_json(json_to)
    scores = _read(logs, metric, answer_filter, None, cluster, score_range)
    result = gate_evals(scores, reference, candidate, margin, test, alpha)
    comparison = compare_evals(scores, reference, candidate)
    quiet = json_to == "-"
    give_json(json_to, {"gate": result.to_json(), "comparison": comparison.to_json()})
    lines = (
        f"{result.units:,} independent units cannot show a margin below"
        f" {result.smallest_margin:.2g} ({test}, no score differs)",
        *comparison.sentences(),
        result.sentence(),
    )
    typer.echo(visible("\n".join(lines)), err=quiet)
    raise typer.Exit(0 if result.passed else 1)


@app.command("power", cls=Command)
def power(
    items: Annotated[int, typer.Argument(help="Independent items.", min=1)],
    margin: Annotated[
        float | None, typer.Option(help="Largest change that does not matter.")
    ] = None,
    test: Test = "non-inferiority",
    alpha: Alpha = 0.05,
) -> None:
    """Say what so many items can show: the smallest margin, and how often a good model passes."""
    import numpy as np

    from behaviordist.evals.gate import check_question, items_that_show, smallest_margin
    from behaviordist.evals.gate import power as passes
    from behaviordist.innerproduct.limits import MOST_UNITS

    check_question(0.5 if margin is None else margin, test, alpha)
    if items > MOST_UNITS:
        raise InputError(f"{items:,} items are more than {MOST_UNITS:,}; give fewer")
    smallest = smallest_margin(np.arange(items), test, alpha)
    typer.echo(
        f"{items:,} items show a margin of {smallest:.3g} at best ({test}, alpha {alpha:g}, scores"
        " of 0 and 1, no score differs)"
    )
    if margin is None:
        return
    enough = items_that_show(margin, test, alpha)
    typer.echo(f"margin {margin:g} takes {enough:,} items where no score differs")
    typer.echo("items that change, half of them for the better -> probability of passing")
    for changed in CHANGED:
        typer.echo(f"{changed:>6.0%}  {passes(items, margin, changed, test, alpha):.1%}")


def _read(
    logs: list[str],
    metric: str | None,
    answer_filter: str | None,
    tag: str | None,
    cluster: str | None,
    score_range: str,
) -> EvalScores:
    from behaviordist.evals import read_evals

    try:
        low, high = (float(x) for x in score_range.split(","))
    except ValueError:
        raise InputError(f"--range is two numbers, LOW,HIGH, not '{score_range}'") from None
    return read_evals(
        logs,
        metric=metric,
        answer_filter=answer_filter,
        tag=tag,
        cluster=cluster,
        score_range=(low, high),
    )


def _show(result: EvalComparison) -> None:
    from rich.console import Console

    console = Console()
    headings = ("n", "scores", "change [95 %, two-sided]", "gains", "losses", "differ")
    table = of_two(f"{result.candidate} against {result.reference}", 6, headings)
    rows = (result.overall, *result.tasks, *result.tags)
    for row in rows[:MOST_TAGS]:
        table.add_row(cell(row.name), *_cells(row))
    console.print(table)
    if len(rows) > MOST_TAGS:
        say(console, f"and {len(rows) - MOST_TAGS} more tasks and tags (--json has them)")
    for line in (*result.sentences(), *result.notes):
        say(console, line)


def _cells(row: PairedChange) -> tuple[str, ...]:
    change = row.change
    return (
        str(row.n),
        f"{row.reference.value:.3f} → {row.candidate.value:.3f}",
        f"{change.value:+.3f} [{change.low:+.3f}, {change.high:+.3f}]",
        f"{row.gains.value:.3f}",
        f"{row.losses.value:.3f}",
        f"{row.disagreement.value:.3f}",
    )
