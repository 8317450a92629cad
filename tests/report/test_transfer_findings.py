"""The findings of a study of transfers, from numbers that are planted."""

import pandas as pd
import pytest

from behaviordist.distance.matrix import DistanceMatrix
from behaviordist.record import Behavior
from behaviordist.record.transfers.findings import transfer_findings
from behaviordist.record.transfers.matrices import Costs, shown_targets
from behaviordist.record.transfers.numbers import TransferNumbers
from tests.report.run_folders import planted_outcome

LABELS = ["a", "b", "c", "base"]
BEHAVIORS = (*(Behavior(label=x) for x in "abc"), Behavior(label="base", role="base"))


def costs():
    """Nearest sources: a <- b, b <- a, c <- b."""
    points = [[0, 1, 3, 2], [1, 0, 2, 2], [3, 2, 0, 2], [2, 2, 2, 0]]
    squared = pd.DataFrame(points, dtype=float).to_numpy() ** 2
    matrix = DistanceMatrix(tuple(LABELS), squared, squared * 0 + 0.01)
    # From the base 20 each; from the nearest 10, 15 and 30: savings of 10, 5 and -10.
    frame = pd.DataFrame(50.0, LABELS, LABELS)
    frame.loc["b", "a"], frame.loc["a", "b"], frame.loc["b", "c"] = 10, 15, 30
    frame.loc["base"], frame["base"] = 20, None
    for label in "abc":
        frame.loc[label, label] = None
    return Costs(frame, frame * 0, matrix, ("base",))


def findings(**outcome):
    numbers = TransferNumbers(behaviors=BEHAVIORS, outcome=planted_outcome(**outcome))
    return transfer_findings(numbers, costs())


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        ("supported", "were cheaper to reach"),
        ("not supported", "does not support"),
        ("inconclusive", "cannot say"),
    ],
)
def test_each_verdict_has_its_words(verdict, words):
    page = findings(verdict=verdict)
    assert page.claims[0].verdict == verdict
    assert words in page.headline
    assert "0.60 [0.40, 0.75]" in page.headline
    assert "with source effects removed 0.50 [0.20, 0.70]" in page.headline


def test_explanations_and_predictors_are_listed_apart_and_not_ranked_in_words():
    text = " ".join(findings().more)
    assert "open no function, by the same statistic: weight-space distance 0.25 [0.05" in text
    assert "Other predictors, by the same statistic: score at step 0 0.31" in text
    assert "as well" not in text
    assert "The most that a predictor can reach is 0.91 for ties and 0.84 for noise" in text


def test_a_number_on_the_edge_of_the_rule_is_said():
    assert "upper limit 0.2977 against 0.3" in (
        findings(edges=("upper limit 0.2977 against 0.3",)).claims[0].answer
    )


def test_no_test_is_said_to_be_none():
    page = transfer_findings(TransferNumbers(behaviors=BEHAVIORS, untested="too few"), costs())
    assert page.claims == ()
    assert page.headline.startswith("There is no test")


def test_the_saving_of_the_nearest_start_is_counted_by_hand():
    text = " ".join(findings().more)
    assert "saved 5.0 steps in the median (−10.0 to 10.0), and was cheaper for 2 of 3" in text


def test_starts_and_bounds_by_hand():
    both = costs()
    both.censored.loc["b", "a"] = 0.5
    assert (both.nearest("a"), both.cheapest("c"), both.cell("b", "a")) == ("b", "b", "≥ 10")
    assert both.missing == 0
    both.frame.loc["c", "a"] = None
    assert both.missing == 1


def test_panels_are_all_targets_or_the_best_the_middle_and_the_worst():
    targets = [f"t{i}" for i in range(30)]
    rho = {t: i / 30 for i, t in enumerate(targets[5:])}
    shown, note = shown_targets(targets, rho)
    assert len(set(shown)) == len(shown) == 12
    assert (shown[0], shown[-1]) == ("t29", "t4")
    assert "12 of 30" in note
    assert shown_targets(targets[:20], rho) == (tuple(targets[:20]), "")
