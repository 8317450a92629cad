"""`behaviordist probes`: list, show, validate and make probe sets."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from behaviordist.cli.help import Command, out_to
from behaviordist.cli.inputs import AsJson
from behaviordist.cli.terminal import visible

if TYPE_CHECKING:
    from behaviordist.probes import ProbeSet

app = typer.Typer(
    name="probes", help="List, show, validate and make probe sets.", no_args_is_help=True
)
Named = Annotated[str, typer.Argument(metavar="NAME|FILE", show_default=False)]


@app.command("list", cls=Command)
def list_sets(as_json: AsJson = False) -> None:
    """List the shipped probe sets with their size and purpose."""
    from behaviordist.probes import ProbeSet, shipped_sets

    rows = []
    for name, path in shipped_sets().items():
        purpose = _first_sentence(card_section(path.with_suffix(".md"), "Purpose"))
        rows.append({"name": name, "probes": len(ProbeSet.load(name)), "purpose": purpose})
    if as_json:
        typer.echo(json.dumps(rows, indent=1))
        return
    for row in rows:
        typer.echo(f"{row['name']:<14} {row['probes']:>4} probes  {row['purpose']}")


@app.command("show", cls=Command)
def show(
    name: Named,
    probe: Annotated[str | None, typer.Option(help="Id of one probe.", show_default=False)] = None,
    first: Annotated[int, typer.Option(help="How many probes.")] = 3,
) -> None:
    """Show a set's size, digest and tags, and its first probes, or one of them."""
    from behaviordist.errors import InputError, did_you_mean
    from behaviordist.probes import ProbeSet

    probes = ProbeSet.load(name)
    if probe is None:
        _summary(probes)
        chosen = probes.probes[:first]
    else:
        chosen = tuple(p for p in probes if p.id == probe)
        if not chosen:
            known = did_you_mean(probe, [p.id for p in probes]).partition(" (known")[0]
            raise InputError(f"'{probes.name}' has no probe '{probe}'; {known[:120]}")
    for one in chosen:
        typer.echo(visible(f"\n{one.id}  {' '.join(one.tags)}\n{one.prompt}[{one.continuation}]"))


@app.command("validate", cls=Command)
def validate(name: Named) -> None:
    """Check a set; exit 0 with its size and digest, or 2 with the first line that is wrong."""
    from behaviordist.probes import ProbeSet

    probes = ProbeSet.load(name)
    _summary(probes)
    texts = Counter((p.prompt, p.continuation) for p in probes)
    repeated = sum(count - 1 for count in texts.values())
    if repeated:
        typer.echo(f"warning: {repeated} probes repeat the text of another one")


@app.command("new", cls=Command)
def new(
    source: Annotated[
        str,
        typer.Argument(
            help="Text (.txt, .md), chats (.jsonl with messages), a table (.csv, .tsv, .parquet,"
            " .jsonl, TRL's rows), a folder of save_to_disk or a Hugging Face dataset.",
            show_default=False,
        ),
    ],
    out: Annotated[Path, out_to("The .jsonl file to write.", show_default=False)],
    prompt: Annotated[str, typer.Option(help="Column of the prompt.")] = "prompt",
    continuation: Annotated[str, typer.Option(help="Column of the continuation.")] = "continuation",
    tags: Annotated[str | None, typer.Option(help="Column of tags, comma-separated.")] = None,
    group: Annotated[str | None, typer.Option(help="Column naming paraphrases.")] = None,
    split: Annotated[str, typer.Option(help="Split of a dataset.")] = "test",
    share: Annotated[float, typer.Option(help="Share of a paragraph that is prompt.")] = 0.5,
    limit: Annotated[int | None, typer.Option(help="Rows to take.", show_default="all")] = None,
) -> None:
    """Make a probe set from what you have, and write it as JSON lines."""
    from behaviordist.errors import InputError
    from behaviordist.probes.importing import read_source

    if out.suffix != ".jsonl":
        raise InputError(f"{out}: probe sets are .jsonl files; name one")
    if limit is not None and limit < 1:
        raise InputError(f"--limit is {limit}: at least one row is needed")
    columns = {"prompt": prompt, "continuation": continuation}
    columns |= {k: v for k, v in (("tags", tags), ("group", group)) if v is not None}
    probes = read_source(out.stem, source, columns, split=split, share=share, most=limit)
    probes.save(out)
    _summary(probes)
    typer.echo(f"written: {out}")


def card_section(card: Path, title: str) -> str:
    """Return the paragraph that a card begins with `**Title.**`, or the empty text."""
    if not card.is_file():
        return ""
    for paragraph in card.read_text(encoding="utf-8").split("\n\n"):
        if paragraph.startswith(f"**{title}.**"):
            return " ".join(paragraph.removeprefix(f"**{title}.**").split())
    return ""


def _first_sentence(text: str) -> str:
    return text.partition(". ")[0].rstrip(".")


def _summary(probes: ProbeSet) -> None:
    groups = {p.group for p in probes if p.group is not None}
    size = sum(len(p.prompt.encode()) + len(p.continuation.encode()) for p in probes)
    typer.echo(f"{probes.name}: {len(probes)} probes, {len(groups)} groups, {size:,} bytes of text")
    typer.echo(f"digest: {probes.digest}")
    chats = sum(bool(p.messages) for p in probes)
    bare = sum(not p.continuation for p in probes)
    if chats:
        typer.echo(f"{chats} are chats: each model writes them with its own template")
    if bare:
        typer.echo(
            f"{bare} are prompts alone: let the models write the continuations (--on-policy N), or"
            " use --geometry samples"
        )
    counts = Counter(tag for p in probes for tag in p.tags)
    if counts:
        typer.echo(visible("tags: " + ", ".join(f"{tag} {n}" for tag, n in counts.most_common(30))))
