"""The probe sets of the lab are what their functions make, and hold only what their cards say."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from behaviordist.lab import grammar
from behaviordist.lab.functions import FUNCTIONS, function
from behaviordist.lab.probe_set import SETS, context_probes, lab_probes
from behaviordist.probes import ProbeSet, shipped_sets

FOLDER = Path(__file__).parents[2] / "probes"


@pytest.mark.parametrize("name", sorted(SETS))
def test_the_committed_file_is_the_one_that_the_function_makes(name):
    lines = (FOLDER / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == SETS[name]()


@pytest.mark.parametrize("name", sorted(SETS))
def test_the_card_tells_digest_and_size(name):
    card = shipped_sets()[name].with_suffix(".md").read_text(encoding="utf-8")
    probes = ProbeSet.load(name)
    assert f"Digest: sha256:{probes.digest}" in card
    scored = sum(len(p.continuation.split()) for p in probes)
    assert f"{len(probes)} probes, {scored:,} scored tokens" in card


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


def test_contexts_are_right_answers_after_right_examples_of_one_function():
    """Read back from the text alone: every `x = y` in it is the function's, no string twice."""
    strings, kinds = [], Counter()
    for probe in context_probes():
        kind, op, steps = (tag.split(":")[1] for tag in probe["tags"])
        parts = (probe["prompt"] + probe["continuation"]).split(" ; ")
        assert len(parts) == 1 + int(kind.removeprefix("shots") if "shots" in kind else 0)
        for part in parts:
            head, x, y = part[: part.index(" ")], *part[part.index(" ") + 1 :].split(" = ")
            assert head == (op if kind == "named" else "?")
            x, y = (grammar.strings_of(np.array(grammar.encode(s, bos=False))) for s in (x, y))
            np.testing.assert_array_equal(function(op).apply(x), y)
            strings.append(x)
        assert steps == ("two" if function(op).parts else "one")
        kinds[kind, op] += 1
    assert grammar.is_held_out(np.array(strings)).all()
    assert len(np.unique(strings, axis=0)) == len(strings)
    assert set(kinds.values()) == {5} and len(kinds) == 5 * len(FUNCTIONS)
