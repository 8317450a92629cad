"""`behaviordist push`, `pull` and `card`: atlases on a hub, and what a model card says of one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from behaviordist.cli.fingerprints.atlas import Folder, Kind
from behaviordist.cli.help import out_to
from behaviordist.cli.terminal import visible

Repository = Annotated[str, typer.Argument(metavar="REPO", help="OWNER/NAME, a data set.")]


def push(
    atlas: Folder,
    repository: Repository,
    private: Annotated[
        bool, typer.Option("--private", help="Make it private, where it is new.")
    ] = False,
) -> None:
    """Put an atlas on the Hugging Face hub, the texts of its probes with it.

    The token is that of HF_TOKEN.
    """
    from behaviordist.distance.atlas.hub import push as put

    commit = put(atlas, repository, private)
    typer.echo(visible(f"{repository}: {commit}"))


def pull(
    repository: Repository,
    out: Annotated[Path, out_to("The atlas: a folder, which may hold others already.")],
    revision: Annotated[
        str | None,
        typer.Option(help="A branch, tag or commit.", show_default="the newest"),
    ] = None,
) -> None:
    """Bring an atlas from the Hugging Face hub: every byte is what was pushed, or nothing is kept.

    The token is that of HF_TOKEN, if there is one.
    """
    from behaviordist.distance.atlas.folder import grow
    from behaviordist.distance.atlas.hub import pull as bring

    new = bring(repository, out, revision)
    grow(out)
    typer.echo(visible(f"{out}: {new} new fingerprints"))


def card(
    atlas: Folder,
    model: Annotated[str, typer.Argument(help="A behavior of the atlas.", show_default=False)],
    base: Annotated[
        str, typer.Option(help="The behavior that it was made from.", show_default=False)
    ],
    gate: Annotated[
        Path | None,
        typer.Option(help="What `gate --json` wrote about the two.", show_default=False),
    ] = None,
    repository: Annotated[
        str | None, typer.Option("--repo", help="Where the atlas was pushed.", show_default=False)
    ] = None,
    kind: Kind = None,
    out: Annotated[Path | None, out_to("File of the Markdown.", show_default="shown")] = None,
) -> None:
    """Write a section of a model card: base, distance with its interval, how to see it again."""
    from behaviordist.distance.atlas.card import card as of
    from behaviordist.store import write_text
    from behaviordist.store.folders import check_folder

    if out is not None:
        check_folder(out.parent)
    text = of(atlas, model, base, kind=kind, gate=gate, repository=repository)
    if out is None:
        typer.echo(visible(text), nl=False)
    else:
        write_text(out, text)
        typer.echo(visible(f"Section: {out}"))
