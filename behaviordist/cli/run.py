"""`behaviordist run`, `studies` and `selftest`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from behaviordist.cli.help import out_to
from behaviordist.cli.inputs import AsJson, Backend
from behaviordist.cli.terminal import visible


def run(
    study: Annotated[str, typer.Argument(help="A study's name or a YAML file.")] = "transfer",
    quick: Annotated[bool, typer.Option("--quick", help="The study's reduced form.")] = False,
    seed: Annotated[int, typer.Option(help="Seeds every random draw.")] = 0,
    out: Annotated[Path | None, out_to("Folder; default reports/NAME.")] = None,
    jobs: Annotated[int | None, typer.Option(help="Processes; default one a core.")] = None,
    backend: Backend = None,
) -> None:
    """Run a study from nothing to its report; run the same command again to continue it."""
    from behaviordist.store import ranks
    from behaviordist.studies.run import run as run_study

    record = run_study(study, out, quick=quick, seed=seed, jobs=jobs, backend=backend)
    if not ranks.is_first():
        return
    folder = Path(record["folder"])
    typer.echo(visible(_sentence(record, folder)))
    typer.echo(f"Report: {folder / 'index.html'}")


def _sentence(record: dict[str, Any], folder: Path) -> str:
    """Return the study's answer: its headline, its test's sentence, or why there is none."""
    if record.get("untested"):
        return f"no test: {record['untested']}"
    findings = record.get("findings")
    if findings is not None:
        return f"{findings['claims'][0]['verdict']}: {findings['headline']}"
    test = json.loads((folder / "test.json").read_text(encoding="utf-8"))
    return str(test["sentence"])


def studies(as_json: AsJson = False) -> None:
    """List the studies that `run` can run."""
    from behaviordist.studies.catalogue import STUDIES

    if as_json:
        typer.echo(json.dumps({name: study.line for name, study in STUDIES.items()}, indent=1))
        return
    for name, study in STUDIES.items():
        typer.echo(f"{name:<14} {study.line}")


def selftest() -> None:
    """Run planted truths through the real pipeline; exit 1 when one is not found."""
    from rich.console import Console
    from rich.table import Table

    from behaviordist.selftest import run_selftest

    console = Console()
    with console.status("Running planted truths ..."):
        checks = list(run_selftest())
    table = Table("planted truth", "expected", "found", "")
    for check in checks:
        table.add_row(check.name, check.expected, check.found, "ok" if check.passed else "FAILED")
    console.print(table)
    failed = [check.name for check in checks if not check.passed]
    if failed:
        typer.echo(f"{len(failed)} of {len(checks)} failed: {', '.join(failed)}", err=True)
        raise typer.Exit(1)
    typer.echo(f"All {len(checks)} planted truths were found.")
