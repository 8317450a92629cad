"""RL's Razor: KL on the new task tells what is forgotten of the old, better than the steps do."""

from __future__ import annotations

import pandas as pd
import pytest

pytest.importorskip("trl")

from behaviordist.engines.trl_models import quiet
from benchmarks.forgetting import correlations, looks


@pytest.mark.slow
@pytest.mark.training_outcome
def test_kl_on_the_new_task_goes_with_what_is_forgotten(tmp_path):
    found = []
    for seed in (0, 1):
        with quiet():
            table = looks(tmp_path / str(seed), seed)
        last = table.groupby("run").last()
        assert (last["score/new"] > 0.9).all(), "each run learned the new task"
        assert last["forgetting/old"].max() > 0.05, "there is something to tell"
        found.append(correlations(table))
    mean = pd.DataFrame(found).mean()
    assert mean["kl"] > mean["step"]
    assert mean["kl"] > 0.4
