"""What `--help` shows: commands in order of use, examples under each, flags without a type."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

MEASURE, TUNE, TEST, STUDY = (
    "Measure: how far apart?",
    "Tune: what does it cost?",
    "Test and plan: is closer cheaper?",
    "Studies, pages, probes",
)
ADVICE = "`behaviordist COMMAND --help` has examples. Exit codes: 0 fine, 1 no, 2 bad input."
EXAMPLES = {
    "distance": (
        "behaviordist distance checkpoints/base checkpoints/sft --probes general -o reports/mine",
        "behaviordist distance model.gguf model.gguf@quant=int8 model.gguf@top_k=40,top_p=0.9",
        "behaviordist distance base sft rl --groups groups.csv --palette cividis --format slide",
        "behaviordist distance base sft --targets answers.jsonl --geometry kl",
    ),
    "fingerprint": (
        "behaviordist fingerprint checkpoints/base checkpoints/sft --probes general --out atlas",
        "behaviordist fingerprint checkpoints/base --states float16 --out atlas",
        "behaviordist distance atlas -o reports/mine",
    ),
    "atlas": (
        "behaviordist atlas ls atlas",
        "behaviordist atlas nearest atlas sft -k 5",
        "behaviordist atlas tree atlas -o tree.nwk",
        "behaviordist atlas drift atlas --series 'base@revision=step*'",
    ),
    "push": ("behaviordist push atlas me/behaviors",),
    "pull": ("behaviordist pull me/behaviors --out atlas",),
    "card": (
        "behaviordist card atlas sft --base base",
        "behaviordist card atlas sft --base base --gate gate.json --repo me/behaviors -o card.md",
    ),
    "compare": ("behaviordist compare released candidate --probes instruction",),
    "gate": ("behaviordist gate released candidate --margin 0.2 --json gate.json",),
    "evals": (
        "behaviordist evals distance results/ -o reports/evals",
        "behaviordist evals compare results/ --reference org/base --candidate org/tuned",
        "behaviordist evals gate a.eval b.eval --reference org/a --candidate org/b --margin 0.02",
        "behaviordist evals power 1000 --margin 0.02",
    ),
    "regimes": (
        "behaviordist regimes list",
        "behaviordist regimes new sft --out refunds.yaml",
        "behaviordist regimes schema",
    ),
    "train": ("behaviordist train refunds.yaml --from base --out checkpoints/refunds",),
    "transfer": (
        "behaviordist transfer --sources base sft --targets regimes/a.yaml regimes/b.yaml -o costs",
        "behaviordist transfer --base base --targets a.yaml --keep --also-score old.yaml -o costs",
    ),
    "grow": ("behaviordist grow checkpoints/small --operator depth --layers 8 --out larger",),
    "convert": ("behaviordist convert model.gguf --out model",),
    "costs": ("behaviordist costs import runs.csv --share 0.9 -o costs.csv",),
    "test": (
        "behaviordist test --distances distances.csv --costs costs.csv --baseline size=sizes.csv",
        "behaviordist test --distances distances.csv --costs costs.csv --units families.csv",
    ),
    "leaderboard": (
        "behaviordist leaderboard --costs costs.csv --distances kl=kl.csv --baseline size=s.csv",
    ),
    "power": ("behaviordist power --behaviors 8,12,16 --seeds 1,2,3",),
    "plan": ("behaviordist plan --study reports/transfer --target rlvr-reverse",),
    "run": (
        "behaviordist run",
        "behaviordist run sycophancy --quick -o reports/look",
        "behaviordist run study.yaml --seed 1",
    ),
    "studies": ("behaviordist studies --json",),
    "report": (
        "behaviordist report reports/mine",
        "behaviordist report reports/mine --labels names.csv --palette red --format slide",
    ),
    "selftest": ("behaviordist selftest",),
    "probes": (
        "behaviordist probes list",
        "behaviordist probes show general --first 5",
        "behaviordist probes validate mine.jsonl",
    ),
}
"""Command -> lines to copy; a comma in a value begins the next setting or the next number."""


def out_to(what: str, **options: Any) -> Any:
    """Return the option ``--out``, ``-o``; `what` is its help."""
    return typer.Option("--out", "-o", help=what, **options)


def examples(command: str) -> str:
    """Return the text under a command's help, a line a paragraph."""
    return "\n\n".join(("Examples:", *EXAMPLES[command]))


class _Untyped:
    """A flag shows no type, as it takes no value."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return what it takes."""
        params: list[Any] = super().get_params(ctx)  # type: ignore[misc]
        for param in params:
            if getattr(param, "is_flag", False):
                param.display_type_rich = lambda ctx: None  # noqa: ARG005
        return params


class Command(_Untyped, TyperCommand):
    """A command whose flags show no type."""


class Group(_Untyped, TyperGroup):
    """Commands; flags show no type."""


def register(app: typer.Typer, panel: str, **commands: Any) -> None:
    """Add commands (a function, or one with its class) to a panel of the help."""
    for name, given in commands.items():
        function, kind = given if isinstance(given, tuple) else (given, Command)
        command: Callable[[Any], Any] = app.command(
            name, cls=kind, epilog=examples(name), rich_help_panel=panel
        )
        command(function)
