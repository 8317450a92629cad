"""The verdict in plain words, for every verdict there is."""

import json

import pandas as pd
import pytest

from behaviordist.report.folder import read_run
from behaviordist.report.transfer_summary import transfer_summary


def summary(folder, test):
    behaviors = [{"label": x, "role": "behavior"} for x in "abc"]
    behaviors.append({"label": "base", "role": "base"})
    record = {"schema": 1, "kind": "transfer", "behaviors": behaviors, "noise_floor": 0.05}
    (folder / "run.json").write_text(json.dumps(record))
    (folder / "test.json").write_text(json.dumps(test))
    return transfer_summary(read_run(folder))


def result(verdict, value=0.2):
    return {
        "verdict": verdict,
        "statistic": {
            "name": "rho", "value": value, "ci_low": -0.1, "ci_high": 0.4,
            "p_value": 0.2, "permutations": 999,
        },
        "baselines": [
            {"name": "strong", "value": 0.3, "ci_low": 0.1, "ci_high": 0.5},
            {"name": "weak", "value": 0.1, "ci_low": -0.1, "ci_high": 0.3},
            {"name": "unknown", "value": None},
        ],
        "minimum_detectable": 0.25,
        "noise_ceiling": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("verdict", "tone", "words"),
    [
        ("supported", "yes", "were cheaper to reach"),
        ("not supported", "no", "does not support"),
        ("inconclusive", "open", "cannot say"),
    ],
)
def test_each_verdict_has_its_words(tmp_path, verdict, tone, words):
    found = summary(tmp_path, result(verdict))
    assert (found.verdict, found.tone) == (verdict, tone)
    assert words in found.sentences[0]
    assert "0.20 [−0.10, 0.40]" in found.sentences[0]


def test_it_names_the_baselines_that_do_as_well(tmp_path):
    text = " ".join(summary(tmp_path, result("supported")).sentences)
    assert "strong (0.30 [0.10, 0.50]), weak (0.10 [−0.10, 0.30])" in text
    assert "strong did as well or better." in text
    assert "None of them did as well." in " ".join(
        summary(tmp_path, result("supported", value=0.9)).sentences
    )


def test_no_test_is_said_to_be_none(tmp_path):
    found = summary(tmp_path, {})
    assert found.verdict == "no test"
    assert "no test" in found.sentences[0]


def test_the_saving_of_the_nearest_start_is_counted_by_hand(tmp_path):
    labels = ["a", "b", "c", "base"]
    # Nearest sources: a <- b, b <- a, c <- b.
    distances = [[0, 1, 3, 2], [1, 0, 2, 2], [3, 2, 0, 2], [2, 2, 2, 0]]
    pd.DataFrame(distances, labels, labels).to_csv(tmp_path / "distances.csv")
    # From the base 20 each; from the nearest 10, 15 and 30: savings of 10, 5 and -10.
    costs = pd.DataFrame(50.0, labels, labels)
    costs.loc["b", "a"], costs.loc["a", "b"], costs.loc["b", "c"] = 10, 15, 30
    costs.loc["base"] = 20
    costs["base"] = None
    costs.to_csv(tmp_path / "costs.csv")
    text = " ".join(summary(tmp_path, result("supported")).sentences)
    assert "saved 5.0 steps in the median, and was cheaper for 2 of 3 targets" in text
