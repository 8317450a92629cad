"""Files that people write, held against models: what is wrong is one line that names the key."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import field_validator

from behaviordist.errors import InputError
from behaviordist.store.declared import DEEPEST, Declared, held, parse_yaml, read_yaml


class Inner(Declared):
    rate: float


class Outer(Declared):
    name: str
    steps: int = 3
    inner: Inner | None = None

    @field_validator("steps")
    @classmethod
    def _positive(cls, steps: int) -> int:
        if steps < 1:
            raise ValueError("at least 1 belongs there")
        return steps


def refusal(call, *arguments):
    with pytest.raises(InputError) as caught:
        call(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_model_of_a_file_and_values_that_stay():
    model = held(Outer, {"name": "a", "inner": {"rate": 0.5}}, "f.yaml")
    assert model == Outer(name="a", inner=Inner(rate=0.5))
    with pytest.raises(ValueError, match="frozen"):
        model.name = "b"


@pytest.mark.parametrize(
    ("values", "parts"),
    [
        ({"name": "a", "stps": 3}, ("f.yaml: unknown key 'stps'", "steps")),
        ({"name": "a", "inner": {"rat": 1}}, ("unknown key 'inner.rat'", "rate")),
        ({}, ("f.yaml: 'name'", "required")),
        ({"name": "a", "steps": "many"}, ("'steps'", "integer")),
        ({"name": "a", "steps": 0}, ("'steps': at least 1 belongs there",)),
        ({"steps": 0}, ("(and 1 more)",)),
    ],
)
def test_what_is_wrong_names_its_key(values, parts):
    message = refusal(held, Outer, values, "f.yaml")
    for part in parts:
        assert part in message


def test_a_typo_comes_before_what_it_explains():
    """The missing key is missing because it was mistyped."""
    assert "unknown key 'nme'" in refusal(held, Outer, {"nme": "a"}, "f.yaml")


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("a: 1\na: 2\n", "key 'a' twice"),
        ("a:\n  b: 1\n  b: 2\n", "key 'b' twice"),
        ("- 1\n- 2\n", "a mapping of keys to values"),
        ("", "a mapping of keys to values"),
        ("1: a\n", "the key 1 is no name"),
        ("? [a, b]\n: 1\n", "f.yaml: "),
        ("a: [1\n", "not valid YAML at line 2"),
        ("a: !!python/object/apply:os.system [ls]\n", "not valid YAML at line 1"),
        ("a: !!int many\n", "does not fit its tag"),
        ('"\\uD800": 1\n', "at line 1 (half a surrogate pair"),
        ('a: 1\nb: "\\uDC00"\n', "at line 2 (half a surrogate pair"),
        ("a: " + "[" * 200 + "]" * 200, f"deeper than {DEEPEST} levels"),
        ("a: &a [" + "x, " * 9 + "x]\n"
         + "".join(f"{n}: &{n} [{', '.join([f'*{p}'] * 10)}]\n"
                   for p, n in zip("abcdef", "bcdefg", strict=True)), "values"),
    ],
)  # fmt: skip
def test_texts_that_are_no_declaration(text, part):
    assert part in refusal(parse_yaml, text, "f.yaml")


def test_dates_stay_the_text_that_was_written():
    assert parse_yaml("day: 2026-11-25\n", "f") == {"day": "2026-11-25"}


def test_files_that_cannot_be_read(tmp_path):
    assert "no such file" in refusal(read_yaml, tmp_path / "none.yaml")
    assert "cannot be read" in refusal(read_yaml, tmp_path)
    (tmp_path / "b.yaml").write_bytes(b"a: \xff\n")
    assert "not UTF-8" in refusal(read_yaml, tmp_path / "b.yaml")


SCALARS = st.none() | st.booleans() | st.integers(-9, 9) | st.text("abc é", max_size=5)
VALUES = st.recursive(
    SCALARS, lambda v: st.lists(v, max_size=3) | st.dictionaries(st.text("xyz", min_size=1), v)
)


@pytest.mark.slow
@given(st.dictionaries(st.text("abc", min_size=1), VALUES, max_size=4))
def test_what_was_dumped_is_read_back(values):
    assert parse_yaml(yaml.safe_dump(values), "f") == values
