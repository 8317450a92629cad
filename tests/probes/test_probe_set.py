"""Probe sets: what is accepted, what is refused in which words, what the digest sees."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from behaviordist.errors import InputError
from behaviordist.probes import Probe, ProbeSet, shipped_sets

GOOD = {"id": "a", "prompt": "2+2=", "continuation": " 4", "tags": ["sum"], "group": "g"}


def write(tmp_path, *lines):
    path = tmp_path / "set.jsonl"
    rows = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def test_a_file_is_read_as_it_stands(tmp_path):
    path = write(tmp_path, GOOD, "", {"id": "b", "prompt": "", "continuation": "x\u2028y"})
    probes = ProbeSet.load(path)
    assert probes.name == "set"
    assert probes.probes == (
        Probe("a", "2+2=", " 4", ("sum",), "g"),
        Probe("b", "", "x\u2028y"),
    )


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{not json", ":2: not JSON"),
        ("[1]", ":2: a probe is a JSON object"),
        ({"id": "b", "prompt": "p"}, "'continuation' is missing"),
        ({**GOOD, "id": "b", "continuatoin": "x"}, "did you mean 'continuation'"),
        ({**GOOD, "id": 3}, ":2: 'id' must be a string, not 3"),
        ({**GOOD, "id": "b", "tags": "sum"}, "'tags' must be a list"),
        ({**GOOD, "id": "b", "tags": [1]}, "each of 'tags' must be a string"),
        ({**GOOD, "id": "b", "group": 1}, "'group' must be a string"),
        ({**GOOD, "id": "b", "continuation": ""}, ":2: 'continuation' is empty"),
        ({**GOOD, "id": ""}, ":2: 'id' is empty"),
        (GOOD, ":2: id 'a' is already used in line 1"),
        ('{"id": "b", "prompt": "\\ud800", "continuation": "x"}', "half a surrogate pair"),
    ],
)
def test_a_bad_line_is_named_with_file_and_number(tmp_path, line, words):
    path = write(tmp_path, GOOD, line)
    with pytest.raises(InputError) as caught:
        ProbeSet.load(path)
    message = str(caught.value)
    assert words in message
    assert f"{path}:2" in message
    assert "\n" not in message


def test_files_that_are_no_probe_sets(tmp_path):
    empty, latin = tmp_path / "empty.jsonl", tmp_path / "latin.jsonl"
    empty.write_text("\n\n")
    latin.write_bytes('{"id": "é"}'.encode("latin-1"))
    with pytest.raises(InputError, match="holds no probes"):
        ProbeSet.load(empty)
    with pytest.raises(InputError, match="not UTF-8"):
        ProbeSet.load(latin)
    with pytest.raises(InputError, match="no probe file"):
        ProbeSet.load(tmp_path / "absent.jsonl")
    with pytest.raises(InputError, match="no probe set 'nosuchthing'"):
        ProbeSet.load("nosuchthing")


def test_every_shipped_set_loads_under_its_name():
    for name in shipped_sets():
        assert ProbeSet.load(name).name == name


def test_a_misspelled_name_gets_a_suggestion():
    if not shipped_sets():
        pytest.skip("no probe set is shipped yet")
    name = next(iter(shipped_sets()))
    with pytest.raises(InputError, match=f"did you mean '{name}'"):
        ProbeSet.load(name[:-1] + "_")


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
probe_lists = st.lists(
    st.builds(Probe, id=texts.filter(bool), prompt=texts, continuation=texts.filter(bool)),
    min_size=1,
    max_size=6,
    unique_by=lambda probe: probe.id,
)


@given(probe_lists)
def test_saved_and_loaded_it_is_the_same_set(tmp_path_factory, probes):
    path = tmp_path_factory.mktemp("sets") / "any.jsonl"
    before = ProbeSet("any", tuple(probes))
    before.save(path)
    assert ProbeSet.load(path) == before


def test_the_digest_sees_content_and_order_but_not_the_name():
    a, b = Probe("a", "p", "c"), Probe("b", "p", "d")
    assert ProbeSet("x", (a, b)).digest == ProbeSet("y", (a, b)).digest
    assert ProbeSet("x", (a, b)).digest != ProbeSet("x", (b, a)).digest
    assert ProbeSet("x", (a,)).digest != ProbeSet("x", (Probe("a", "p", "c", ("t",)),)).digest


def test_a_subset_is_drawn_by_seed_in_order():
    probes = ProbeSet(
        "s", tuple(Probe(f"{i:02d}", "", "c", ("odd" if i % 2 else "even",)) for i in range(40))
    )
    drawn = probes.subset(10, seed=1)
    assert [p.id for p in drawn] == sorted(p.id for p in drawn)
    assert drawn.digest == probes.subset(10, seed=1).digest != probes.subset(10, seed=2).digest
    assert {p.tags for p in probes.subset(5, tags=["odd"])} == {("odd",)}
    assert probes.subset(40).name == "s"
    with pytest.raises(InputError, match="cannot draw 41"):
        probes.subset(41)
    with pytest.raises(InputError, match="did you mean 'even'"):
        probes.subset(tags=["evne"])
