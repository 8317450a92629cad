"""`behaviordist run` and `behaviordist studies`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from behaviordist.cli.terminal import visible


def run(
    study: Annotated[str, typer.Argument(help="A study's name or a YAML file.")] = "transfer",
    quick: Annotated[bool, typer.Option("--quick", help="The study's reduced form.")] = False,
    seed: Annotated[int, typer.Option(help="Seeds every random draw.")] = 0,
    out: Annotated[Path | None, typer.Option(help="Folder; default reports/NAME.")] = None,
    jobs: Annotated[int | None, typer.Option(help="Processes; default one a core.")] = None,
) -> None:
    """Run a study from nothing to its report; run the same command again to continue it."""
    from behaviordist.store import ranks
    from behaviordist.studies.run import run as run_study

    record = run_study(study, out, quick=quick, seed=seed, jobs=jobs)
    if not ranks.is_first():
        return
    folder = Path(record["folder"])
    typer.echo(visible(_sentence(record, folder)))
    typer.echo(f"Report: {folder / 'index.html'}")


def _sentence(record: dict[str, Any], folder: Path) -> str:
    """Return the study's answer: its headline, its test's sentence, or why there is none."""
    findings = record.get("findings")
    if findings is not None:
        return f"{findings['claims'][0]['verdict']}: {findings['headline']}"
    if "untested" in record:
        return f"no test: {record['untested']}"
    test = json.loads((folder / "test.json").read_text(encoding="utf-8"))
    return str(test["sentence"])


def studies() -> None:
    """List the studies that `run` can run."""
    from behaviordist.studies.catalogue import STUDIES

    for name, study in STUDIES.items():
        typer.echo(f"{name:<14} {study.line}")
