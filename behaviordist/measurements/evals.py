"""What `behaviordist evals distance` does: read logs, and write the folder of the answer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from behaviordist.distance import DistanceMatrix
from behaviordist.evals import EvalScores, eval_distances, read_evals
from behaviordist.evals.bounds import mean_of
from behaviordist.record import DistanceRecord, Probes, made_now, write_record
from behaviordist.record.behaviors import Behavior
from behaviordist.report.look import Look
from behaviordist.report.write import write_report
from behaviordist.store import digest_of, write_text
from behaviordist.store.folders import check_folder

if TYPE_CHECKING:
    import pandas as pd

SIDE = 0.025


def write_eval_distances(
    logs: Sequence[str | Path] | EvalScores,
    out: Path | str,
    *,
    margin: float | None = None,
    look: Look | None = None,
    slide: bool = False,
    command: str = "",
) -> DistanceMatrix:
    r"""Write the folder of distances between the models of some eval logs.

    Parameters
    ----------
    logs
        What `read_evals` opens, or what it returned.
    out
        Folder of the results: those of `behaviordist distance`, and ``scores.csv`` and
        ``changes.csv``, which say who scores higher.
    margin
        A disagreement that does not matter, 0 to 1.
    look, slide
        As in `report.write_report`.
    command
        What the record says it was made by.

    Returns
    -------
    DistanceMatrix, (M, M), from `eval_distances`.

    Raises
    ------
    InputError
        Whatever is wrong with the logs or options; nothing is written then.

    Examples
    --------
    >>> import tempfile, pathlib, behaviordist as bd
    >>> folder = tempfile.TemporaryDirectory()
    >>> table = pathlib.Path(folder.name) / "scores.csv"
    >>> rows = [f"q{i},old,{int(i % 5 > 0)}" for i in range(50)]
    >>> rows += [f"q{i},new,1" for i in range(50)]
    >>> _ = table.write_text("\n".join(["item,model,score", *rows]))
    >>> matrix = bd.write_eval_distances([table], pathlib.Path(folder.name) / "out")
    >>> matrix.labels
    ('old', 'new')
    >>> folder.cleanup()
    """
    from behaviordist.store.tables import write_square

    out = Path(out)
    check_folder(out)
    scores = logs if isinstance(logs, EvalScores) else read_evals(logs)
    matrix = eval_distances(scores, margin)
    if look is not None:
        look.check(matrix.labels)
    matrix.save(out)
    table = score_table(scores)
    write_text(out / "scores.csv", table.to_csv(index=False))
    write_square(out / "changes.csv", _changes(scores))
    write_record(out / "run.json", _record(scores, matrix, table, command))
    write_report(out, look, slide=slide)
    return matrix


def score_table(scores: EvalScores) -> pd.DataFrame:
    """Return model, mean score, its standard error, 95 % limits and items; a row a model."""
    import pandas as pd

    rows = []
    for model, column in zip(scores.models, scores.scores.T, strict=True):
        known = np.isfinite(column)
        row = {"model": model, "n": int(known.sum())}
        if known.any():
            mean = mean_of(column[known], scores.cluster[known], SIDE)
            row |= {"score": mean.value, "standard_error": mean.standard_error}
            row |= {"low": mean.low, "high": mean.high}
        rows.append(row)
    columns = ["model", "n", "score", "standard_error", "low", "high"]
    return pd.DataFrame(rows, columns=columns)


def _changes(scores: EvalScores) -> pd.DataFrame:
    """Return (M, M): mean score of the column less that of the row, on the items of both."""
    import pandas as pd

    m, values = len(scores.models), scores.scores
    changes = np.full((m, m), np.nan)
    for i in range(m):
        gaps = values - values[:, [i]]
        known = np.isfinite(gaps)
        sums, counts = np.where(known, gaps, 0).sum(axis=0), known.sum(axis=0)
        changes[i] = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    return pd.DataFrame(changes, index=list(scores.models), columns=list(scores.models))


def _record(
    scores: EvalScores, matrix: DistanceMatrix, table: pd.DataFrame, command: str
) -> DistanceRecord:
    """Return `run.json`."""
    digest = digest_of([list(item) for item in scores.items])
    tasks = sorted({task for task, _ in scores.items} - {""})
    said = [
        f"{row['model']}: mean score {row['score']:.4g} [{row['low']:.4g}, {row['high']:.4g}] on"
        f" {row['n']} items"
        for row in table.dropna(subset=["score"]).to_dict("records")
    ]
    return DistanceRecord(
        provenance=made_now(command, digests={"items": digest}),
        geometry=str(matrix.metadata["geometry"]),
        probes=Probes(name=", ".join(tasks) or "items", n=len(scores.items), digest=digest),
        behaviors=tuple(Behavior(label=model) for model in scores.models),
        notes=(
            "a distance is the mean absolute difference of two models' scores, item by item: it"
            " says how alike they are, not which is better (that is in scores.csv, changes.csv)",
            *said,
            *scores.notes,
            *_noise(scores),
            *matrix.cautions(),
        ),
    )


def _noise(scores: EvalScores) -> tuple[str, ...]:
    if scores.repeated:
        return (
            "items were scored more than once: the floor of a pair is the disagreement of the same"
            " scores dealt out anew to both",
        )
    return (
        "every item was scored once: a model is taken for what it scored; sampled answers would"
        " differ from run to run, which only several epochs show",
    )
