"""The page of `behaviordist compare`."""

from __future__ import annotations

from typing import Any

from behaviordist.distance.comparison import Comparison, Difference
from behaviordist.report.formatting import plural
from behaviordist.report.page import (
    Block,
    Code,
    Fact,
    Notes,
    Page,
    Paragraph,
    Section,
    Summary,
    Table,
)

HEADER = ("", "probes", "distance", "KL(ref‖cand), nats", "KL(cand‖ref), nats", "same first token")


def compare_page(found: Comparison, floor: Comparison | None, record: dict[str, Any]) -> Page:
    """Return the report of a comparison, its noise floor if known, and the run's record."""
    sections = (
        Section("In all, and by tag", (_measures(found, floor),)),
        Section("Where they differ most", _differences(found)),
        Section("Notes", (Notes(tuple(record["notes"])),) if record["notes"] else ()),
        Section("How to reproduce it", (Code(str(record["command"])), _made_with(record))),
    )
    title = f"{found.candidate} against {found.reference}"
    return Page(title, "behaviordist · compare", _summary(found, floor), sections)


def _summary(found: Comparison, floor: Comparison | None) -> Summary:
    distance, forward, _, agreement = found.cells(found.overall)
    sentences = [f"{found.candidate} lies {distance} from {found.reference} (Hellinger)."]
    if floor is not None:
        above = found.overall["squared"].bound(0.975, -1) > floor.overall["squared"].value
        sentences.append(
            f"The reference made again lies {floor.cells(floor.overall)[0]} from itself: the"
            f" candidate is {'farther than that' if above else 'not told from that noise'}."
        )
    facts = (
        Fact("probes", str(found.n_probes), found.probes),
        Fact("positions", str(found.n_positions)),
        Fact("KL, nats a token", forward, "of the candidate from the reference"),
        Fact("same first token", agreement),
    )
    return Summary(tuple(sentences), facts)


def _measures(found: Comparison, floor: Comparison | None) -> Table:
    rows = [("all", str(found.n_probes), *found.cells(found.overall))]
    if floor is not None:
        rows.append(("noise floor", str(floor.n_probes), *floor.cells(floor.overall)))
    for tag, estimates in found.by_tag.items():
        rows.append((tag, str(found.n_by_tag[tag]), *found.cells(estimates)))
    note = (
        "± standard error over probes; paraphrases count as one. ∞: a token got probability zero."
    )
    return Table("Measures", HEADER, tuple(rows), "lrrrrr", note)


def _differences(found: Comparison) -> tuple[Block, ...]:
    words = Paragraph(
        f"The {plural(len(found.differences), 'probe')} with the largest distance, and the tokens"
        " whose probability moved most at the position where it is largest."
    )
    return (words, *(_difference(found, one) for one in found.differences))


def _difference(found: Comparison, one: Difference) -> Table:
    rows = tuple((repr(m.token), f"{m.reference:.4f}", f"{m.candidate:.4f}") for m in one.moved)
    header = ("token", found.reference, found.candidate)
    return Table(f"{one.probe}: {one.squared**0.5:.3f}", header, rows, "lrr", one.context)


def _made_with(record: dict[str, Any]) -> Table:
    facts = [(f"version of {name}", value) for name, value in record["versions"].items()]
    facts += [("digest of probes", record["probes"]["digest"])]
    facts += [(f"identity of {b['label']}", b["identity"]) for b in record["behaviors"]]
    return Table("Made with", ("what", "value"), tuple(facts), "ll")
