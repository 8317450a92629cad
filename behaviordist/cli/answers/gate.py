"""`behaviordist gate --metric answers`: the gate of models that only answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from behaviordist.cli.inputs import check_outputs, command_line, give_json, watching
from behaviordist.cli.terminal import visible
from behaviordist.errors import InputError

if TYPE_CHECKING:
    from behaviordist.measurements.answers import Draws
    from behaviordist.probes import ProbeSet


def gate_by_answers(
    models: list[str],
    named: tuple[str | None, int | None],
    metric: str,
    draws: Draws,
    test: tuple[float, float],
    device: str | None,
    outputs: tuple[str | None, str | None, str | None],
) -> int:
    """Gate two models by their answers; return the exit code.

    `named` are the probes and how many, `test` margin and alpha, `outputs` as in `gate`.
    """
    from behaviordist.distance.black_box.comparison import check_answer_gate, gate_answers
    from behaviordist.distance.fingerprints.collector import groups_of
    from behaviordist.measurements.answers import compare_by_answers
    from behaviordist.report.answers_page import said
    from behaviordist.report.decision import Decision, publish_decision

    if metric != "answers":
        raise InputError(
            f"models behind servers give answers, no distributions: --metric {metric} cannot be"
            " computed; use --metric answers"
        )
    json_to, markdown_to, junit_to = outputs
    aside = check_outputs(json_to, markdown_to, junit_to)

    def before(chosen: ProbeSet) -> None:
        typer.echo(check_answer_gate(groups_of(chosen), *test), err=aside)

    with watching() as update:
        comparison, compared = compare_by_answers(
            models,
            *named,
            draws=draws,
            first_tokens=False,
            device=device,
            command=command_line(),
            before=before,
            progress=update,
        )
    result = gate_answers(comparison, *test)
    give_json(json_to, compared.model_copy(update={"gate": result.to_json()}).to_json())
    words = (
        f"{comparison.distance:.4g} {100 * (1 - test[1]):g}% limits {result.low:.4g} and"
        f" {result.high:.4g}; {said(comparison)}"
    )
    decision = Decision(
        comparison.reference,
        comparison.candidate,
        f"{comparison.n_probes} probes of {comparison.probes}",
        (("answers", words),),
        ((metric, result.equivalent, result.sentence()),),
        command_line(),
    )
    text = publish_decision(decision, markdown_to, junit_to)
    if text is not None:
        typer.echo(text, nl=False)
    typer.echo(visible("\n".join((said(comparison), result.sentence()))), err=aside)
    return 0 if result.equivalent else 1
