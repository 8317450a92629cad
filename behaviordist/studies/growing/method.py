"""Study `growing`: is a small model, grown, a cheaper way to a large one, and is distance all?

Method, in the order of the code. A small model is pre-trained until it is coherent, from several
seeds. Every operator makes it larger; nothing is trained yet, so the distance from the small one
is the operator's jump. The larger models train on until small and grown together have used as
many FLOPs as a large model of the same shape that started from random weights (and the small one
trains on too, as the control that is not grown). What FLOPs each needed to the large model's level
is read off the curves. At last every model (small, freshly grown, trained on, from scratch) is
post-trained towards one function by every algorithm until it reaches tau.
"""

from __future__ import annotations

from typing import Any

from behaviordist.probes import ProbeSet
from behaviordist.record import Behavior
from behaviordist.studies.folder import write_findings
from behaviordist.studies.growing.measure import (
    Measured,
    curve_table,
    float32_share,
    jump_table,
    nats_table,
    ratio_table,
    savings_table,
)
from behaviordist.studies.growing.page import findings
from behaviordist.studies.growing.runs import SMALL, GrowthRuns
from behaviordist.studies.growing.study import Study
from behaviordist.studies.settings import Settings
from behaviordist.studies.stages import StageClock
from behaviordist.transfer.curves import summarise
from behaviordist.transfer.runs import collect, write_table

NOTES = (
    "the optimizer starts anew after growth: moments of the small model are not carried over",
    "the level is read at evaluations, so FLOPs to it are rounded up to the next one",
    "distances.csv holds the first seed; jumps.csv has the distances of all",
)


def run_study(study: Study, settings: Settings, clock: StageClock) -> dict[str, Any]:
    """Run every stage that is not finished; write the folder; return ``run.json``."""
    runs = GrowthRuns(study, settings.folder, settings.seed)
    processes = settings.jobs
    clock.run("small", "Pre-training small models until coherent", runs.small_jobs(), processes)
    clock.run("growth", "Growing them", runs.growth_jobs(), processes)
    what = "Training on, and from scratch, to equal FLOPs"
    clock.run("large", what, runs.large_jobs(), processes)
    clock.run("post-training", "Post-training all of them", runs.transfer_jobs(), processes)
    rows = collect(runs.transfers(), {r.label: runs.goal for r in study.regimes()})
    write_table(settings.folder, rows)
    curves, costs = curve_table(runs), summarise(rows)
    savings, jumps = savings_table(runs, curves), jump_table(runs, clock)
    ratios = ratio_table(runs, costs)
    nats = nats_table(runs, clock)
    tables = {"savings": savings, "jumps": jumps, "ratios": ratios, "nats": nats}
    for name, table in tables.items():
        table.to_csv(runs.folder / f"{name}.csv", index=False)
    measured = Measured(runs, curves, costs, savings, jumps, ratios, nats, float32_share(runs))
    incoherent = [
        f"small model of seed {r} was not coherent within its budget; it was grown as it was"
        for r in range(runs.study.seeds)
        if not runs.provenance(SMALL, r)["converged"]
    ]
    return write_findings(
        runs.study,
        settings,
        findings(measured),
        clock,
        behaviors=[_behavior(runs, name) for name in runs.sources()],
        geometry=runs.study.distances.geometry,
        digests={"probes": ProbeSet.load(runs.study.distances.probes).digest},
        notes=[*incoherent, *NOTES],
    )


def _behavior(runs: GrowthRuns, name: str) -> Behavior:
    kind = "grown" if name in runs.shapes else name.split("-")[0]
    kind = {"not": "small, trained on"}.get(kind, kind)
    kind = "freshly grown" if name.endswith("-fresh") else kind
    return Behavior(label=f"{name}-s0", algorithm=kind)
