"""Records on their way to disk and back, old ones, and damaged ones."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from behaviordist.distance.black_box.comparison import AnswersApart, ComparedAnswers, FirstToken
from behaviordist.distance.comparison import Compared, Difference, Moved
from behaviordist.distance.estimates import ProbeMean
from behaviordist.errors import InputError
from behaviordist.record import (
    AnswersRecord,
    CompareRecord,
    DistanceRecord,
    Estimate,
    Findings,
    GateRecord,
    Grid,
    Provenance,
    Section,
    StudyRecord,
    TransferRecord,
    read_record,
    this_cpu,
    write_record,
)
from tests.report.run_folders import write_old_run, write_transfer_run

STUDY = {"study": "s", "question": "Is it?", "findings": Findings(headline="Yes.")}
SEEN = ProbeMean(math.inf, math.nan, 3.0)
COMPARED = Compared(
    "r", "c", "few", 4, 8, {"kl_forward": SEEN}, {"tag": {"squared": SEEN}}, {"tag": 4},
    (Difference("p0", 0.5, "x", (Moved("a", 0.1, 0.9),)),), None, {"distance": (0.1, math.inf)},
)  # fmt: skip
ANSWERS = ComparedAnswers(
    "r", "c", "few", 4, 8, "exact-match", SEEN, 0.5, 1999, 0.0, math.inf, {"tag": SEEN}, {"tag": 4},
    (AnswersApart("p0", 0.5, "x", (("a", 2),), (("b", 1),)),),
    FirstToken(4, SEEN, SEEN, SEEN, SEEN, SEEN),
)  # fmt: skip
RECORDS = (
    DistanceRecord(geometry="hellinger", provenance=Provenance(cpu=this_cpu())),
    CompareRecord(comparison=COMPARED),
    AnswersRecord(comparison=ANSWERS, floor=ANSWERS, gate={"equivalent": False}),
    GateRecord(comparison=COMPARED, floor=COMPARED, gate={"equivalent": True}),
    StudyRecord(**STUDY),
    TransferRecord(**STUDY, untested="too few"),
)


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.kind)
def test_every_kind_survives_the_way_through_a_file(record, tmp_path):
    write_record(tmp_path / "run.json", record)
    assert repr(read_record(tmp_path)) == repr(record)  # NaN is NaN


def test_a_whole_study_survives_too(tmp_path):
    folder = write_transfer_run(tmp_path, n=4)
    record = read_record(folder)
    assert record.to_json() == json.loads((folder / "run.json").read_text())
    assert record.findings.claims[0].verdict == "supported"


@given(st.floats())
def test_what_is_not_finite_is_null_in_json_and_nan_here(value):
    written = json.loads(Estimate(value=value).model_dump_json())["value"]
    assert written == (value if math.isfinite(value) else None)
    again = Estimate.model_validate({"value": written}).value
    assert again == value if math.isfinite(value) else math.isnan(again)


def test_a_string_among_blocks_is_a_paragraph():
    section = Section.of("T", "Words.", None)
    assert Section.model_validate({"title": "T", "blocks": ["Words."]}) == section


@pytest.mark.parametrize("kind", ["distance", "findings", "transfer"])
def test_records_of_version_0_1_0_are_read_as_todays(tmp_path, kind):
    folder = write_old_run(tmp_path, kind)
    old = json.loads((folder / "run.json").read_text())
    record = read_record(folder)
    assert (record.schema_, record.kind) == (2, kind)
    assert record.provenance.command == old["command"]
    assert record.provenance.cpu is None
    assert [row.label for row in record.behaviors] == [row["label"] for row in old["behaviors"]]
    if kind == "findings":
        first = old["findings"]["claims"][0]
        claim = record.findings.claims[0]
        assert (claim.estimate.value, claim.verdict) == (first["value"], first["verdict"])
        grid = next(b for s in record.findings.sections for b in s.blocks if isinstance(b, Grid))
        assert math.isnan(grid.values[0][0])
    if kind == "transfer":
        test = json.loads((folder / "test.json").read_text())
        estimate = record.findings.claims[0].estimate
        assert (estimate.value, estimate.low) == tuple(
            test["statistic"][key] for key in ("value", "ci_low")
        )
        more = " ".join(record.findings.more)
        assert "Other predictors, by the same statistic: score at step 0" in more


def damaged(record, path, value):
    """A copy with the value at a path replaced; the last step may be new."""
    copy = json.loads(json.dumps(record))
    place = copy
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return copy


GOOD = StudyRecord(
    study="s",
    question="q",
    findings=Findings(
        headline="h", sections=(Section.of("T", "words"),)
    ),
).to_json()  # fmt: skip


@pytest.mark.parametrize(
    ("path", "value", "key"),
    [
        (("kind",), "findigs", "did you mean 'findings'"),
        (("schema",), 3, "'schema' is 3"),
        (("schema",), "2", "'schema' is '2'"),
        (("findings",), None, "findings.findings"),
        (("findings", "headline"), 3, "findings.headline"),
        (("findings", "claims"), [{"claim": "x"}], "claims.0.verdict"),
        (("findings", "sections", 0, "blocks", 0, "type"), "tabel", "blocks.0"),
        (("findings", "sections", 0, "blocks", 0, "text"), None, "paragraph.text"),
        (("findings", "sections", 0, "surprise"), 1, "sections.0.surprise"),
        (("provenance", "seed"), "zero", "provenance.seed"),
        (("provenance", "versions"), [], "provenance.versions"),
        (("behaviors",), [{"algorithm": "sft"}], "behaviors.0.label"),
    ],
)
def test_a_wrong_key_is_named_in_one_line(tmp_path, path, value, key):
    (tmp_path / "run.json").write_text(json.dumps(damaged(GOOD, path, value)))
    with pytest.raises(InputError) as raised:
        read_record(tmp_path)
    said = str(raised.value)
    assert str(tmp_path / "run.json") in said
    assert key in said
    assert "\n" not in said


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@pytest.mark.parametrize("kind", ["distance", "findings", "transfer"])
@settings(deadline=None, max_examples=25)
@given(data=st.data())
def test_whatever_stands_in_an_old_record_is_read_or_refused(tmp_path_factory, kind, data):
    folder = tmp_path_factory.mktemp("old")
    write_old_run(folder, kind)
    record = json.loads((folder / "run.json").read_text())
    key = data.draw(st.sampled_from(sorted(record)))
    record[key] = data.draw(JUNK)
    (folder / "run.json").write_text(json.dumps(record))
    try:
        read_record(folder)
    except InputError as error:
        assert "\n" not in str(error)
