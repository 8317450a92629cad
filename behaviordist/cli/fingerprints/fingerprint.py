"""`behaviordist fingerprint`: measure models once, into files that stand for them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from behaviordist.cli.distance import sketch_size
from behaviordist.cli.help import out_to
from behaviordist.cli.inputs import Backend, Device, Limit, Sketch, watching
from behaviordist.cli.terminal import visible


def fingerprint(
    models: Annotated[
        list[str], typer.Argument(metavar="MODEL...", help="As for `distance`.", show_default=False)
    ],
    out: Annotated[Path, out_to("The atlas: a folder of fingerprints that grows.")],
    probes: Annotated[
        str | None,
        typer.Option(
            help="A shipped set's name or a .jsonl file.", show_default="the atlas's, else general"
        ),
    ] = None,
    geometry: Annotated[
        str, typer.Option(help="As for `distance`, but for samples, kl and overlap.")
    ] = "hellinger",
    probes_limit: Limit = None,
    sketch: Sketch = "auto",
    dtype: Annotated[
        str, typer.Option(help="float32 or float16: how features are kept.")
    ] = "float32",
    states: Annotated[
        str | None,
        typer.Option(
            help="Keep hidden states too, as float16, bfloat16 or float32: KL, agreement, tokens"
            " and every geometry from the file.",
            show_default="features alone",
        ),
    ] = None,
    label: Annotated[
        list[str] | None,
        typer.Option(help="What to call the models; one a model.", show_default="their names"),
    ] = None,
    licence: Annotated[
        str, typer.Option(help="What the files say they may be used under.", show_default="none")
    ] = "",
    device: Device = None,
    backend: Backend = None,
    jobs: Annotated[
        int | None,
        typer.Option(min=1, help="Models at a time, each in a process.", show_default="one, here"),
    ] = None,
) -> None:
    """Measure models once: the files stand for them in `distance`, `compare`, `gate` and `plan`."""
    from behaviordist.distance.atlas.folder import grow
    from behaviordist.measurements.fingerprints import fingerprint as measure

    with watching() as update:
        measure(
            models,
            out,
            probes,
            geometry,
            states=states,
            labels=label or (),
            licence=licence,
            probes_limit=probes_limit,
            device=device,
            sketch=sketch_size(sketch),
            dtype=dtype,
            backend=backend,
            jobs=jobs,
            progress=update,
        )
    for path, (matrix, _) in grow(out).items():
        typer.echo(visible(f"{path}: {len(matrix)} behaviors"))
