"""The page of any study: verdicts on top, then its sections."""

from __future__ import annotations

import math

from behaviordist.record import Estimate, Findings, Paragraph, Table
from behaviordist.record.formatting import MISSING, decimal, interval
from behaviordist.record.run import StudyRecord, TransferRecord
from behaviordist.report.draw import drawn
from behaviordist.report.folder import RunFolder
from behaviordist.report.page import DrawnSection, Page, Summary
from behaviordist.report.provenance import notes_section, reproduce_section

# A number below this is zero up to rounding.
TINY = 1e-9
TONES = {"supported": "yes", "not supported": "no", "inconclusive": "open"}


def study_page(run: RunFolder, record: StudyRecord | TransferRecord) -> Page:
    """Return the report of a study."""
    findings = record.findings
    none = "no test" if isinstance(record, TransferRecord) else ""
    verdict = findings.claims[0].verdict if findings.claims else none
    summary = Summary(
        (findings.headline, *findings.more),
        findings.facts,
        verdict,
        TONES.get(verdict, "open" if verdict else "plain"),
    )
    sections = (
        *(drawn(section, run) for section in findings.lead),
        _claims_section(findings),
        *(drawn(section, run) for section in findings.sections),
        notes_section(record),
        reproduce_section(record, tuple(run.files)),
    )
    subtitle = f"behaviordist · study “{record.study}”" + (" · quick" if record.quick else "")
    return Page(record.question or record.study, subtitle, summary, sections)


def _claims_section(findings: Findings) -> DrawnSection:
    if not findings.claims:
        return DrawnSection("Claims and verdicts", ())
    rows = tuple(
        (
            claim.claim,
            claim.verdict,
            _with_interval(claim.estimate),
            _effect(claim.estimate.smallest_effect),
            claim.unit or MISSING,
            claim.answer,
        )
        for claim in findings.claims
    )
    table = Table(
        title="What was claimed, and what became of it",
        header=("claim", "verdict", "value [95% interval]", "smallest visible", "unit", "because"),
        rows=rows,
        align="llrrll",
    )
    rules = dict.fromkeys(claim.rule for claim in findings.claims if claim.rule)
    words = (f"The rule, fixed before the numbers were seen: {rule.rstrip('.')}." for rule in rules)
    return DrawnSection("Claims and verdicts", (table, *(Paragraph(text=said) for said in words)))


def _with_interval(estimate: Estimate) -> str:
    width = (estimate.high - estimate.low) / 4 if estimate.has_interval else abs(estimate.value)
    return interval(estimate, _digits(width))


def _effect(value: float) -> str:
    return decimal(value, _digits(abs(value)))


def _digits(width: float) -> int:
    """Return how many decimals show two digits of a number."""
    if not math.isfinite(width) or width < TINY:
        return 3
    return int(min(6, max(0, 1 - math.floor(math.log10(width)))))
