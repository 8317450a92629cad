"""`behaviordist gate --policy`: several metrics, each with its own margin, decided together."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from behaviordist.cli.inputs import Outputs, command_line, give_decision, watching
from behaviordist.cli.terminal import visible

if TYPE_CHECKING:
    from behaviordist.measurements.answers import Draws
    from behaviordist.policy.questions import Known


def gate_by_policy(
    models: list[str],
    path: Path,
    factor: float | None,
    named: tuple[str | None, int | None],
    evals: tuple[str, str] | None,
    draws: Draws,
    device: str | None,
    outputs: Outputs,
) -> int:
    """Decide, or with a factor set the margins by a replicate; return the exit code.

    `named` are the probes and how many, `evals` the logs of both.
    """
    from behaviordist.measurements.policy import measure_for
    from behaviordist.policy.declared import Policy
    from behaviordist.policy.hold import calibrate, check_policy, hold
    from behaviordist.policy.questions import question

    policy = Policy.load(path)

    def before(known: Known) -> None:
        if factor is None:
            typer.echo(visible("\n".join(check_policy(policy, known))), err=outputs.take_stdout)

    with watching() as update:
        known, record = measure_for(
            policy,
            models,
            *named,
            evals=evals,
            draws=draws,
            device=device,
            command=command_line(),
            before=before,
            progress=update,
        )
    if factor is not None:
        calibrated = calibrate(policy, known, factor)
        calibrated.save(path)
        lines = [f"{c.name}: margin {c.margin:g} ({c.calibrated})" for c in calibrated.checks]
        typer.echo(visible("\n".join([*lines, f"written: {path}"])))
        return 0
    held = hold(policy, known)
    pairs = list(zip(held.names, held.gates, strict=True))
    shown = sum(one.verdict == "within" for one in held.gates)
    verdict = f"{shown} of {len(pairs)} metrics shown to be within their margins (Holm)"
    checks = [{"name": name, **one.to_json()} for name, one in pairs]
    decision = {"policy": policy.model_dump(mode="json"), "equivalent": held.passed}
    of = dict.fromkeys(question(check, known).of for check in policy.checks if check.tag is None)
    give_decision(
        outputs,
        known.names,
        "; ".join(of) or "tags",
        record.model_copy(update={"gate": {**decision, "checks": checks}}).to_json(),
        [(name, one.sentence()) for name, one in pairs],
        [(name, one.verdict == "within", one.sentence()) for name, one in pairs],
        [*(f"{name}: {one.sentence()}" for name, one in pairs), verdict],
    )
    return 0 if held.passed else 1
