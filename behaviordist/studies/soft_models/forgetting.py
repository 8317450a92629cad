"""What tuning takes away, against how far it moves: own answers and texts of no task, afterwards.

RL's Razor (Shenfeld et al. 2025): what is forgotten of old tasks goes with KL(new || old) on the
new one's inputs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from behaviordist.behaviors import load
from behaviordist.errors import InputError
from behaviordist.hypothesis import transfer_test
from behaviordist.probes import Probe, ProbeSet
from behaviordist.record import Panel, Points, Scatter, Section
from behaviordist.store import write_json
from behaviordist.store.jobs import Job
from behaviordist.studies.law.tables import Tables, told, wide
from behaviordist.studies.real_models.runs import weights_digest
from behaviordist.studies.soft_models.measure import drawing, question_set
from behaviordist.studies.soft_models.runs import SoftRuns
from behaviordist.studies.stages import StageClock
from behaviordist.transfer.runs import Goal, Transfer

TEXTS = 8
"""Of no task, each read by both models of every run: more would take longer than the transfers."""
TASK, TEXT = "task", "text"
MOVED, OWN, OTHER = "moved", "own answers", "other texts"
"""KL(new || source) along right answers to the target's held-out questions, nats a token; what the
source's own answers to them became less likely, nats an answer; KL(source || new) on texts of no
task, nats a token."""


def measure_forgetting(
    runs: SoftRuns, goals: Mapping[str, Goal], processes: int, clock: StageClock
) -> pd.DataFrame:
    """Measure every transfer's weights, once it has ended, against its source: one row a run."""
    made = [t for t in runs.real.transfers() if t.target in goals]
    jobs = [
        _job(
            runs, source.name, seed, [t for t in made if (t.source, t.seed) == (source.name, seed)]
        )
        for seed in range(runs.study.seeds)
        for source in runs.sources
    ]
    clock.run("forgetting", "What tuning took away, a source at a time", jobs, processes)
    return pd.DataFrame(row for job in jobs for row in json.loads(job.path.read_text("utf-8")))


def write_losses(
    path: Path,
    source: Path,
    tuned: Sequence[tuple[Mapping[str, Any], Path, ProbeSet]],
    questions: ProbeSet,
    how: Mapping[str, Any],
) -> None:
    """Write how far each tuned model lies from its source, and what it lost of it.

    Each comes with what its row starts with, and the probes at which it is compared.
    """
    from behaviordist.distance.comparison import compare
    from behaviordist.distance.directed import divergences

    old, rows = load(str(source), label="source"), []
    for names, place, probes in tuned:
        new = load(str(place), label="new")
        own = divergences([new], [old], questions, "kl", **how).values[0, 0]
        apart = compare(old, new, probes, differences=0).by_tag
        moved, other = apart[TASK]["kl_backward"].value, apart[TEXT]["kl_forward"].value
        rows.append({**names, MOVED: moved, OWN: float(own), OTHER: other})
    write_json(path, rows)


def contexts(runs: SoftRuns, target: str) -> ProbeSet:
    """Return right answers to a target's held-out questions, and texts of no task, tagged."""
    data = runs.folder / "data" / f"{runs.real.targets[target].task}.held-out.jsonl"
    rows = map(json.loads, data.read_text(encoding="utf-8").splitlines())
    task = [Probe(f"q{i:02d}", r["prompt"], r["completion"], (TASK,)) for i, r in enumerate(rows)]
    general = ProbeSet.load("general").subset(TEXTS).probes
    texts = [Probe(f"t{i:02d}", p.prompt, p.continuation, (TEXT,)) for i, p in enumerate(general)]
    return ProbeSet(f"answers of {target}", (*task, *texts))


def _job(runs: SoftRuns, source: str, seed: int, transfers: Sequence[Transfer]) -> Job:
    """Make the job of one source's transfers of one seed: the source is opened once."""
    start, questions = runs.checkpoint(source), question_set(runs)
    tuned = [
        (
            {"source": t.source, "target": t.target, "seed": t.seed},
            t.path.parent,
            contexts(runs, t.target),
        )
        for t in transfers
    ]
    drawn = drawing(runs)
    inputs = {
        "source": weights_digest(start),
        "tuned": [[names, weights_digest(place), probes.digest] for names, place, probes in tuned],
        "questions": questions.digest,
        **drawn,
    }
    arguments = {
        "source": start,
        "tuned": tuned,
        "questions": questions,
        "how": {**drawn, "folder": runs.folder / "answers"},
    }
    path = runs.folder / "forgetting" / f"{source}-s{seed}.json"
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
        x="KL(new || source) along the target's answers, nats a token",
        y="lost, nats",
        panels=tuple(panels),
    )
    sentence = "Rank correlation of what is lost with how far a run moved, inside targets [95 %]: "
    return Section.of("Forgetting", figure, sentence + "; ".join(said) + ".")


def _link(table: pd.DataFrame, lost: str, tables: Tables, permutations: int, seed: int) -> str:
    """Ask it as the law is asked: means over seeds, copies one unit, the base in its place."""
    moved, gone = (wide(table, column) for column in (MOVED, lost))
    try:
        test = transfer_test(
            moved,
            gone,
            units=tables.units_in(moved),
            strata=tables.strata,
            permutations=permutations,
            seed=seed,
        )
    except InputError as error:
        return str(error).split(":")[0]
    return f"{told(test)}, p = {test.p_value:.2g}".replace("-", "−")
