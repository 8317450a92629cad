"""Logs of evaluations, of three kinds, become one table of scores.

- lm-evaluation-harness, `--log_samples`: JSON lines, a file a task and model (`harness`);
- Inspect: a JSON log or an `.eval` file (`inspect_logs`);
- a table, CSV, Parquet or JSON lines: item, model, score, and epoch, tag, task if there are any.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from behaviordist.errors import InputError, did_you_mean
from behaviordist.evals.harness import read_harness
from behaviordist.evals.inspect_logs import read_inspect
from behaviordist.evals.rows import EvalRow, Wanted, read_lines, score_of, text_of
from behaviordist.evals.scores import EvalScores, gather

NEEDED = ("item", "model", "score")
REFERENCE, CANDIDATE = "reference", "candidate"
"""What `read_pair` calls its models."""
LOGS = (".csv", ".tsv", ".parquet", ".jsonl", ".json", ".eval")


def read_evals(
    logs: Sequence[str | Path],
    *,
    metric: str | None = None,
    answer_filter: str | None = None,
    tag: str | None = None,
    cluster: str | None = None,
    score_range: tuple[float, float] = (0.0, 1.0),
) -> EvalScores:
    r"""Read logs of evaluations; items are matched by their content, never by their order.

    Parameters
    ----------
    logs
        Files or folders, ``NAME=PATH`` to name the model. Files of lm-evaluation-harness
        (``samples_TASK_TIME.jsonl``), of Inspect (``.eval``, ``.json``), or tables (CSV, Parquet,
        JSON lines) with the columns item, model, score, and where wanted epoch, tag, task.
    metric
        Metric (lm-evaluation-harness) or scorer (Inspect); default the first that a log has.
    answer_filter
        Filter of lm-evaluation-harness; default the first that a log has.
    tag, cluster
        Column, or key of the document or the sample's metadata. Items of one cluster (questions
        about one text) count as one unit in every error. Default: the column `tag`; no clusters.
    score_range
        Smallest and largest score there can be; scores are kept as shares of that range.

    Raises
    ------
    InputError
        A file that is none of these, a score outside the range, models of one task scored by
        different metrics; file and row are named.

    Examples
    --------
    >>> import tempfile, pathlib, behaviordist as bd
    >>> folder = tempfile.TemporaryDirectory()
    >>> table = pathlib.Path(folder.name) / "scores.csv"
    >>> rows = [f"q{i},old,{int(i % 5 > 0)}\nq{i},new,1" for i in range(50)]
    >>> _ = table.write_text("item,model,score\n" + "\n".join(rows))
    >>> scores = bd.read_evals([table])
    >>> bd.eval_distances(scores).distances[0, 1].round(2)
    np.float64(0.2)
    >>> bd.compare_evals(scores, "old", "new").overall.improved
    10
    >>> folder.cleanup()
    """
    wanted = Wanted(metric, answer_filter, tag, cluster)
    return gather(_every(logs, wanted), _checked(score_range))


def read_pair(
    reference: str | Path,
    candidate: str | Path,
    *,
    wanted: Wanted = Wanted(),  # noqa: B008
    score_range: tuple[float, float] = (0.0, 1.0),
) -> EvalScores:
    """Read two logs of one model each, whatever the logs call them.

    Returns
    -------
    EvalScores of the models ``"reference"`` and ``"candidate"``.

    Raises
    ------
    InputError
        As `read_evals`, or if a log holds several models.
    """

    def of_one(log: str | Path, name: str) -> Iterator[EvalRow]:
        first = None
        for row in _every([log], wanted):
            first = row.model if first is None else first
            if row.model != first:
                raise InputError(
                    f"{row.where}: '{row.model}' beside '{first}'; as a gate's {name} a log holds"
                    " one model: give each a file or folder of its own"
                )
            yield row._replace(model=name)

    rows = chain(of_one(reference, REFERENCE), of_one(candidate, CANDIDATE))
    return gather(rows, _checked(score_range))


def _every(logs: Sequence[str | Path], wanted: Wanted) -> Iterator[EvalRow]:
    return (row for log in logs for name, path in _files(log) for row in _rows(path, name, wanted))


def _checked(score_range: tuple[float, float]) -> tuple[float, float]:
    low, high = score_range
    if not (np.isfinite([low, high]).all() and low < high):
        raise InputError(f"the range of scores is two numbers, low,high, not {low:g},{high:g}")
    return float(low), float(high)


def _files(log: str | Path) -> list[tuple[str | None, Path]]:
    """Return the files that a name stands for, each with the model's name where it was given."""
    text, name = str(log), None
    if "=" in text and not Path(text).exists():
        name, _, text = text.partition("=")
        name = text_of(name, f"'{log}'", "the name before =")
    path = Path(text)
    if not path.is_dir():
        return [(name, path)]
    found = [
        (name, p)
        for p in sorted(path.rglob("*"))
        if p.is_file()
        and p.suffix in (".eval", ".jsonl", ".json")
        and not p.name.startswith("results")  # totals, which lm-evaluation-harness writes beside
    ]
    if not found:
        raise InputError(f"{path}: no log in this folder (.jsonl, .json or .eval)")
    return found


