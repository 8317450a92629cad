"""A regime file to fill in: every algorithm's is read as it stands, and every line of it holds."""

from __future__ import annotations

import re

import jsonschema
import pytest
import yaml

from behaviordist.errors import InputError
from behaviordist.regimes.base import ALGORITHMS, MODELS
from behaviordist.regimes.files import load_regime
from behaviordist.regimes.template import schema, summary, template


def written(folder, text):
    path = folder / "regime.yaml"
    path.write_text(text)
    return load_regime(path)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_new_file_is_read_as_it_stands(algorithm, tmp_path):
    text = template(algorithm)
    read = written(tmp_path, text)
    assert read.algorithm == algorithm and type(read) is MODELS[algorithm]
    assert text.startswith(f"# {summary(algorithm)}\n")
    # What is commented out is the default: said, it changes nothing.
    needed, _, defaults = text.partition("\n\n# Read too, at its default:\n")
    assert written(tmp_path, f"{needed}\n{re.sub('^# ', '', defaults, flags=re.M)}") == read


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_schema_takes_what_is_read_and_no_unknown_key(algorithm):
    values = yaml.safe_load(template(algorithm))
    jsonschema.validate(values, schema())
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**values, "bugdet": 1}, schema())


def test_an_unknown_algorithm_is_one_line():
    with pytest.raises(InputError, match="did you mean 'sft'"):
        template("stf")
