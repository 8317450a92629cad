"""A decision for machines and pull requests: whole XML, Markdown that shows names as they are."""

from __future__ import annotations

from xml.etree import ElementTree

from hypothesis import given, settings
from hypothesis import strategies as st

from behaviordist.report.decision import SUMMARY, Decision, junit, markdown, publish_decision

NAMES = st.text(max_size=30)


def decision(candidate: str = "b", passed: bool = False) -> Decision:
    checks = (("distance", True, "shown to be within"), ("kl", passed, "1 < 2 & not shown"))
    return Decision("a", candidate, "10 probes of few", (("distance", "0.1"),), checks, "gate a b")


@settings(max_examples=200, deadline=None)
@given(NAMES, st.booleans())
def test_whatever_a_model_is_called_the_xml_is_whole_and_counts(name: str, passed: bool) -> None:
    suite = ElementTree.fromstring(junit(decision(name, passed)).encode())
    cases = suite.findall("testcase")
    failed = [case.get("name") for case in cases if case.find("failure") is not None]
    assert suite.get("tests") == "2" and suite.get("failures") == str(len(failed))
    assert failed == ([] if passed else ["kl"])


@given(NAMES)
def test_a_name_neither_breaks_the_table_nor_becomes_markup(name: str) -> None:
    text = markdown(decision(name))
    lines = text.splitlines()
    assert lines[0] == "### Behavior gate not passed"
    assert lines[2].endswith(" against a, 10 probes of few.")  # the name stays in its line
    shown = lines[2].removesuffix(" against a, 10 probes of few.")
    bare = shown.replace("\\\\", "")
    for mark in "<|`[":
        assert bare.count(mark) == bare.count("\\" + mark)


def test_the_summary_of_a_step_grows(tmp_path, monkeypatch) -> None:
    place = tmp_path / "summary.md"
    monkeypatch.setenv(SUMMARY, str(place))
    assert publish_decision(decision()) is None
    assert publish_decision(decision(passed=True), "-", str(tmp_path / "x.xml")) == markdown(
        decision(passed=True)
    )
    assert [line for line in place.read_text().splitlines() if line.startswith("###")] == [
        "### Behavior gate not passed",
        "### Behavior gate passed",
    ]
    ElementTree.parse(tmp_path / "x.xml")
