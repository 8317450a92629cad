"""Every public name is documented with an example, and the example runs."""

import doctest

import pytest

import behaviordist as bd

FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


@pytest.mark.parametrize("name", bd.__all__)
def test_the_example_of_every_public_name_runs(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # nothing is left anywhere else
    text = getattr(bd, name).__doc__ or ""
    example = doctest.DocTestParser().get_doctest(text, {}, name, None, None)
    assert example.examples, f"{name} has no example"
    said = []
    doctest.DocTestRunner(optionflags=FLAGS).run(example, out=said.append)
    assert not said, "".join(said)
    assert not list(tmp_path.iterdir())
