"""`behaviordist gate --policy`: several metrics, each with its own margin, decided together."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from behaviordist.cli.inputs import check_outputs, command_line, give_json, watching
from behaviordist.cli.terminal import visible

if TYPE_CHECKING:
    from behaviordist.probes import ProbeSet


@dataclass(frozen=True)
class Outputs:
    """Where the decision goes besides the terminal."""

    json_to: str | None = None
    markdown_to: str | None = None
    junit_to: str | None = None


def gate_by_policy(
    models: list[str],
    path: Path,
    factor: float | None,
    probes: str | None,
    limit: int | None,
    device: str | None,
    outputs: Outputs,
) -> int:
    """Decide, or with a factor set the margins by a replicate; return the exit code."""
    from behaviordist.distance.policy import Policy, calibrate, check_policy, hold
    from behaviordist.measurements.compare import compare_models
    from behaviordist.record import GateRecord
    from behaviordist.report.decision import Decision, publish_decision

    policy = Policy.load(path)
    aside = check_outputs(outputs.json_to, outputs.markdown_to, outputs.junit_to)
    chosen: list[ProbeSet] = []

    def before(probes: ProbeSet) -> None:
        chosen.append(probes)
        if factor is None:
            typer.echo(visible("\n".join(check_policy(policy, probes))), err=aside)

    with watching() as update:
        comparison, compared = compare_models(
            models,
            probes,
            limit,
            device=device,
            command=command_line(),
            before=before,
            progress=update,
        )
    if factor is not None:
        calibrated = calibrate(policy, comparison, chosen[0], factor)
        calibrated.save(path)
        lines = [f"{c.name}: margin {c.margin:g} ({c.calibrated})" for c in calibrated.checks]
        typer.echo(visible("\n".join([*lines, f"written: {path}"])))
        return 0
    held = hold(comparison, policy, chosen[0])
    pairs = list(zip(held.names, held.gates, strict=True))
    shown = sum(one.equivalent for one in held.gates)
    verdict = f"{shown} of {len(pairs)} metrics shown to be within their margins (Holm)"
    known = {key: value for key, value in vars(compared).items() if key != "kind"}
    checks = [{"name": name, **one.to_json()} for name, one in pairs]
    decision = {"policy": policy.model_dump(mode="json"), "equivalent": held.passed}
    record = GateRecord(**known, gate={**decision, "checks": checks}).to_json()
    give_json(outputs.json_to, record)
    words = Decision(
        comparison.reference,
        comparison.candidate,
        f"{comparison.n_probes} probes of {comparison.probes}",
        tuple((name, one.sentence()) for name, one in pairs),
        tuple((name, one.equivalent, one.sentence()) for name, one in pairs),
        command_line(),
    )
    text = publish_decision(words, outputs.markdown_to, outputs.junit_to)
    if text is not None:
        typer.echo(text, nl=False)
    lines = [*(f"{name}: {one.sentence()}" for name, one in pairs), verdict]
    typer.echo(visible("\n".join(lines)), err=aside)
    return 0 if held.passed else 1
