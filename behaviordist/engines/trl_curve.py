"""The cost curve of a run on engine `trl`, written as it comes, and what survives a kill.

A row is appended and flushed to disk at every evaluation. A checkpoint of the trainer counts only
with its marker, which is written last. A run that is started again drops the rows beyond the last
whole checkpoint and continues there; the rows before it are what the killed run measured.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from behaviordist.engines.trl_score import Score
from behaviordist.regimes.sections import Stop
from behaviordist.store import ranks, write_text
from behaviordist.store.journal import Journal

MARKER = "complete"
CURVE = "curve.jsonl"


@dataclass(frozen=True)
class CurveRow:
    """One evaluation: optimizer steps done, what they cost so far, and the score.

    `seconds` is wall time of the run itself, evaluations included, pauses between a kill and the
    next start left out. `nats` is the surprise of the held-out answers (see `trl_score.Score`),
    `also` the score on other regimes' held-out examples, by label.
    """

    step: int
    tokens: int
    flops: float
    seconds: float
    score: float
    greedy: float
    nats: float | None = None
    also: Mapping[str, float] = field(default_factory=dict)


@dataclass
class CurveFile:
    """A curve on disk, ``curve.jsonl`` in the run's folder; `rows` is what it holds."""

    folder: Path
    rows: list[CurveRow]

    @classmethod
    def resume(cls, folder: Path) -> tuple[CurveFile, Path | None]:
        """Open a run's folder: the curve up to the last whole checkpoint, and that checkpoint.

        Of a launcher's processes the first reads, and tells the others.
        """
        rows, last = ranks.agreed(_resumed(folder) if ranks.is_first() else ([], None))
        return cls(folder, rows), last

    def append(self, row: CurveRow) -> None:
        """Add one row, durably; of a launcher's processes the first writes."""
        self.rows.append(row)
        if ranks.is_first():
            Journal(self.folder / CURVE).append(asdict(row))

    def meets(self, stop: Stop) -> bool:
        """Whether the run has arrived."""
        return stop.met([row.score for row in self.rows])


def _resumed(folder: Path) -> tuple[list[CurveRow], Path | None]:
    """Drop from a run's folder what lies beyond its last whole checkpoint; return what is left."""
    folder.mkdir(parents=True, exist_ok=True)
    last = last_checkpoint(folder)
    step = 0 if last is None else step_of(last)
    rows = [row for row in read_curve(folder / CURVE) if row.step <= step]
    if last is not None and (not rows or rows[-1].step < step):
        # A checkpoint is saved after its row; without it, the folder was tampered with.
        rows, last = [], None
    Journal(folder / CURVE).restart(asdict(row) for row in rows)
    return rows, last


def read_curve(path: Path) -> list[CurveRow]:
    """Read a curve as far as it is whole: up to a line that a kill cut or that was edited."""
    return [CurveRow(**values) for values in Journal(path).rows(until_damage=True)]


def last_checkpoint(folder: Path) -> Path | None:
    """Return the latest checkpoint of the trainer that was written whole; remove the others."""
    checkpoints = sorted(folder.glob("checkpoint-*"), key=step_of)
    whole = [path for path in checkpoints if (path / MARKER).is_file()]
    for path in checkpoints:
        if path not in whole[-1:]:
            shutil.rmtree(path, ignore_errors=True)
    return whole[-1] if whole else None


def step_of(checkpoint: Path) -> int:
    """Return the step of a trainer's checkpoint folder; -1 if its name holds none."""
    tail = checkpoint.name.removeprefix("checkpoint-")
    return int(tail) if tail.isdigit() else -1


def mark_whole(checkpoint: Path) -> None:
    """Say that a checkpoint is whole, after all of it has reached the disk."""
    for path in checkpoint.rglob("*"):
        if path.is_file():
            with open(path, "rb") as stream:
                os.fsync(stream.fileno())
    write_text(checkpoint / MARKER, "")
    for other in checkpoint.parent.glob("checkpoint-*"):
        if step_of(other) < step_of(checkpoint):
            shutil.rmtree(other, ignore_errors=True)


def curve_callback(
    curve: CurveFile,
    score: Callable[[Any], tuple[Score, Mapping[str, float]]],
    cost: Callable[[int, int], tuple[int, float]],
    stop: Stop,
    every: int,
    save_seconds: float,
) -> Any:
    """Return a ``TrainerCallback`` that evaluates, records, stops and saves.

    Parameters
    ----------
    curve
        Where rows go; the last one's seconds are carried on.
    score
        Of a model: on the regime's own held-out examples, and by label on others'.
    cost
        ``(step, tokens that the trainer has seen) -> (tokens, FLOPs)``.
    stop, every
        When the run has arrived, and steps between evaluations.
    save_seconds
        A checkpoint is saved at the first evaluation after so many seconds without one.
    """
    from transformers import TrainerCallback

    started = time.monotonic() - (curve.rows[-1].seconds if curve.rows else 0.0)
    last_saved = time.monotonic()

    class CostCurve(TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, args: Any, state: Any, control: Any, **others: Any) -> None:  # noqa: ARG002
            nonlocal last_saved
            if state.global_step % every:
                return
            score_now, also = score(others["model"])
            tokens, flops = cost(state.global_step, int(state.num_input_tokens_seen))
            seconds = time.monotonic() - started
            row = CurveRow(
                state.global_step, tokens, flops, seconds, **asdict(score_now), also=also
            )
            # The trainer's own log has it too: trainer_state.json reads as a cost curve.
            entry = {"eval_score": row.score, "eval_greedy": row.greedy, "step": row.step}
            state.log_history.append(entry)
            # Clocks differ between processes, and scores may in their last digits: one decides.
            row, save = ranks.agreed((row, time.monotonic() - last_saved >= save_seconds))
            curve.append(row)
            if curve.meets(stop):
                control.should_training_stop = True
            elif save:
                control.should_save = True
                last_saved = time.monotonic()

        def on_save(self, args: Any, state: Any, control: Any, **others: Any) -> None:  # noqa: ARG002
            ranks.wait()  # every process saves a state of its own
            if ranks.is_first():
                mark_whole(Path(args.output_dir) / f"checkpoint-{state.global_step}")

    return CostCurve()