def _rows(path: Path, name: str | None, wanted: Wanted) -> Iterator[EvalRow]:
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(f"{path}: no such file") from None
    except OSError:  # what opens it says what is wrong
        pass
    if path.suffix in (".eval", ".json"):
        return read_inspect(path, name, wanted)
    if path.suffix == ".jsonl":
        first = next((row for _, row in read_lines(path)), None)
        if first is None:
            raise InputError(f"{path}: the file is empty")
        if set(NEEDED) <= set(first):
            return _table(path, read_lines(path), name, wanted)
        return read_harness(path, name, wanted)
    if path.suffix in (".csv", ".tsv", ".parquet"):
        return _table(path, _cells(path), name, wanted)
    raise InputError(f"{path}: not a log by its name; {', '.join(LOGS)} are read")


def _cells(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the rows of a CSV or Parquet table by column."""
    from behaviordist.store.delimited import read_table
    from behaviordist.store.tables import read_parquet

    if path.suffix == ".parquet":
        frame, first = read_parquet(path), 1
    else:
        read = read_table(path)
        assert read is not None  # of a header with all that is needed: nothing is
        frame, first = read, 2
    columns = [str(c).strip() for c in frame.columns]
    columns = [c.lower() if c.lower() in (*NEEDED, "epoch", "tag", "task") else c for c in columns]
    lacking = [c for c in NEEDED if c not in columns]
    if lacking:
        known = did_you_mean(lacking[0], columns)
        raise InputError(f"{path}: no column '{lacking[0]}'; {known}"[:300])
    objects = frame.astype(object).where(frame.notna(), None)
    for number, cells in enumerate(objects.itertuples(index=False, name=None), start=first):
        yield f"{path}, row {number}", dict(zip(columns, cells, strict=True))


def _table(
    path: Path, rows: Iterator[tuple[str, dict[str, Any]]], name: str | None, wanted: Wanted
) -> Iterator[EvalRow]:
    if name is not None:
        raise InputError(f"{name}={path}: a table names its models; leave out {name}=")
    seen: set[tuple[str, ...]] = set()
    for where, row in rows:
        lacking = [c for c in NEEDED if c not in row]
        if lacking:
            raise InputError(f"{where}: no {lacking[0]}")
        task = "" if row.get("task") is None else text_of(row["task"], where, "the task")
        item, model = (text_of(row[c], where, f"the {c}") for c in ("item", "model"))
        tag, cluster = wanted.labels(row, where)
        if wanted.tag is None and row.get("tag") is not None:
            tag = text_of(row["tag"], where, "the tag")
        key = (task, item, model, str(row.get("epoch", "")))
        if key in seen:
            raise InputError(
                f"{where}: item '{item}' of model '{model}' a second time; say which is which in a"
                " column epoch"
            )
        seen.add(key)
        yield EvalRow(task, item, model, score_of(row["score"], where), where, tag, cluster)
