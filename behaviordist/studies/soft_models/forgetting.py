"""What tuning takes away, against how far it moves: own answers and texts of no task, afterwards.

RL's Razor (Shenfeld et al. 2025): what is forgotten of old tasks goes with KL(new || old) on the
new one's inputs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pandas as pd

from behaviordist.behaviors import load
from behaviordist.errors import InputError
from behaviordist.hypothesis import TransferTest, transfer_test
from behaviordist.record import Panel, Points, Scatter, Section
from behaviordist.store.jobs import run_jobs
from behaviordist.store.seeds import derived_seed
from behaviordist.studies.law.tables import wide
from behaviordist.studies.real_models.runs import RealRuns
from behaviordist.studies.soft_models.measure import question_set
from behaviordist.studies.soft_models.runs import Runs
from behaviordist.studies.stages import StageClock
from behaviordist.transfer.runs import Goal

MOVED, OWN, OTHER = "moved", "own answers", "other texts"
"""KL(new || source) at the held-out questions, nats an answer; what the source's own answers to
them became less likely, nats an answer; KL(source || new) on texts of no task, nats a token."""


def kept_runs(runs: Runs) -> RealRuns:
    """Return the transfers of some mixtures into the SFT targets, weights kept, one seed."""
    mixtures = [s.name for s in runs.sources if s.kind == "mixture"]
    chosen = {k: r for k, r in runs.real.targets.items() if r.algorithm == "sft"}
    return replace(
        runs.real,
        targets=chosen,
        sources=tuple(mixtures[: runs.study.forgetting]),
        seeds=1,
        keep=True,
    )


def measure_forgetting(
    runs: Runs, goals: Mapping[str, Goal], processes: int, clock: StageClock
) -> pd.DataFrame:
    """Tune once more with the weights kept, and measure what they lost; one row a run."""
    from behaviordist.distance.comparison import compare
    from behaviordist.distance.directed import divergences
    from behaviordist.probes import ProbeSet

    real, asked = kept_runs(runs), runs.study.answers
    transfers = [t for t in real.transfers() if t.target in goals]
    jobs = [real.transfer_job(t, goals[t.target]) for t in transfers]
    with clock.stage("kept", len(jobs), "Tuning some once more, weights kept") as done:
        run_jobs(jobs, processes, done)
    questions = question_set(runs)
    texts = ProbeSet.load("general").subset(runs.study.distances.each)
    drawing: dict[str, Any] = {
        "answers": asked.draws,
        "max_tokens": runs.study.regimes()[0].data.max_new_tokens,
        "seed": derived_seed(runs.seed, "answers"),
        "folder": runs.folder / "answers",
    }
    rows = []
    with clock.stage("forgetting", len(transfers), "What tuning took away") as done:
        for transfer in transfers:
            source = load(str(runs.checkpoint(transfer.source)), label=transfer.source)
            new = load(str(transfer.path.parent), label=f"{transfer.source} to {transfer.target}")
            nats = divergences([source, new], None, questions, "kl", **drawing).to_pandas()
            apart = compare(source, new, texts, differences=0).overall["kl_forward"].value
            rows.append(
                {
                    "source": transfer.source,
                    "target": transfer.target,
                    MOVED: nats.loc[source.label, new.label],
                    OWN: nats.loc[new.label, source.label],
                    OTHER: apart,
                }
            )
            done(1)
    return pd.DataFrame(rows)


def forgetting_section(table: pd.DataFrame, permutations: int, seed: int) -> Section:
    """Draw what was lost against how far the run moved, and say how the two go together."""
    panels, said = [], []
    for lost in (OWN, OTHER):
        points = Points(
            label="run",
            x=tuple(table[MOVED].tolist()),
            y=tuple(table[lost].tolist()),
            bound=(False,) * len(table),
        )
        panels.append(Panel(title=lost, points=(points,)))
        said.append(f"{lost}: {_link(table, lost, permutations, seed)}")
    figure = Scatter(
        name="forgetting",
        title="What is forgotten against how far a run moved",
        caption="A tuned mixture a point. Own answers: how much less likely the source's own"
        " answers to the held-out questions became, nats an answer. Other texts: KL(source || new),"
        " nats a token of shipped texts that no run is trained on.",
        x="KL(new || source) at the questions, nats an answer",
        y="lost, nats",
        panels=tuple(panels),
    )
    sentence = "Rank correlation of what is lost with how far a run moved, inside targets [95 %]: "
    return Section.of("Forgetting", figure, sentence + "; ".join(said) + ".")


def _link(table: pd.DataFrame, lost: str, permutations: int, seed: int) -> str:
    moved, gone = (wide(table, column) for column in (MOVED, lost))
    try:
        test: TransferTest = transfer_test(moved, gone, permutations=permutations, seed=seed)
    except InputError as error:
        return str(error).split(":")[0]
    p = f"p = {test.p_value:.2g}"
    return f"{test.value:.2f} [{test.ci_low:.2f}, {test.ci_high:.2f}], {p}".replace("-", "−")
