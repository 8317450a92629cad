"""A journal gives back what was written under its inputs, whole and unedited, and nothing else."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from behaviordist.store.journal import Journal

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=6,
)


@given(st.lists(st.dictionaries(st.text().filter(lambda k: k != "digest"), VALUES, max_size=3)))
def test_rows_come_back_as_they_were(tmp_path_factory, rows):
    journal = Journal(tmp_path_factory.mktemp("journal") / "rows", ["a", 1])
    journal.restart()
    journal.append(*rows)
    # NaN equals nothing: compare what is written.
    assert list(map(json.dumps, journal.rows())) == list(
        map(json.dumps, (dict(sorted(row.items())) for row in rows))
    )
    assert Journal(journal.path, ["a", 2]).rows() == []


@pytest.fixture
def journal(tmp_path):
    made = Journal.beside(tmp_path / "artifact", {"x": 1})
    made.restart([{"step": i, "score": i / 7} for i in range(4)])
    return made


def edited(journal, line, old, new):
    lines = journal.path.read_text().split("\n")
    assert old in lines[line]
    lines[line] = lines[line].replace(old, new)
    journal.path.write_text("\n".join(lines))


def test_an_edited_row_is_not_there(journal):
    edited(journal, 1, "0.14", "0.94")
    assert [row["step"] for row in journal.rows()] == [0, 2, 3]
    assert [row["step"] for row in journal.rows(until_damage=True)] == [0]


def test_a_row_with_the_digest_of_another_is_not_there(journal):
    first, second, *rest = journal.path.read_text().split("\n")
    swapped = {**json.loads(first), "digest": json.loads(second)["digest"]}
    journal.path.write_text("\n".join([json.dumps(swapped), second, *rest]))
    assert [row["step"] for row in journal.rows()] == [1, 2, 3]


@pytest.mark.parametrize("kept", [1, 20, 60])
def test_a_cut_line_is_not_there_and_does_not_stay(journal, kept):
    text = journal.path.read_text()
    last = text.rstrip("\n").rindex("\n") + 1
    journal.path.write_text(text[: last + kept])
    whole = journal.rows()
    assert [row["step"] for row in whole] == [0, 1, 2]
    journal.restart(whole)
    journal.append({"step": 3})
    assert [row["step"] for row in journal.rows()] == [0, 1, 2, 3]


def test_no_file_and_bytes_that_are_no_text_are_no_rows(tmp_path):
    journal = Journal(tmp_path / "none")
    assert journal.rows() == []
    journal.path.write_bytes(b"\xff\xfe[[[[")
    assert journal.rows() == []
    journal.path.write_text("[" * 100_000)
    assert journal.rows() == []
    journal.clear()
    assert not journal.path.exists()
