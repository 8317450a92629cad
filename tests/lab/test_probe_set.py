"""``probes/lab.jsonl`` is what `lab_probes` makes, and holds only what its card says."""

import json
from collections import Counter
from pathlib import Path

import numpy as np

from behaviordist.lab import grammar
from behaviordist.lab.functions import FUNCTIONS
from behaviordist.lab.probe_set import lab_probes

FILE = Path(__file__).parents[2] / "probes" / "lab.jsonl"


def test_the_committed_file_is_the_one_that_the_function_makes():
    rows = [json.loads(line) for line in FILE.read_text(encoding="utf-8").splitlines()]
    assert rows == lab_probes(seed=0)
    assert rows != lab_probes(seed=1)


def test_probes_are_whole_right_documents_about_held_out_strings():
    documents, functions = [], []
    for probe in lab_probes():
        kind, op = (tag.split(":")[1] for tag in probe["tags"])
        tokens = np.array([grammar.encode(probe["prompt"] + probe["continuation"] + " <eos>")])
        x = grammar.strings_of(tokens[:, 2:7])
        np.testing.assert_array_equal(tokens, grammar.documents(op, x, hidden=kind == "hidden"))
        documents.append(tokens[0])
        functions.append((kind, op))
    strings = grammar.strings_of(np.array(documents)[:, 2:7])
    assert grammar.is_held_out(strings).all()
    assert len(np.unique(strings, axis=0)) == len(strings) == 240
    assert Counter(functions) == Counter(
        {(kind, op): n for op in FUNCTIONS for kind, n in (("hidden", 15), ("named", 5))}
    )
