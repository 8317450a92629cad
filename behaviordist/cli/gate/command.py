"""`behaviordist gate`: a decision on two models, by one metric or by the files beside this one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from behaviordist.cli.compare import Answers, AnswerTokens, Candidate, Reference, StringKernel
from behaviordist.cli.inputs import (
    Device,
    Limit,
    Outputs,
    Probes,
    command_line,
    give_decision,
    watching,
)
from behaviordist.errors import InputError

if TYPE_CHECKING:
    from behaviordist.distance.comparison import Comparison
    from behaviordist.probes import ProbeSet

MarkdownTo = Annotated[
    str | None,
    typer.Option(
        "--markdown",
        metavar="FILE",
        help="Decision for a pull request; - for stdout.",
        show_default=False,
    ),
]
JUnitTo = Annotated[
    str | None,
    typer.Option("--junit", metavar="FILE", help="Decision as JUnit XML.", show_default=False),
]


def gate(
    reference: Reference,
    candidate: Candidate,
    margin: Annotated[
        float | None,
        typer.Option(help="Largest difference that does not matter.", show_default=False),
    ] = None,
    metric: Annotated[
        str,
        typer.Option(
            help="distance (Hellinger), kl (nats a token), agreement (share of tokens), bits (a"
            " byte of text, up or down); models behind servers: answers (distance of sampled"
            " answers)."
        ),
    ] = "distance",
    bound: Annotated[
        float | None,
        typer.Option(
            help="The largest of a probe. kl: nats a token; bits: a byte.", show_default=False
        ),
    ] = None,
    alpha: Annotated[float, typer.Option(help="Risk of passing a model at the margin.")] = 0.05,
    probes: Probes = None,
    probes_limit: Limit = None,
    answers: Answers = 8,
    answer_tokens: AnswerTokens = 32,
    kernel: StringKernel = "character-ngrams",
    device: Device = None,
    json_to: Annotated[
        str | None,
        typer.Option(
            "--json", "--out", "-o", help="File for the JSON; - for stdout.", metavar="FILE"
        ),
    ] = None,
    markdown_to: MarkdownTo = None,
    junit_to: JUnitTo = None,
    policy: Annotated[
        Path | None,
        typer.Option(help="YAML: several metrics, tags and margins.", show_default=False),
    ] = None,
    evals: Annotated[
        tuple[str, str] | None,
        typer.Option(
            metavar="LOG LOG",
            help="--policy: logs of the evaluations of REFERENCE and CANDIDATE; without, those two"
            " are logs themselves where the policy asks for nothing else.",
            show_default=False,
        ),
    ] = None,
    calibrate: Annotated[
        float | None,
        typer.Option(
            metavar="FACTOR",
            help="CANDIDATE is the reference made again: write margins, FACTOR times what they"
            " differ, into --policy.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Pass the candidate (exit 0) only if it is shown to be within the margin; else exit 1."""
    from behaviordist.cli.gate.by_policy import gate_by_policy
    from behaviordist.distance.fingerprints.collector import groups_of
    from behaviordist.distance.gate import check_gate, check_probes
    from behaviordist.distance.gate import gate as decide
    from behaviordist.measurements.answers import Draws, only_answers
    from behaviordist.measurements.compare import compare_models
    from behaviordist.record import GateRecord

    models, outputs = [reference, candidate], Outputs(json_to, markdown_to, junit_to)
    draws, named = Draws(answers, answer_tokens, kernel), (probes, probes_limit)
    if (margin is None) == (policy is None):
        raise InputError("give --margin M, or --policy FILE: one of the two")
    if policy is not None:
        if (metric, bound, alpha) != ("distance", None, 0.05):
            raise InputError("--metric, --bound and --alpha stand in the policy's file")
        if calibrate is not None and (json_to or markdown_to or junit_to):
            raise InputError("--calibrate decides nothing: leave out --json, --markdown, --junit")
        outputs.check()
        code = gate_by_policy(models, policy, calibrate, named, evals, draws, device, outputs)
        raise typer.Exit(code)
    if evals is not None:
        raise InputError("--evals is read for a policy: give --policy FILE")
    if calibrate is not None or margin is None:
        raise InputError("--calibrate writes into a policy: give --policy FILE")
    outputs.check()
    if metric == "answers" or only_answers(models):
        from behaviordist.cli.gate.by_answers import gate_by_answers

        code = gate_by_answers(models, named, metric, draws, (margin, alpha), device, outputs)
        raise typer.Exit(code)
    check_gate(margin, metric, alpha, bound=bound)

    def before(chosen: ProbeSet) -> None:
        can = check_probes(groups_of(chosen), margin, metric, alpha, bound)
        typer.echo(can, err=outputs.take_stdout)

    with watching() as update:
        comparison, compared = compare_models(
            models,
            probes,
            probes_limit,
            device=device,
            command=command_line(),
            before=before,
            progress=update,
        )
    result = decide(comparison, margin, metric, alpha, bound=bound)
    metrics = _metrics(comparison, alpha, {metric: bound})
    known = {key: value for key, value in vars(compared).items() if key != "kind"}
    give_decision(
        outputs,
        (comparison.reference, comparison.candidate),
        f"{comparison.n_probes} probes of {comparison.probes}",
        GateRecord(**known, gate=result.to_json()).to_json(),
        [(name, " ".join(words.split())) for name, words in metrics],
        [(metric, result.equivalent, result.sentence())],
        [*(f"{name:<13}{words}" for name, words in metrics), result.sentence()],
    )
    raise typer.Exit(0 if result.equivalent else 1)


def _metrics(
    comparison: Comparison, alpha: float, bounds: dict[str, float | None]
) -> list[tuple[str, str]]:
    """Return every metric with its value, and limits where they exist."""
    from behaviordist.distance.gate import METRICS, limits, value_of

    lines = []
    for metric, measure in METRICS.items():
        low, high = limits(comparison, metric, alpha, bounds.get(metric))
        name = "disagreement" if metric == "agreement" else metric
        if not comparison.knows(measure):
            lines.append((name, f"{'–':<10}not known from what was compared"))
            continue
        between = f"{100 * (1 - alpha):g}% limits {low:.4g} and {high:.4g}"
        if high == float("inf"):
            above = "a probe lies above the bound" if bounds.get(metric) else "name one: --bound"
            between = f"no upper limit ({above})"
        lines.append((name, f"{value_of(comparison, metric):<10.4g}{between}"))
    return lines
