"""`behaviordist gate --policy`: several metrics, each with its own margin, decided together."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from behaviordist.cli.inputs import Outputs, command_line, give_decision, watching
from behaviordist.cli.terminal import visible

if TYPE_CHECKING:
    from behaviordist.probes import ProbeSet


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

    policy = Policy.load(path)
    chosen: list[ProbeSet] = []

    def before(probes: ProbeSet) -> None:
        chosen.append(probes)
        if factor is None:
            typer.echo(visible("\n".join(check_policy(policy, probes))), err=outputs.take_stdout)

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
    give_decision(
        outputs,
        comparison,
        record,
        [(name, one.sentence()) for name, one in pairs],
        [(name, one.equivalent, one.sentence()) for name, one in pairs],
        [*(f"{name}: {one.sentence()}" for name, one in pairs), verdict],
    )
    return 0 if held.passed else 1
