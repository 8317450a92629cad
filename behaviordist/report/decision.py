"""What a gate decided, where continuous integration reads it: Markdown, JUnit, a step's summary."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from behaviordist.errors import InputError
from behaviordist.store import write_text

SUMMARY = "GITHUB_STEP_SUMMARY"
# Letters that Markdown or the HTML inside it would read as its own.
MARKED = "\\`*_{}[]<>#|~&@!"
# XML 1.0 has no place for these, escaped or not.
CONTROL = {code: "?" for code in range(32) if chr(code) not in "\t\n"}


@dataclass(frozen=True)
class Decision:
    """One decision of a gate, in words.

    Attributes
    ----------
    reference, candidate
        Labels.
    probes
        What they were compared on: a set and how many of it.
    metrics
        A line a metric: its name, and its value with limits.
    checks
        What decides: a name, whether it passed, the sentence that says why.
    command
        What was typed.
    """

    reference: str
    candidate: str
    probes: str
    metrics: tuple[tuple[str, str], ...]
    checks: tuple[tuple[str, bool, str], ...]
    command: str = ""

    @property
    def passed(self) -> bool:
        """Whether everything asked for is shown."""
        return all(passed for _, passed, _ in self.checks)


def markdown(decision: Decision) -> str:
    """Return the decision for a pull request: the verdict first, then a table of metrics."""
    word = "passed" if decision.passed else "not passed"
    lines = [
        f"### Behavior gate {word}",
        "",
        f"{_marked(decision.candidate)} against {_marked(decision.reference)},"
        f" {_marked(decision.probes)}.",
        "",
        *(
            f"- {'passed' if passed else '**not passed**'}, {_marked(name)}: {_marked(said)}"
            for name, passed, said in decision.checks
        ),
        "",
        *_table(decision),
        "A gate shows closeness, never quality.",
    ]
    return "\n".join(lines) + "\n"


def _table(decision: Decision) -> list[str]:
    """Return the metrics that no check has said already, as a table."""
    said = {sentence for _, _, sentence in decision.checks}
    rows = [(name, words) for name, words in decision.metrics if words not in said]
    if not rows:
        return []
    cells = [f"| {_marked(name)} | {_marked(words)} |" for name, words in rows]
    return ["| metric | value and limits |", "| --- | --- |", *cells, ""]


def junit(decision: Decision) -> str:
    """Return the decision as JUnit XML: a test case a check, a failure with its sentence."""
    failures = sum(not passed for _, passed, _ in decision.checks)
    suite = ElementTree.Element(
        "testsuite",
        name=_plain(f"behaviordist gate: {decision.candidate} against {decision.reference}"),
        tests=str(len(decision.checks)),
        failures=str(failures),
        errors="0",
        skipped="0",
    )
    properties = ElementTree.SubElement(suite, "properties")
    about = [("probes", decision.probes), ("command", decision.command), *decision.metrics]
    for name, value in about:
        ElementTree.SubElement(properties, "property", name=_plain(name), value=_plain(value))
    for name, passed, said in decision.checks:
        case = ElementTree.SubElement(
            suite, "testcase", classname="behaviordist.gate", name=_plain(name)
        )
        if passed:
            ElementTree.SubElement(case, "system-out").text = _plain(said)
        else:
            failure = ElementTree.SubElement(case, "failure", message=_plain(said))
            failure.text = _plain(said)
    ElementTree.indent(suite)
    text = ElementTree.tostring(suite, encoding="unicode")
    return f"<?xml version='1.0' encoding='UTF-8'?>\n{text}\n"


def publish_decision(
    decision: Decision, markdown_to: str | None = None, junit_to: str | None = None
) -> str | None:
    """Write what was asked for; return the Markdown where ``-`` asks for it on stdout.

    Where the variable ``GITHUB_STEP_SUMMARY`` names a file, the Markdown is appended to it.

    Raises
    ------
    InputError
        If the summary cannot be written to.
    """
    text = markdown(decision)
    if markdown_to not in (None, "-"):
        write_text(Path(str(markdown_to)), text)
    if junit_to is not None:
        write_text(Path(junit_to), junit(decision))
    place = os.environ.get(SUMMARY)
    if place:
        try:
            with open(place, "a", encoding="utf-8") as summary:
                summary.write(text)
        except OSError as error:
            raise InputError(f"{SUMMARY}={place}: {error.strerror or error}") from None
    return text if markdown_to == "-" else None


def _marked(text: str) -> str:
    """Return a text that Markdown shows as it is, in one line."""
    plain = " ".join(_plain(text).split())
    return "".join(f"\\{c}" if c in MARKED else c for c in plain)


def _plain(text: str) -> str:
    kept = text.translate(CONTROL)
    return kept.encode("utf-8", "replace").decode("utf-8").replace("￾", "?").replace("￿", "?")
