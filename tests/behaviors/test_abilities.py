"""Abilities are asked of the methods, whatever the class: a user's behavior dispatches too."""

import numpy as np
import pytest

from behaviordist.behaviors import ArrayBehavior, abilities
from behaviordist.behaviors.behavior import Resumable
from behaviordist.behaviors.huggingface.backend import TransformersBehavior
from behaviordist.behaviors.lab_models.backend import LabBehavior
from behaviordist.behaviors.servers.backend import HttpBehavior
from behaviordist.distance import distances
from behaviordist.probes import Probe, ProbeSet

HELD = {
    TransformersBehavior: {
        "ChecksSpelling", "Encodes", "EndsAnswers", "FirstTokens", "GivesStates", "NamesTokens",
        "Resumable", "Samples", "SamplesInTurn", "ScoresTokens", "SpellsBytes",
    },
    LabBehavior: {"Encodes", "EndsAnswers", "ListsAnswers", "ScoresTokens"},
    HttpBehavior: {"FirstTokens", "Samples", "SamplesInTurn", "ScoresTexts"},
}  # fmt: skip
METHODS = {
    name: thing
    for name, thing in {**vars(abilities), "Resumable": Resumable}.items()
    if getattr(thing, "_is_runtime_protocol", False) and name != "GivenRows"
}


@pytest.mark.parametrize("kind", HELD, ids=lambda kind: kind.__name__)
def test_what_each_backend_can_do(kind):
    assert {name for name, ability in METHODS.items() if issubclass(kind, ability)} == HELD[kind]


def test_an_array_is_given_as_rows_and_nothing_else():
    array = ArrayBehavior("a", [0], np.log([[0.5, 0.5]]))
    assert isinstance(array, abilities.GivenRows)
    assert not any(isinstance(array, ability) for ability in METHODS.values())


class Parrot:
    """A stranger's behavior: it has no base class of ours, and answers."""

    notes = ()
    vocabulary, vocabulary_size, forward_key = "", 0, ""

    def __init__(self, label, words):
        self.label = self.identity = label
        self.words = words

    def samples(self, probes, count, max_tokens=64, seed=0):
        rng = np.random.default_rng(seed)
        return [tuple(rng.choice(self.words, size=count)) for _ in probes]


def test_strangers_with_the_method_have_distances_of_answers():
    probes = ProbeSet("two", tuple(Probe(f"p{i}", "say", "x") for i in range(40)))
    always, never = Parrot("yes", ["yes"]), Parrot("no", ["no"])
    matrix = distances([always, never], probes, "samples", kernel="exact-match")
    # One mass point against another: ||e_yes - e_no||^2 = 2.
    assert matrix.squared[0, 1] == pytest.approx(2.0)
