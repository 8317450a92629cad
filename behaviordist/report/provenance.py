"""The section that lets somebody else make the same numbers."""

from __future__ import annotations

from behaviordist.record import Code, Notes, Paragraph, RunRecord, Table
from behaviordist.record.formatting import MISSING, seconds
from behaviordist.report.page import Block, DrawnSection

PER_MACHINE = (
    "Numbers are per machine: compilers round as the processor lets them, and training parts ways"
    " from there. Another processor gives other third digits, and other outcomes of single runs;"
    " compare intervals."
)


def reproduce_section(record: RunRecord, files: tuple[str, ...] = ()) -> DrawnSection:
    """Return the command, seed, processor, versions, digests and times of a run."""
    origin = record.provenance
    blocks: list[Block] = []
    if origin.command:
        blocks += [
            Paragraph(text="The command that wrote this folder; run again, it continues."),
            Code(text=origin.command),
        ]
    if files:
        words = "Every number of this page is beside it: " + ", ".join(files) + "."
        blocks.append(Paragraph(text=words))
    blocks.append(Paragraph(text=PER_MACHINE))
    made = Table(title="Made with", header=("what", "value"), rows=_facts(record), align="ll")
    blocks.append(made)
    times = tuple((name, seconds(value)) for name, value in origin.times_s.items())
    if times:
        blocks.append(Table(title="Time", header=("stage", "took"), rows=times, align="lr"))
    return DrawnSection("How to reproduce it", tuple(blocks))


def notes_section(record: RunRecord) -> DrawnSection:
    """Return the remarks of the run."""
    notes = tuple(dict.fromkeys(record.notes))
    return DrawnSection("Notes", (Notes(items=notes),) if notes else ())


def _facts(record: RunRecord) -> tuple[tuple[str, str], ...]:
    origin = record.provenance
    rows = [("processor", str(origin.cpu) if origin.cpu else "not kept")]
    if origin.seed is not None:
        rows.append(("seed", str(origin.seed)))
    if getattr(record, "quick", False):
        rows.append(("quick", "yes: fewer behaviors and smaller budgets than the full study"))
    if origin.commit:
        rows.append(("commit", origin.commit))
    rows += [(f"version of {name}", value) for name, value in origin.versions.items()]
    rows += [(f"digest of {name}", value) for name, value in origin.digests.items()]
    return tuple((name, value or MISSING) for name, value in rows)
