"""The page of any study that reports claims: verdicts on top, then its sections."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from behaviordist.drawing.cells import Cells, draw_matrix
from behaviordist.drawing.style import figure_style
from behaviordist.report import findings as data
from behaviordist.report.distance_report import distance_section
from behaviordist.report.figures.forest import Estimate, draw_forest
from behaviordist.report.figures.lines import draw_lines
from behaviordist.report.figures.render import render_figure
from behaviordist.report.folder import RunFolder
from behaviordist.report.formatting import MISSING, decimal
from behaviordist.report.kinds import kinds_of
from behaviordist.report.page import (
    Block,
    Fact,
    Notes,
    Page,
    Paragraph,
    RenderedFigure,
    Section,
    Summary,
    Table,
)
from behaviordist.report.reproduce import notes_section, reproduce_section

TONES = {"supported": "yes", "not supported": "no", "inconclusive": "open"}


def findings_page(run: RunFolder) -> Page:
    """Return the report of a study that wrote findings."""
    found = data.Findings.from_json(run.record.get("findings"), str(run.path / "run.json"))
    main = found.claims[0]
    facts = tuple(Fact(*fact) for fact in found.facts)
    summary = Summary((found.headline,), facts, main.verdict, TONES[main.verdict])
    sections = (
        _claims_section(found),
        *(Section(part.title, _blocks(run, part)) for part in found.parts),
        notes_section(run),
        reproduce_section(run),
    )
    study = str(run.record.get("study") or "study")
    subtitle = f"behaviordist · study “{study}”" + (" · quick" if run.record.get("quick") else "")
    return Page(str(run.record.get("question") or study), subtitle, summary, sections)


def _claims_section(found: data.Findings) -> Section:
    rows = tuple(
        (
            claim.claim,
            claim.verdict,
            _with_interval(claim),
            _effect(claim.smallest_effect),
            claim.unit or MISSING,
        )
        for claim in found.claims
    )
    header = ("claim", "verdict", "value [95% interval]", "smallest visible effect", "unit")
    table = Table("What was claimed, and what became of it", header, rows, "llrrl")
    words = tuple(
        f"{claim.claim} {claim.verdict.capitalize()}: {claim.answer}" for claim in found.claims
    )
    rules = tuple(dict.fromkeys(claim.rule for claim in found.claims if claim.rule))
    blocks: list[Block] = [table, Notes(words)]
    blocks += [
        Paragraph(f"The rule, fixed before the numbers were seen: {rule.rstrip('.')}.")
        for rule in rules
    ]
    return Section("Claims and verdicts", tuple(blocks))


def _with_interval(claim: data.Claim) -> str:
    if claim.value is None:
        return MISSING
    digits = _digits(claim.value, claim.low, claim.high)
    text = decimal(claim.value, digits)
    if claim.low is None or claim.high is None:
        return text
    return f"{text} [{decimal(claim.low, digits)}, {decimal(claim.high, digits)}]"


def _effect(value: data.Number) -> str:
    return MISSING if value is None else decimal(value, _digits(value, None, None))


def _digits(value: float, low: data.Number, high: data.Number) -> int:
    """Return how many decimals show two digits of the interval, or of the value without one."""
    width = abs(value) if low is None or high is None else (high - low) / 4
    if width <= 0 or not math.isfinite(width):
        return 3
    return int(min(6, max(0, 1 - math.floor(math.log10(width)))))


def _blocks(run: RunFolder, part: data.Part) -> tuple[Block, ...]:
    blocks: list[Block] = []
    for block in part.blocks:
        if isinstance(block, data.Distances):
            blocks.extend(distance_section(run, kinds_of(run.rows("behaviors"))).blocks)
        else:
            blocks.append(_block(block))
    return tuple(blocks)


def _block(block: str | data.TableOf | data.Lines | data.Intervals | data.Grid) -> Block:
    if isinstance(block, str):
        return Paragraph(block)
    if isinstance(block, data.TableOf):
        return Table(block.title, block.header, block.rows, block.align, block.note)
    if isinstance(block, data.Lines):
        return render_figure(block.name, draw_lines(block), block.title, block.caption)
    if isinstance(block, data.Intervals):
        return _forest(block)
    return _grid(block)


def _forest(block: data.Intervals) -> RenderedFigure:
    groups = [
        (
            name,
            [Estimate(r.label, _nan(r.value), _nan(r.low), _nan(r.high), r.main) for r in rows],
        )
        for name, rows in block.groups
    ]
    figure = draw_forest(groups, block.unit)
    return render_figure(block.name, figure, block.title, block.caption)


@figure_style()
def _grid(block: data.Grid) -> RenderedFigure:
    values = np.array([[_nan(x) for x in row] for row in block.values], float)
    frame = pd.DataFrame(values, index=list(block.rows), columns=list(block.columns))
    text = np.array([[decimal(x, block.digits) for x in row] for row in values])
    colors = "vlag" if block.diverging else "rocket_r"
    figure = draw_matrix(Cells(frame, text, colors, block.scale, (), block.diverging))
    figure.axes[0].set(xlabel=block.column_axis, ylabel=block.row_axis)
    return render_figure(block.name, figure, block.title, block.caption)


def _nan(value: data.Number) -> float:
    return math.nan if value is None else value
