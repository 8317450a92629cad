"""The `behaviordist` command: assembles the commands, turns errors into one line and an exit code.

Exit codes: 0 fine, 1 the answer is "no", 2 bad input.
"""

from __future__ import annotations

import os
import sys

import typer

from behaviordist.cli.compare import compare, gate
from behaviordist.cli.costs import app as costs
from behaviordist.cli.distance import distance
from behaviordist.cli.leaderboard import leaderboard
from behaviordist.cli.plan import plan
from behaviordist.cli.power import power
from behaviordist.cli.probes import app as probes
from behaviordist.cli.report import report
from behaviordist.cli.run import run, studies
from behaviordist.cli.selftest import selftest
from behaviordist.cli.test import test
from behaviordist.errors import BehaviordistError

app = typer.Typer(
    name="behaviordist",
    help="Distances between model behaviors, the cost of tuning one into another, and a test.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def _commands() -> None:
    """Keep command names on the command line, however few commands there are."""


app.command("compare")(compare)
app.add_typer(costs)
app.command("distance")(distance)
app.command("gate")(gate)
app.command("leaderboard")(leaderboard)
app.add_typer(probes)
app.command("plan")(plan)
app.command("power")(power)
app.command("report")(report)
app.command("run")(run)
app.command("selftest")(selftest)
app.command("test")(test)
app.command("studies")(studies)


def main() -> None:
    """Run the command line; a `BehaviordistError` becomes one line on stderr and exit code 2."""
    # No tool of ours fetches anything unless the user names a hub id; quiet progress of others.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        app()
    except BehaviordistError as error:
        typer.echo(f"error: {' '.join(str(error).split())}", err=True)
        sys.exit(2)
    except KeyboardInterrupt:
        typer.echo("interrupted: run the same command again to continue", err=True)
        sys.exit(130)
