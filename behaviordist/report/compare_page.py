"""The page of `behaviordist compare`."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from behaviordist.distance.comparison import RARE, Compared, Difference
from behaviordist.distance.estimates import ProbeMean
from behaviordist.record import CompareRecord, Estimate, Fact, Intervals, Paragraph, Table
from behaviordist.record.formatting import plural
from behaviordist.report.compare_tails import tail_tables
from behaviordist.report.figures.forest import draw_forest
from behaviordist.report.figures.render import render_figure
from behaviordist.report.page import Block, DrawnSection, Page, Passage, RenderedFigure, Summary
from behaviordist.report.provenance import notes_section, reproduce_section

# Tags beyond which the chart runs off a screen.
MOST_TAGS = 16
# Characters of a text that are shown before a token and after it.
SHOWN, SHOWN_AFTER = 240, 80
HEADER = ("", "probes", "distance", "KL(ref‖cand), nats", "KL(cand‖ref), nats", "same first token")


def compare_page(record: CompareRecord) -> Page:
    """Return the report of a comparison, and of its noise floor if it is known."""
    comparison, floor = record.comparison, record.floor
    sections = (
        DrawnSection(
            "In all, and by tag", (_chart(comparison, floor), _measures(comparison, floor))
        ),
        DrawnSection("Beyond the mean", tail_tables(comparison)),
        DrawnSection("Where they differ most", _differences(comparison)),
        notes_section(record),
        reproduce_section(record),
    )
    title = f"{comparison.candidate} against {comparison.reference}"
    return Page(title, "behaviordist · compare", _summary(comparison, floor), sections)


def _summary(comparison: Compared, floor: Compared | None) -> Summary:
    distance, forward, _, agreement = comparison.cells(comparison.overall)
    reference, candidate = comparison.reference, comparison.candidate
    limits = exact_words(comparison, "distance")
    within = f"; {limits}" if limits else ""
    sentences = [f"{candidate} lies {distance} from {reference} (Hellinger{within})."]
    if floor is not None:
        sentences.append(floor_sentence(comparison, floor))
    facts = (
        Fact.of("probes", comparison.n_probes, comparison.probes),
        Fact.of("positions", comparison.n_positions),
        Fact.of("KL, nats a token", forward, "of the candidate from the reference"),
        Fact.of("same first token", agreement, exact_words(comparison, "agreement")),
    )
    return Summary(tuple(sentences), facts)


def exact_words(comparison: Compared, metric: str) -> str:
    """Return the limits that hold where probes give no standard error; not in old records."""
    if metric not in comparison.limits:
        return ""
    low, high = comparison.limits[metric]
    return f"95% limits {low:.4f} to {high:.4f}, assuming no shape"


def floor_sentence(comparison: Compared, floor: Compared) -> str:
    """Say whether a candidate lies farther away than the reference made again; 95 % limits."""
    lower = comparison.overall["squared"].bound(0.975, -1)
    above = lower > floor.overall["squared"].bound(0.975, 1)
    words = "is farther than that" if above else "is not shown to be farther than that"
    return (
        f"The reference made again lies {floor.cells(floor.overall)[0]} from itself: the"
        f" candidate {words}."
    )


def _chart(comparison: Compared, floor: Compared | None) -> RenderedFigure:
    """Draw the distance of all probes, of the reference made again, and of each tag."""
    every = [_distance("all probes", comparison.overall)]
    if floor is not None:
        every.append(_distance("noise floor", floor.overall))
    tags, rare = comparison.tags_by_effect()
    by_tag = [_distance(tag, comparison.by_tag[tag]) for tag in tags[:MOST_TAGS]]
    caption = "Hellinger distance with its 95% interval over probes (Student's t of its square)."
    if len(tags) > MOST_TAGS or rare:
        caption += f" The {plural(len(by_tag), 'tag')} farthest apart, of several probes."
    return tag_chart("How far they lie apart, by tag", caption, "distance", every, by_tag)


def tag_chart(
    title: str, caption: str, unit: str, every: Sequence[Estimate], by_tag: Sequence[Estimate]
) -> RenderedFigure:
    """Return the forest of what is known of all probes and of each tag."""
    data = Intervals(
        name="by-tag",
        title=title,
        caption=caption,
        unit=unit,
        groups=(("In all", tuple(every)), ("By tag", tuple(by_tag))),
        main=("all probes",),
    )
    return render_figure(data.name, draw_forest(data), data.title, data.caption)


def estimate_of(label: str, mean: ProbeMean, scale: Callable[[float], float] = float) -> Estimate:
    """Return a mean over probes with its 95 % interval, on a scale."""
    low, high = (
        scale(end) if math.isfinite(end) else math.nan
        for end in (mean.bound(0.975, -1), mean.bound(0.975, 1))
    )
    return Estimate(label=label, value=scale(mean.value), low=low, high=high)


def _distance(label: str, measures: Mapping[str, ProbeMean]) -> Estimate:
    return estimate_of(label, measures["squared"], lambda square: math.sqrt(max(0.0, square)))


def _measures(comparison: Compared, floor: Compared | None) -> Table:
    rows = [("all", str(comparison.n_probes), *comparison.cells(comparison.overall))]
    if floor is not None:
        rows.append(("noise floor", str(floor.n_probes), *floor.cells(floor.overall)))
    tags, rare = comparison.tags_by_effect()
    for tag in tags:
        cells = comparison.cells(comparison.by_tag[tag])
        rows.append((tag, str(comparison.n_by_tag[tag]), *cells))
    note = (
        "± standard error over probes; paraphrases count as one; none where all probes are alike."
        " ∞: a token got probability zero. Tags with the largest distance first."
    )
    if rare:
        note += f" {plural(rare, 'tag')} of fewer than {RARE} probes: in comparison.json."
    return Table(title="Measures", header=HEADER, rows=tuple(rows), align="lrrrrr", note=note)


def _differences(comparison: Compared) -> tuple[Block, ...]:
    words = (
        f"The {plural(len(comparison.differences), 'probe')} with the largest distance: the token"
        " at which it is largest, in its context, and the tokens whose probability moved most"
        f" there, before ({comparison.reference}) and after ({comparison.candidate})."
    )
    return (Paragraph(text=words), *(_difference(one) for one in comparison.differences))


def _difference(one: Difference) -> Passage:
    place = one.place
    before, token, after = (
        ("", "", "") if place is None else (place.before, place.token, place.after)
    )
    rows = [(m.token, m.reference, m.candidate) for m in one.moved]
    if place is not None and token not in (m.token for m in one.moved):
        rows.append((token, place.reference, place.candidate))
    table = Table(
        title=one.probe,
        header=("token", "before", "after", "change"),
        rows=tuple(
            (
                repr(text) + ", stands there" * (text == token),
                f"{p:.4f}",
                f"{q:.4f}",
                f"{q - p:+.4f}",
            )
            for text, p, q in rows
        ),
        align="lrrr",
    )
    return Passage(
        title=f"{one.probe}: {one.squared**0.5:.3f}",
        before=one.context
        if place is None
        else f"…{before[-SHOWN:]}"
        if before[SHOWN:]
        else before,
        marked=token,
        after=f"{after[:SHOWN_AFTER]}…" if after[SHOWN_AFTER:] else after,
        table=table,
    )
