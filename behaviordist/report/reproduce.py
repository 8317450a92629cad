"""The section that lets somebody else make the same numbers."""

from __future__ import annotations

from behaviordist.report.folder import RunFolder
from behaviordist.report.formatting import MISSING, seconds
from behaviordist.report.page import Block, Code, Notes, Paragraph, Section, Table


def reproduce_section(run: RunFolder) -> Section:
    """Return the command, seed, versions, digests and times that `run.json` keeps."""
    blocks: list[Block] = []
    command = run.record.get("command")
    if command:
        blocks.append(Paragraph("The command that wrote this folder; run again, it continues."))
        blocks.append(Code(str(command)))
    kinds = (".csv", ".parquet", ".json", ".npz")
    files = [
        path.name
        for path in sorted(run.path.iterdir())
        if path.suffix in kinds and not path.name.endswith(".manifest.json")
    ]
    blocks.append(Paragraph("Every number of this page is beside it: " + ", ".join(files) + "."))
    facts = _facts(run)
    if facts:
        blocks.append(Table("Made with", ("what", "value"), facts, "ll"))
    times = tuple((str(name), seconds(value)) for name, value in run.table("times_s").items())
    if times:
        blocks.append(Table("Time", ("stage", "took"), times, "lr"))
    return Section("How to reproduce it", tuple(blocks))


def notes_section(run: RunFolder, more: tuple[str, ...] = ()) -> Section:
    """Return the remarks of the run, of its test, and those of the report itself."""
    found = [run.record.get("notes"), run.test.get("notes"), list(more)]
    items = [str(item) for notes in found if isinstance(notes, list) for item in notes]
    return Section("Notes", (Notes(tuple(dict.fromkeys(items))),) if items else ())


def _facts(run: RunFolder) -> tuple[tuple[str, str], ...]:
    rows: list[tuple[str, str]] = []
    if "seed" in run.record:
        rows.append(("seed", str(run.record["seed"])))
    if run.record.get("quick"):
        rows.append(("quick", "yes: fewer behaviors and smaller budgets than the full study"))
    rows += [(f"version of {name}", str(value)) for name, value in run.table("versions").items()]
    rows += [(f"digest of {name}", str(value)) for name, value in run.table("digests").items()]
    return tuple((name, value or MISSING) for name, value in rows)
