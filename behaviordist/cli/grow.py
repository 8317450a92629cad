"""`behaviordist grow`: a checkpoint made larger, as a folder that `transformers` opens."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from behaviordist.cli.inputs import check_folder
from behaviordist.errors import InputError, did_you_mean

if TYPE_CHECKING:
    from behaviordist.regimes.declaration import Growth


def grow(
    source: Annotated[
        Path, typer.Argument(metavar="CHECKPOINT", help="Folder of a Llama.", show_default=False)
    ],
    operator: Annotated[
        str,
        typer.Option(help="depth, mlp, heads, width, head-width (exact); stack, interpolate."),
    ],
    out: Annotated[Path, typer.Option(help="Folder of the larger model; must not be there yet.")],
    layers: Annotated[int | None, typer.Option(help="depth, stack, interpolate.")] = None,
    intermediate_size: Annotated[int | None, typer.Option(help="mlp: units a layer.")] = None,
    heads: Annotated[int | None, typer.Option(help="heads: query heads.")] = None,
    kv_heads: Annotated[int | None, typer.Option(help="heads: key-value heads.")] = None,
    hidden_size: Annotated[int | None, typer.Option(help="width: the residual stream.")] = None,
    head_dim: Annotated[int | None, typer.Option(help="head-width: a multiple.")] = None,
    seed: Annotated[int, typer.Option(help="Of the new parameters that are noise.")] = 0,
) -> None:
    """Make a Llama larger, sizes as they are after growth, and say how far its function moved."""
    from behaviordist.regimes.declaration import GROWTH_SIZES, Growth
    from behaviordist.store.declared import held

    if operator not in GROWTH_SIZES:
        raise InputError(f"unknown operator '{operator}'; {did_you_mean(operator, GROWTH_SIZES)}")
    sizes = {
        "layers": layers,
        "intermediate_size": intermediate_size,
        "heads": heads,
        "kv_heads": kv_heads,
        "hidden_size": hidden_size,
        "head_dim": head_dim,
    }
    growth = held(Growth, {"operator": operator, **sizes}, "grow")
    check_folder(out)
    if out.exists():
        raise InputError(f"--out {out} is there already: give a folder that is not")
    _write(source, growth, out, seed)


def _write(source: Path, growth: Growth, out: Path, seed: int) -> None:
    from behaviordist.engines.growing import grow_checkpoint
    from behaviordist.store import publish

    inputs = {"source": source.name, "growth": growth.model_dump(), "seed": seed}
    with publish(out, inputs) as temporary:
        record = grow_checkpoint(temporary, source, growth, seed)
    before, after = record["growth"]["before"], record["growth"]["after"]
    changes = [f"{name} {before[name]} -> {after[name]}" for name in after]
    jump = record["jump"]
    typer.echo(f"{growth.operator}: " + ", ".join(changes))
    typer.echo(
        f"function moved by {jump['hellinger']:.2g} (hellinger), logits by at most "
        f"{jump['max_logit_difference']:.2g}, over {jump['positions']} positions"
    )
    typer.echo(f"Checkpoint: {out}")
