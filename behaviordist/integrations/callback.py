"""A callback of `transformers` trainers: how far a run has gone from where it started."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from transformers import Trainer, TrainerCallback

from behaviordist.behaviors import load
from behaviordist.behaviors.huggingface.backend import TransformersBehavior
from behaviordist.behaviors.huggingface.describe import in_training
from behaviordist.behaviors.huggingface.sources import MemorySource
from behaviordist.distance.directed import AnswerSet
from behaviordist.errors import InputError
from behaviordist.integrations.measured import (
    Answers,
    Asked,
    evaluating,
    held_out,
    rows_of,
    rows_of_behavior,
    to_start,
)
from behaviordist.integrations.pace import Pace
from behaviordist.integrations.start import Start
from behaviordist.probes import ProbeSet
from behaviordist.store import digest_of, ranks

POSITIONS = 512
"""Scored tokens that are looked at: so many times the vocabulary in float32 is what is kept."""

PREFIX = "behavior/"

Probes = ProbeSet | str | Path


class BehaviorDistanceCallback(TrainerCallback):  # type: ignore[misc]
    """Log, while a model is trained, how far its behavior has gone from its start, and where to.

    Works in every trainer that is a `transformers.Trainer`, those of TRL among them; what is
    measured goes through the trainer's own ``log``, so to whatever it reports to. Training is the
    same with it and without it: it draws nothing and changes no weight.

    Parameters
    ----------
    probes
        Contexts at which distributions are compared: a shipped set's name, a file or a set. Of a
        set with more than 512 scored tokens so many are drawn as have that many together.
    every
        Steps between looks. Default: so many that looking takes at most `share` of the steps' time
        (1, 2, 5, 10, 20, ...), from what looks and steps took on this machine. The looks at the
        start and at the end of a run are not counted.
    share
        See `every`.
    reference
        What the run should come to, or should stay near: a model of the same vocabulary, by name
        (see `load`), as a behavior, or in memory.
    targets
        Name -> answers of a target, as an `AnswerSet` or a file of them.
    held_out
        Name -> probes whose continuations are what the model should still say.
    stop_above
        Stop the run at a look whose ``distance`` from the start is larger (Hellinger, 0 to 1.41).

    Notes
    -----
    Logged with ``behavior/`` before each name, means over probes at fixed contexts:

    - ``distance``; ``kl_now_start``, ``kl_start_now``, nats a token, and their standard errors
      ``_error`` over probes;
    - with a reference ``kl_now_reference``, ``kl_reference_now``, and ``shift_cosine``: the cosine
      of (now - start) and (reference - start), once there is a shift;
    - of every target ``surprise/NAME``, nats an answer, and ``kl/NAME`` where the author's own
      log-probabilities are known;
    - of every held-out set ``nats/NAME`` (a token), ``score/NAME`` (mean probability of a whole
      continuation) and ``forgetting/NAME``: nats a token more than at the start;
    - ``share_of_time`` that looking has taken of the steps' time so far.

    A run that continues from a checkpoint reads its start from the file that the first one left in
    the trainer's ``output_dir``. Models whose weights are spread over processes (FSDP, DeepSpeed
    ZeRO 3) are refused.

    Examples
    --------
    ::

        watch = BehaviorDistanceCallback(held_out={"old": "old.jsonl"}).attach(trainer)
        trainer.train()
    """

    def __init__(
        self,
        probes: Probes = "general",
        *,
        every: int | None = None,
        share: float = 0.05,
        reference: Any = None,
        targets: Mapping[str, AnswerSet | str | Path] | None = None,
        held_out: Mapping[str, Probes] | None = None,
        stop_above: float | None = None,
    ) -> None:
        if every is not None and every < 1:
            raise InputError("every is 1 step or more")
        if not 0 < share <= 1:
            raise InputError("share lies above 0 and is at most 1")
        if stop_above is not None and not 0 < stop_above < math.sqrt(2):
            raise InputError("stop_above is a Hellinger distance: above 0 and below 1.41")
        self.probes = _opened(probes)
        self.held_out = {name: _opened(value) for name, value in (held_out or {}).items()}
        self.targets = {
            name: value if isinstance(value, AnswerSet) else AnswerSet.load(value, name)
            for name, value in (targets or {}).items()
        }
        self.reference, self.stop_above = reference, stop_above
        self.pace = Pace(every, share)
        self.looks: list[dict[str, float]] = []
        self._trainer: Any = None
        self._began = 0.0

    def attach(self, trainer: Any) -> BehaviorDistanceCallback:
        """Watch a trainer's run; return this callback.

        Raises
        ------
        InputError
            What is given is no trainer of `transformers`, or its weights are spread.
        """
        if not isinstance(trainer, Trainer):
            raise InputError(f"a trainer of transformers is needed, not {type(trainer).__name__}")
        if trainer.is_fsdp_enabled or trainer.is_deepspeed_enabled:
            raise InputError(
                "weights that are spread over processes (FSDP, DeepSpeed) cannot be looked at"
                " between steps: measure the run's checkpoints with `behaviordist distance`"
            )
        self._trainer = trainer
        trainer.add_callback(self)
        return self

    def on_train_begin(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Take in where the run starts, and look."""
        if self._trainer is None:
            raise InputError(
                "a callback cannot reach its trainer's log: instead of callbacks=[...] write"
                " BehaviorDistanceCallback(...).attach(trainer)"
            )
        model, behavior = given["model"], self._behavior(given)
        self._asked = Asked.of(behavior, _within(self.probes, behavior))
        self._held_out = {k: Asked.of(behavior, v) for k, v in self.held_out.items()}
        self._answers = {k: Answers.of(behavior, v) for k, v in self.targets.items()}
        of = digest_of([self.probes.digest, {k: v.digest for k, v in self.held_out.items()}])
        place = Path(args.output_dir) / "behavior-start.safetensors"
        if state.global_step:
            self._start = Start.load(place, of)
        else:
            with evaluating(model):
                nats = _nats(held_out(self._held_out, model))
            self._start = Start(rows_of(self._asked, model), nats)
            if ranks.is_first():
                self._start.save(place, of)
        self._reference = self._rows_of_reference(behavior)
        self._look(state, control, model, counts=False)

    def on_step_begin(self, args: Any, state: Any, control: Any, **given: Any) -> None:  # noqa: ARG002
        """Begin to time a step."""
        self._began = time.perf_counter()

    def on_step_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:  # noqa: ARG002
        """Look, if it is time."""
        self.pace.stepped(time.perf_counter() - self._began)
        if self.pace.due(state.global_step):
            _wait(given["model"])
            self._look(state, control, given["model"])

    def on_train_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:  # noqa: ARG002
        """Look once more, unless that was just done."""
        if self.looks[-1]["step"] < state.global_step:
            self._look(state, control, given["model"], counts=False)

    def _look(self, state: Any, control: Any, model: Any, counts: bool = True) -> None:
        began = time.perf_counter()
        with evaluating(model):
            said = to_start(self._asked, model, self._start.rows, self._reference)
            for name, answers in self._answers.items():
                said |= answers.measured(model, name)
            said |= held_out(self._held_out, model)
        now = _nats(said)
        said |= {f"forgetting/{k}": now[k] - then for k, then in self._start.nats.items()}
        _wait(model)
        self.pace.looked(time.perf_counter() - began, counts)
        if self.pace.stepping:
            said["share_of_time"] = self.pace.looking / self.pace.stepping
        self.looks.append({"step": state.global_step, **said})
        # Not through what TRL's trainers lay over it: their means belong to the log they are in.
        known = {f"{PREFIX}{k}": v for k, v in said.items() if math.isfinite(v)}
        due = control.should_log  # a log of the trainer's own that this one must not stand for
        Trainer.log(self._trainer, known)
        control.should_log = due
        limit = self.stop_above
        if limit is not None and ranks.agreed(said["distance"] > limit):
            control.should_training_stop = True

    def _behavior(self, given: Mapping[str, Any]) -> TransformersBehavior:
        tokenizer = given.get("processing_class")
        tokenizer = getattr(tokenizer, "tokenizer", tokenizer)
        if not hasattr(tokenizer, "backend_tokenizer"):
            raise InputError("the trainer has no fast tokenizer: give it one as processing_class")
        source = MemorySource(given["model"], tokenizer, "the model in training")
        return in_training(source, "the model in training")

    def _rows_of_reference(self, behavior: TransformersBehavior) -> list[Any] | None:
        other = self.reference
        if other is None:
            return None
        if hasattr(other, "get_output_embeddings"):
            rows = rows_of(self._asked, other)
            if rows[0].shape != self._start.rows[0].shape:
                raise InputError("the reference has another vocabulary than the model in training")
            return rows
        if isinstance(other, str | Path):
            other = load(other)
        if other.vocabulary != behavior.vocabulary:
            raise InputError(
                f"reference '{other.label}' has another vocabulary than the model in training: give"
                " its answers as one of the targets"
            )
        return rows_of_behavior(self._asked, other, _within(self.probes, behavior))


def _opened(probes: Probes) -> ProbeSet:
    return probes if isinstance(probes, ProbeSet) else ProbeSet.load(probes)


def _within(probes: ProbeSet, behavior: TransformersBehavior) -> ProbeSet:
    """Return so many of the probes, drawn, as have `POSITIONS` scored tokens together."""
    scored = [len(ids) for ids in behavior.scored_tokens(probes)]
    n = max(1, int(len(probes) * min(1.0, POSITIONS / sum(scored))))
    return probes.subset(n) if n < len(probes) else probes


def _nats(said: Mapping[str, float]) -> dict[str, float]:
    return {k.removeprefix("nats/"): v for k, v in said.items() if k.startswith("nats/")}


def _wait(model: Any) -> None:
    """Let a device finish, so that times are of what was asked for between them."""
    if model.device.type == "cuda":
        import torch

        torch.cuda.synchronize(model.device)
