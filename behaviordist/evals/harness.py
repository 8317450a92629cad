"""Logs of lm-evaluation-harness: what `--log_samples` writes, a file a task and model.

A row is a document under one filter, with its metrics by name. Documents are matched by
`doc_hash` and `target_hash` (sha256 of the document and the target), never by `doc_id`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from behaviordist.errors import InputError, did_you_mean
from behaviordist.evals.rows import EvalRow, Wanted, content_digest, read_lines, score_of, text_of

TIME = re.compile(r"_\d{4}-\d\d-\d\dT[\d:.+-]+$")
FIRST = "samples_"
# Keys of a row that are no metric, for logs from before rows listed their metrics.
NOT_METRICS = frozenset({
    "doc_id", "doc", "target", "arguments", "resps", "filtered_resps", "filter", "metrics",
    "doc_hash", "prompt_hash", "target_hash", "schema_version", "scores_per_repeat",
})  # fmt: skip


def read_harness(path: Path, name: str | None, wanted: Wanted) -> Iterator[EvalRow]:
    """Yield the rows of one file.

    Parameters
    ----------
    path
        ``MODEL/samples_TASK_TIME.jsonl``, or a file of any name, which is then the model's.
    name
        The model; default the folder of the file, its ``__`` read as ``/``.
    wanted
        Metric and filter; default the first of the file.
    """
    model, task = _named(path)
    model = name or model
    chosen: str | None = wanted.answer_filter
    metric, seen = wanted.metric, set()
    for where, row in read_lines(path):
        answers = str(row.get("filter", "none"))
        seen.add(answers)
        chosen = answers if chosen is None else chosen
        if answers != chosen:
            continue
        metric = _first_metric(row, where) if metric is None else metric
        if metric not in row or metric in NOT_METRICS:
            known = did_you_mean(metric, map(str, _metrics(row)))
            raise InputError(f"{where}: no metric '{metric}'; {known}"[:300])
        tag, cluster = wanted.labels(row.get("doc"), where)
        yield EvalRow(
            task, _item(row, where), model, score_of(row[metric], where), where, tag, cluster,
            prompt=str(row.get("prompt_hash") or ""), how=f"{metric}, filter {chosen}",
        )  # fmt: skip
    if chosen is not None and chosen not in seen and seen:
        raise InputError(f"{path}: no filter '{chosen}'; {did_you_mean(chosen, seen)}"[:300])


def _named(path: Path) -> tuple[str, str]:
    """Return model and task as the file's place says them."""
    stem = TIME.sub("", path.stem)
    if not stem.startswith(FIRST):
        return stem, ""
    folder = path.resolve().parent.name.replace("__", "/")
    return folder or stem, stem.removeprefix(FIRST)


def _metrics(row: Mapping[str, Any]) -> list[Any]:
    listed = row.get("metrics")
    return listed if isinstance(listed, list) else [k for k in row if k not in NOT_METRICS]


def _first_metric(row: Mapping[str, Any], where: str) -> str:
    for name in _metrics(row):
        if isinstance(name, str) and isinstance(row.get(name), int | float):
            return name
    raise InputError(
        f"{where}: no metric with a number; a log of `lm_eval --log_samples`, or a table with the"
        " columns item, model, score, is expected"
    )


def _item(row: Mapping[str, Any], where: str) -> str:
    doc = row.get("doc_hash") or (content_digest(row["doc"]) if row.get("doc") else None)
    if doc is None:
        raise InputError(f"{where}: neither doc_hash nor doc; items are matched by their content")
    target = row.get("target_hash") or content_digest(str(row.get("target")))
    return f"{text_of(doc, where, 'doc_hash')}:{text_of(target, where, 'target_hash')}"
