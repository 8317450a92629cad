"""`behaviordist compare`: two models, closely."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from behaviordist.cli.help import out_to
from behaviordist.cli.inputs import (
    Device,
    Limit,
    OnPolicy,
    Probes,
    command_line,
    watching,
)
from behaviordist.cli.terminal import cell, of_two, say, visible

if TYPE_CHECKING:
    from behaviordist.distance.black_box.comparison import ComparedAnswers
    from behaviordist.distance.comparison import Compared

NEAR = 24
"""Characters of a text that a terminal shows before the token at which two models part."""

Reference = Annotated[
    str, typer.Argument(metavar="REFERENCE", help="As for `distance`.", show_default=False)
]
Candidate = Annotated[str, typer.Argument(metavar="CANDIDATE", show_default=False)]
Answers = Annotated[int, typer.Option(help="Models behind servers: answers a prompt.")]
AnswerTokens = Annotated[int, typer.Option(help="The same: longest answer.")]
StringKernel = Annotated[str, typer.Option(help="The same: character-ngrams or exact-match.")]


def compare(
    reference: Reference,
    candidate: Candidate,
    probes: Probes = None,
    probes_limit: Limit = None,
    replicate: Annotated[
        str | None,
        typer.Option(help="The reference, made again (another seed): its distance is the floor."),
    ] = None,
    on_policy: OnPolicy = None,
    answers: Answers = 8,
    answer_tokens: AnswerTokens = 32,
    kernel: StringKernel = "character-ngrams",
    device: Device = None,
    out: Annotated[Path, out_to("Folder of the results.")] = Path("reports/compare"),
) -> None:
    """Say how two models differ, on which probes, and which tokens moved."""
    from behaviordist.measurements.answers import Draws
    from behaviordist.measurements.compare import write_comparison
    from behaviordist.record import AnswersRecord

    with watching() as update:
        record = write_comparison(
            reference,
            candidate,
            out,
            probes,
            replicate=replicate,
            probes_limit=probes_limit,
            on_policy=on_policy,
            draws=Draws(answers, answer_tokens, kernel),
            device=device,
            command=command_line(),
            progress=update,
        )
    if isinstance(record, AnswersRecord):
        _show_answers(record.comparison, record.floor)
    else:
        _show(record.comparison, record.floor)
    typer.echo(f"Report: {out / 'index.html'}")


def _show_answers(comparison: ComparedAnswers, floor: ComparedAnswers | None) -> None:
    from behaviordist.report.answers_page import apart, said

    lines = [said(comparison), apart(comparison)]
    if floor is not None:
        lines += [f"the reference made again: {said(floor)}", apart(floor)]
    found = comparison.first_token
    if found is not None:
        low, high = (max(0.0, m.value) ** 0.5 for m in (found.squared_low, found.squared_high))
        lines.append(
            f"first token: Hellinger distance between {low:.3f} and {high:.3f}, KL at least"
            f" {found.kl_forward.value:.3g} (ref‖cand) and {found.kl_backward.value:.3g} nats"
        )
    for one in comparison.differences:
        sides = (side[0][0][:40] for side in (one.reference, one.candidate))
        lines.append("{:.3f}  {}  {!r} → {!r}".format(one.squared, one.probe, *sides))
    typer.echo(visible("\n".join(lines)))


def _show(comparison: Compared, floor: Compared | None) -> None:
    from rich.console import Console

    from behaviordist.report.compare_page import exact_words
    from behaviordist.report.compare_tails import tail_lines

    console = Console()
    pair = f"{comparison.candidate} against {comparison.reference}"
    title = f"{pair}: {comparison.probes}, {comparison.n_probes} probes"
    headings = ("n", "distance", "KL\nref‖cand", "KL\ncand‖ref", "same\nfirst token")
    table = of_two(title, len("noise floor"), headings)
    rows = [("all", comparison.n_probes, comparison.cells(comparison.overall))]
    if floor is not None:
        rows.append(("noise floor", floor.n_probes, floor.cells(floor.overall)))
    tags, rare = comparison.tags_by_effect()
    rows += [
        (tag, comparison.n_by_tag[tag], comparison.cells(comparison.by_tag[tag])) for tag in tags
    ]
    for name, count, cells in rows:
        table.add_row(cell(name), str(count), *(text.replace(" ", "") for text in cells))
    console.print(table)
    names = {"distance": "distance", "agreement": "same first token"}
    limits = tuple(f"{name}: {exact_words(comparison, metric)}" for metric, name in names.items())
    few = (f"{rare} tags of few probes are not shown",) if rare else ()
    for line in (*few, *limits, *tail_lines(comparison)):
        say(console, line)
    for difference in comparison.differences:
        moved = ", ".join(
            f"{m.token!r} {m.reference:.3f} → {m.candidate:.3f}" for m in difference.moved[:3]
        )
        place = difference.place
        text = "" if place is None else f"  {place.before[-NEAR:]}[{place.token}]"
        say(console, f"{difference.squared**0.5:.3f}  {difference.probe}{text}  {moved}")
