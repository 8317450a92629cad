"""`behaviordist grow`: a checkpoint made larger, as a folder that `transformers` opens."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from behaviordist.cli.help import out_to
from behaviordist.errors import InputError, did_you_mean
from behaviordist.store.folders import check_folder

if TYPE_CHECKING:
    from behaviordist.regimes.declaration import Growth

PERMUTE = "permute"


def grow(
    source: Annotated[
        Path, typer.Argument(metavar="CHECKPOINT", help="Folder of a Llama.", show_default=False)
    ],
    operator: Annotated[
        str,
        typer.Option(
            help="depth, mlp, heads, width, head-width (exact); stack, interpolate; permute: the"
            " same function and size at other weights."
        ),
    ],
    out: Annotated[Path, out_to("Folder of the larger model; must not be there yet.")],
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

    known = (*GROWTH_SIZES, PERMUTE)
    if operator not in known:
        raise InputError(f"unknown operator '{operator}'; {did_you_mean(operator, known)}")
    sizes = {
        "layers": layers,
        "intermediate_size": intermediate_size,
        "heads": heads,
        "kv_heads": kv_heads,
        "hidden_size": hidden_size,
        "head_dim": head_dim,
    }
    if operator == PERMUTE:
        growth = None
        given = next((name for name, size in sizes.items() if size is not None), None)
        if given is not None:
            raise InputError(f"operator '{PERMUTE}' does not change '{given}'")
    else:
        growth = held(Growth, {"operator": operator, **sizes}, "grow")
    check_folder(out)
    if out.exists():
        raise InputError(f"--out {out} is there already: give a folder that is not")
    _write(source, growth, out, seed)


def _write(source: Path, growth: Growth | None, out: Path, seed: int) -> None:
    """Write the larger model, or without a growth the permuted one, and say what became of it."""
    from behaviordist.engines.growing import grow_checkpoint, permute_checkpoint
    from behaviordist.store import publish

    declared = PERMUTE if growth is None else growth.model_dump()
    with publish(out, {"source": source.name, "growth": declared, "seed": seed}) as temporary:
        if growth is None:
            record = permute_checkpoint(temporary, source, seed)
            said = f"{PERMUTE}: "
        else:
            record = grow_checkpoint(temporary, source, growth, seed)
            before, after = record["growth"]["before"], record["growth"]["after"]
            changes = [f"{name} {before[name]} -> {after[name]}" for name in after]
            said = f"{growth.operator}: {', '.join(changes)}\n"
    jump = record["jump"]
    typer.echo(
        f"{said}function moved by {jump['hellinger']:.2g} (hellinger), logits by at most"
        f" {jump['max_logit_difference']:.2g}, over {jump['positions']} positions"
    )
    typer.echo(f"Checkpoint: {out}")


def convert(
    model: Annotated[Path, typer.Argument(metavar="FILE.gguf", show_default=False)],
    out: Annotated[Path, out_to("Folder to write.", show_default=False)],
) -> None:
    """Write a GGUF file's model as a Hugging Face folder: float32, plain, with its tokenizer."""
    from rich.console import Console

    from behaviordist.cli.inputs import heartbeat
    from behaviordist.store import file_digest, is_finished, publish
    from behaviordist.store.stages import stage
    from behaviordist.studies.real_models.base import convert_gguf

    if model.suffix != ".gguf" or not model.is_file():
        raise InputError(f"{model}: no such .gguf file; give one")
    check_folder(out)
    inputs = {"gguf": file_digest(model), "dtype": "float32"}
    if is_finished(out, inputs):
        typer.echo(f"{out} holds it already")
        return
    if out.is_dir() and any(out.iterdir()):
        raise InputError(f"--out {out} is not empty; name a new folder")
    with heartbeat(Console(stderr=True)), publish(out, inputs) as folder:
        folder.mkdir()
        with stage(f"converting {model.name}"):
            convert_gguf(folder, model)
    typer.echo(f"written: {out}")
