"""What a run that learned from preferences leaves for the report."""

from __future__ import annotations

from behaviordist.record import Behavior, Run
from behaviordist.record.transfers.numbers import TransferNumbers
from behaviordist.record.transfers.tables import preferences_table
from behaviordist.studies.algorithms.measure import preference_evidence

JUDGE = {"evidence": {"accuracy": [0.5, 0.9], "bayes_accuracy": [0.98, 0.98]}}
HACKED = {
    "evidence": {"scores": [0.1, 0.6, 0.2], "kl": [0.0, 3.0, 9.0], "proxy": [-1.0, 2.0, 4.0]},
}  # fmt: skip


def test_evidence_is_read_from_the_runs_provenance():
    assert preference_evidence(HACKED, JUDGE) == {
        "kl": 9.0, "best_score": 0.6, "proxy_start": -1.0, "proxy_end": 4.0, "accuracy": 0.9,
        "bayes_accuracy": 0.98,
    }  # fmt: skip
    assert preference_evidence({"evidence": {"scores": [0.1]}}, None) == {}


def test_the_table_shows_it_and_leaves_other_behaviors_out():
    hacked = Run(score=0.2, **preference_evidence(HACKED, JUDGE))
    behaviors = (
        Behavior(label="rlhf-copy", runs=(hacked,)),
        Behavior(label="sft-copy", runs=(Run(score=1.0),)),
    )
    table = preferences_table(TransferNumbers(behaviors=behaviors))
    assert [row[0] for row in table.rows] == ["rlhf-copy"]
    assert table.rows[0][1] == "0.90" and table.rows[0][-1] == "0.20"
