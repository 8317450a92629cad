"""One score of a log, and how cells of logs become its parts."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from behaviordist.errors import InputError, did_you_mean


class EvalRow(NamedTuple):
    """A score of one model on one item; `item` is a digest or an id, never a place in a file.

    `prompt` is a digest of what the model was shown, empty where the log does not say; `how` is
    the metric that the score is of.
    """

    task: str
    item: str
    model: str
    score: float
    where: str
    tag: str = ""
    cluster: str = ""
    prompt: str = ""
    how: str = ""


@dataclass(frozen=True)
class Wanted:
    """What is read of a log.

    Parameters
    ----------
    metric
        Of lm-evaluation-harness, or the scorer of Inspect; default the first of a log.
    answer_filter
        Of lm-evaluation-harness; default the first of a log.
    tag, cluster
        Where an item's tag and cluster stand: a column of a table, a key of the document
        (lm-evaluation-harness) or of the sample's metadata (Inspect).
    """

    metric: str | None = None
    answer_filter: str | None = None
    tag: str | None = None
    cluster: str | None = None

    def labels(self, known: Any, where: str) -> tuple[str, str]:
        """Return tag and cluster of an item, empty where none is wanted."""
        tag, cluster = (
            "" if key is None else text_of(_at(known, key, where), where)
            for key in (self.tag, self.cluster)
        )
        return tag, cluster


def _at(known: Any, key: str, where: str) -> Any:
    known = known if isinstance(known, Mapping) else {}
    if key not in known:
        raise InputError(f"{where}: no '{key}'; {did_you_mean(key, map(str, known))}"[:300])
    return known[key]


def text_of(value: Any, where: str, what: str = "a label") -> str:
    """Return a name as text that every file can keep; a number is written out."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise InputError(f"{where}: {what} is text or a number, not {_shown(value)}")
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # a column with a gap holds 1.0 where another file says 1
    text = str(value).encode("utf-8", "replace").decode().replace("\0", "").strip()
    if not text:
        raise InputError(f"{where}: {what} is empty")
    return text


def score_of(value: Any, where: str) -> float:
    """Return a score; NaN where there is none."""
    if value is None or (isinstance(value, str) and value.strip().lower() in ("", "na", "nan")):
        return math.nan
    if isinstance(value, str) and value.strip().lower() in ("true", "false"):
        return float(value.strip().lower() == "true")
    try:
        if isinstance(value, list | dict):
            raise TypeError
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        raise InputError(
            f"{where}: the score is {_shown(value)}, not a number; name another metric"
        ) from None
    if math.isinf(number):
        raise InputError(f"{where}: the score is not finite; leave it out if it is missing")
    return number


def content_digest(value: Any) -> str:
    """Return the sha256 of a document as lm-evaluation-harness takes it for its `doc_hash`."""
    text = value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def read_json(text: str | bytes, where: str) -> Any:
    """Parse JSON; InputError names the place."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: not JSON ({error}); is the log whole?") from None


def read_lines(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the place and the object of every line that is not empty."""
    with open(path, "rb") as stream:
        for number, line in enumerate(stream, start=1):
            where = f"{path}, line {number}"
            if not line.strip():
                continue
            row = read_json(line, where)
            if not isinstance(row, dict):
                raise InputError(f"{where}: not an object of keys; one a line is expected")
            yield where, row


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:40]}..."
