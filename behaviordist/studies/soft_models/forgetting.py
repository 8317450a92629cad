"""What tuning takes away, against how far it moves: own answers and texts of no task, afterwards.

RL's Razor (Shenfeld et al. 2025): what is forgotten of old tasks goes with KL(new || old) on the
new one's inputs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from behaviordist.behaviors import load
from behaviordist.errors import InputError
from behaviordist.hypothesis import transfer_test
from behaviordist.record import Panel, Points, Scatter, Section
from behaviordist.store import write_json
from behaviordist.store.jobs import Job, run_jobs
from behaviordist.store.seeds import derived_seed
from behaviordist.studies.law.tables import Tables, wide
from behaviordist.studies.real_models.runs import weights_digest
from behaviordist.studies.soft_models.measure import question_set
from behaviordist.studies.soft_models.runs import Runs
from behaviordist.studies.stages import StageClock
from behaviordist.transfer.runs import Goal, Transfer

if TYPE_CHECKING:
    from behaviordist.probes import ProbeSet

TEXTS = 8
"""Of no task, each read by both models of every run: more would take longer than the transfers."""
MOVED, OWN, OTHER = "moved", "own answers", "other texts"
"""KL(new || source) at the held-out questions, nats an answer; what the source's own answers to
them became less likely, nats an answer; KL(source || new) on texts of no task, nats a token."""


def measure_forgetting(
    runs: Runs, goals: Mapping[str, Goal], processes: int, clock: StageClock
) -> pd.DataFrame:
    """Measure every transfer's weights, once it has ended, against its source: one row a run."""
    from behaviordist.probes import ProbeSet

    transfers = [t for t in runs.real.transfers() if t.target in goals]
    texts = ProbeSet.load("general").subset(TEXTS)
    jobs = [_job(runs, transfer, question_set(runs), texts) for transfer in transfers]
    with clock.stage("forgetting", len(jobs), "What tuning took away") as done:
        run_jobs(jobs, processes, done)
    lost = [json.loads(job.path.read_text(encoding="utf-8")) for job in jobs]
    names = [{"source": t.source, "target": t.target, "seed": t.seed} for t in transfers]
    return pd.DataFrame([{**n, **row} for n, row in zip(names, lost, strict=True)])


def write_losses(
    path: Path,
    source: Path,
    new: Path,
    questions: ProbeSet,
    texts: ProbeSet,
    drawing: Mapping[str, Any],
) -> None:
    """Write how far `new` lies from `source`, and what it lost of it."""
    from behaviordist.distance.comparison import compare
    from behaviordist.distance.directed import divergences

    old, tuned = load(str(source), label="source"), load(str(new), label="new")
    nats = divergences([old, tuned], None, questions, "kl", **drawing).to_pandas()
    apart = compare(old, tuned, texts, differences=0).overall["kl_forward"].value
    lost = {MOVED: nats.loc["source", "new"], OWN: nats.loc["new", "source"], OTHER: apart}
    write_json(path, lost)


def _job(runs: Runs, transfer: Transfer, questions: ProbeSet, texts: ProbeSet) -> Job:
    source, new = runs.checkpoint(transfer.source), transfer.path.parent
    drawing = {
        "answers": runs.study.answers.draws,
        "max_tokens": runs.study.regimes()[0].data.max_new_tokens,
        "seed": derived_seed(runs.seed, "answers"),
    }
    inputs = {
        "weights": [weights_digest(source), weights_digest(new)],
        "probes": [questions.digest, texts.digest],
        **drawing,
    }
    arguments = {
        "source": source,
        "new": new,
        "questions": questions,
        "texts": texts,
        "drawing": {**drawing, "folder": runs.folder / "answers"},
    }
    path = runs.folder / "forgetting" / transfer.target / f"{transfer.source}-s{transfer.seed}.json"
    return Job(path, inputs, write_losses, arguments)


def forgetting_section(
    table: pd.DataFrame, tables: Tables, permutations: int, seed: int
) -> Section:
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
        said.append(f"{lost}: {_link(table, lost, tables, permutations, seed)}")
    figure = Scatter(
        name="forgetting",
        title="What is forgotten against how far a run moved",
        caption="A transfer a point. Own answers: how much less likely the source's own"
        " answers to the held-out questions became, nats an answer. Other texts: KL(source || new),"
        " nats a token of shipped texts that no run is trained on.",
        x="KL(new || source) at the questions, nats an answer",
        y="lost, nats",
        panels=tuple(panels),
    )
    sentence = "Rank correlation of what is lost with how far a run moved, inside targets [95 %]: "
    return Section.of("Forgetting", figure, sentence + "; ".join(said) + ".")


def _link(table: pd.DataFrame, lost: str, tables: Tables, permutations: int, seed: int) -> str:
    """Ask it as the law is asked: means over seeds, copies one unit, the base in its place."""
    moved, gone = (wide(table, column) for column in (MOVED, lost))
    labels = {*moved.index, *moved.columns}
    try:
        test = transfer_test(
            moved,
            gone,
            units={label: unit for label, unit in tables.units.items() if label in labels},
            strata=tables.strata,
            permutations=permutations,
            seed=seed,
        )
    except InputError as error:
        return str(error).split(":")[0]
    p = f"p = {test.p_value:.2g}"
    return f"{test.value:.2f} [{test.ci_low:.2f}, {test.ci_high:.2f}], {p}".replace("-", "−")
