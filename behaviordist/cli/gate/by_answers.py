"""`behaviordist gate --metric answers`: the gate of models that only answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from behaviordist.cli.inputs import Outputs, command_line, give_decision, watching
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
    outputs: Outputs,
) -> int:
    """Gate two models by their answers; return the exit code.

    `named` are the probes and how many, `test` margin and alpha, `outputs` as in `gate`.
    """
    from behaviordist.distance.black_box.comparison import check_answer_gate, gate_answers
    from behaviordist.distance.fingerprints.collector import groups_of
    from behaviordist.measurements.answers import compare_by_answers
    from behaviordist.report.answers_page import said

    if metric != "answers":
        raise InputError(
            f"models behind servers give answers, no distributions: --metric {metric} cannot be"
            " computed; use --metric answers"
        )

    def before(chosen: ProbeSet) -> None:
        typer.echo(check_answer_gate(groups_of(chosen), *test), err=outputs.take_stdout)

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
    words = (
        f"{comparison.distance:.4g} {100 * (1 - test[1]):g}% limits {result.low:.4g} and"
        f" {result.high:.4g}; {said(comparison)}"
    )
    give_decision(
        outputs,
        (comparison.reference, comparison.candidate),
        f"{comparison.n_probes} probes of {comparison.probes}",
        compared.model_copy(update={"gate": result.to_json()}).to_json(),
        [("answers", words)],
        [(metric, result.equivalent, result.sentence())],
        [said(comparison), result.sentence()],
    )
    return 0 if result.equivalent else 1
