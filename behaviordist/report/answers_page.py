"""The page of `behaviordist compare` where a model only answers."""

from __future__ import annotations

from behaviordist.distance.black_box.comparison import AnswersApart, ComparedAnswers
from behaviordist.distance.comparison import RARE
from behaviordist.record import AnswersRecord, Fact, Paragraph, Table
from behaviordist.record.formatting import plural
from behaviordist.report.compare_page import MOST_TAGS, estimate_of, tag_chart
from behaviordist.report.compare_tails import with_error
from behaviordist.report.page import Block, DrawnSection, Page, RenderedFigure, Summary
from behaviordist.report.provenance import notes_section, reproduce_section

LEVEL = 0.05
LONGEST = 300


def answers_page(record: AnswersRecord) -> Page:
    """Return the report of a comparison by answers, and of its noise floor if it is known."""
    comparison, floor = record.comparison, record.floor
    sections = (
        DrawnSection("In all, and by tag", (_chart(comparison, floor), _table(comparison))),
        DrawnSection("The first token", _first_token(comparison)),
        DrawnSection("Where they differ most", _differences(comparison)),
        notes_section(record),
        reproduce_section(record),
    )
    title = f"{comparison.candidate} against {comparison.reference}"
    return Page(title, "behaviordist · compare", _summary(comparison, floor), sections)


def said(comparison: ComparedAnswers) -> str:
    """Say what the two-sample test shows."""
    pair = f"{comparison.candidate} and {comparison.reference}"
    p = f"two-sample test, p = {comparison.p:.3g}"
    if comparison.p <= LEVEL:
        return f"{pair} do not answer alike ({p})."
    return f"{pair} are not shown to answer differently ({p}); that shows no sameness."


def apart(comparison: ComparedAnswers) -> str:
    """Say how far the answers lie apart, with limits that assume no shape."""
    return (
        f"distance of answers {comparison.distance:.3f}, 95% limits {comparison.low:.3f} and"
        f" {comparison.high:.3f}, assuming no shape"
    )


def _summary(comparison: ComparedAnswers, floor: ComparedAnswers | None) -> Summary:
    sentences = [said(comparison), f"In all: {apart(comparison)}."]
    if floor is not None:
        sentences.append(f"The reference made again: {said(floor)} There: {apart(floor)}.")
    facts = (
        Fact.of("probes", comparison.n_probes, comparison.probes),
        Fact.of("answers", comparison.n_answers, f"compared by {comparison.kernel}"),
        Fact.of("p", f"{comparison.p:.3g}", f"{comparison.permutations:,} relabellings"),
    )
    return Summary(tuple(sentences), facts)


def _chart(comparison: ComparedAnswers, floor: ComparedAnswers | None) -> RenderedFigure:
    every = [estimate_of("all probes", comparison.squared)]
    if floor is not None:
        every.append(estimate_of("noise floor", floor.squared))
    known = _tags(comparison)[:MOST_TAGS]
    return tag_chart(
        "How far their answers lie apart, by tag",
        "Squared distance of answers (unbiased: it may lie below 0) with its 95% interval over"
        " probes (Student's t).",
        "squared distance",
        every,
        [estimate_of(tag, comparison.by_tag[tag]) for tag in known],
    )


def _tags(comparison: ComparedAnswers) -> list[str]:
    known = [tag for tag, n in comparison.n_by_tag.items() if n >= RARE]
    return sorted(known, key=lambda tag: -comparison.by_tag[tag].value)


def _table(comparison: ComparedAnswers) -> Table:
    rows = [("all", str(comparison.n_probes), with_error(comparison.squared))]
    rows += [
        (tag, str(comparison.n_by_tag[tag]), with_error(comparison.by_tag[tag]))
        for tag in _tags(comparison)
    ]
    return Table(
        title="Squared distance of answers",
        header=("", "probes", "squared distance"),
        rows=tuple(rows),
        align="lrr",
        note=f"± standard error over probes. Tags of fewer than {RARE} probes: in comparison.json.",
    )


def _first_token(comparison: ComparedAnswers) -> tuple[Block, ...]:
    found = comparison.first_token
    if found is None:
        return ()
    rows = (
        ("squared Hellinger distance, at least", with_error(found.squared_low)),
        ("squared Hellinger distance, at most", with_error(found.squared_high)),
        ("KL(ref‖cand), nats, at least", with_error(found.kl_forward)),
        ("KL(cand‖ref), nats, at least", with_error(found.kl_backward)),
        ("same likeliest token", with_error(found.agreement)),
    )
    note = (
        "Means over probes ± standard error. Each server names its likeliest tokens alone: what"
        " others may have bounds the rest. KL has no largest value. Tokens are matched by text."
    )
    table = Table(
        title="What the likeliest tokens bound", header=("", "first token"), rows=rows, align="lr",
        note=note,
    )  # fmt: skip
    return (table,)


def _differences(comparison: ComparedAnswers) -> tuple[Block, ...]:
    if not comparison.differences:
        return ()
    words = (
        f"The {plural(len(comparison.differences), 'probe')} with the largest distance, and the"
        " commonest answers of both. A few answers a probe differ by chance, too: the largest of"
        " many are the likeliest to."
    )
    return (Paragraph(text=words), *(_apart(comparison, one) for one in comparison.differences))


def _apart(comparison: ComparedAnswers, one: AnswersApart) -> Table:
    sides = ((comparison.reference, one.reference), (comparison.candidate, one.candidate))
    rows = tuple((label, f"{count}", _cut(text)) for label, texts in sides for text, count in texts)
    return Table(
        title=f"{one.probe}: {one.squared:.3f}",
        header=("who", "times", "answer"),
        rows=rows,
        align="lrl",
        note=_cut(one.prompt),
    )


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
