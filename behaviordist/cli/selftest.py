"""`behaviordist selftest`: is this installation right on truths that were planted?"""

from __future__ import annotations

import typer


def selftest() -> None:
    """Run planted truths through the real pipeline; exit 1 when one is not found."""
    from rich.console import Console
    from rich.table import Table

    from behaviordist.selftest import run_selftest

    console = Console()
    checks = []
    with console.status("Running planted truths ..."):
        for check in run_selftest():
            checks.append(check)
    table = Table("planted truth", "expected", "found", "")
    for check in checks:
        table.add_row(check.name, check.expected, check.found, "ok" if check.passed else "FAILED")
    console.print(table)
    failed = [check.name for check in checks if not check.passed]
    if failed:
        typer.echo(f"{len(failed)} of {len(checks)} failed: {', '.join(failed)}", err=True)
        raise typer.Exit(1)
    typer.echo(f"All {len(checks)} planted truths were found.")
