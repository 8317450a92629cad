"""Engine `trl`: executes a declared regime on a Hugging Face causal language model.

The same regime file runs in the lab's engine; `docs/engines.md` says where the two define a loss or
an advantage differently. Several processes are started by ``accelerate launch`` or ``torchrun``,
not by this code.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from behaviordist.engines.trl_assembly import grown, trainer_of
from behaviordist.engines.trl_curve import CurveFile, CurveRow, curve_callback
from behaviordist.engines.trl_data import Tokens, training_rows
from behaviordist.engines.trl_extra import require_trl
from behaviordist.engines.trl_models import (
    forward_flops,
    load_tokenizer,
    quiet,
    save,
    training_flops,
)
from behaviordist.engines.trl_score import MEANING, Score, Scorer
from behaviordist.regimes.artifacts import regime_inputs
from behaviordist.regimes.declaration import Convergence, Grow, Regime, Reward, Rlhf, Rlvr
from behaviordist.regimes.files import with_paths
from behaviordist.regimes.sections import Stop
from behaviordist.store import ranks, write_json
from behaviordist.store.jobs import make_once

ENGINE_VERSION = 1
"""Part of every artifact's inputs: raise it when the engine's numbers change."""


@dataclass(frozen=True)
class TrlRun:
    """One finished run.

    Attributes
    ----------
    model, tokenizer
        At the stop.
    curve
        Every evaluation, step 0 first.
    stop, stopped
        The stopping rule, and whether it was met within the budget.
    scorer
        What it was scored by.
    """

    model: Any
    tokenizer: Any
    curve: tuple[CurveRow, ...]
    stop: Stop
    stopped: bool
    scorer: Scorer


def train(
    regime: Regime,
    source: Path,
    work: Path,
    seed: int,
    *,
    stop: Stop | None = None,
    also: Sequence[Regime] = (),
    save_seconds: float = 60.0,
) -> TrlRun:
    """Train one checkpoint under one regime; a run that was killed continues.

    Parameters
    ----------
    regime
        What to train for; its budget bounds the steps.
    source
        Hugging Face folder to start from, whole or an adapter.
    work
        The run's own folder: its curve as it grows, and the trainer's checkpoints.
    seed
        Of the order of examples, of new adapters and of sampling.
    stop
        Stopping rule; the regime's convergence rule by default.
    also
        Regimes on whose held-out examples every evaluation scores the model too: what it forgets.
    save_seconds
        Seconds between the checkpoints that a killed run continues from, at the least.

    Raises
    ------
    InputError
        The extra is missing, the data or the model do not fit the regime, the run diverges.
    """
    require_trl()
    if isinstance(regime, Grow):
        source = grown(regime, source, work, seed)
    stop = stop or Stop(regime.convergence.at_least, regime.convergence.consecutive)
    tokenizer = load_tokenizer(source)
    tokens = Tokens(tokenizer, regime)
    scorer = Scorer.of(regime, tokens)
    others = {one.label: Scorer.of(one, Tokens(tokenizer, one)) for one in also}
    rows = training_rows(regime, tokens, seed)
    curve, last = CurveFile.resume(work)
    reward: Path | None = None
    if isinstance(regime, Rlhf):
        finished = regime.reward_model.checkpoint
        reward = Path(finished) if finished else _train_reward(regime, source, work, seed)
    with quiet():
        trainer = trainer_of(regime, source, work, seed, tokenizer, rows, reward)
        _run(trainer, regime, _scoring(scorer, others), curve, last, stop, save_seconds)
    model = trainer.accelerator.unwrap_model(trainer.model)
    return TrlRun(model, tokenizer, tuple(curve.rows), stop, curve.meets(stop), scorer)


Scoring = Callable[[Any], tuple[Score, dict[str, float]]]


def _scoring(scorer: Scorer, others: Mapping[str, Scorer]) -> Scoring:
    """Return what scores a model on its own held-out examples, and by label on others'."""
    return lambda model: (scorer(model), {k: other(model).score for k, other in others.items()})


def train_checkpoint(folder: Path, regime: Regime, source: Path, seed: int, work: Path) -> None:
    """Train one checkpoint into a folder (the temporary path of an artifact).

    The folder is a Hugging Face folder (an adapter where the regime trains one) with
    ``provenance.json``: the regime, the source, the seed, what it cost, and the evidence.
    """
    run = train(regime, source, work, seed)
    write_checkpoint(folder, run, regime, source, seed)
    discard_checkpoints(work)


def write_checkpoint(folder: Path, run: TrlRun, regime: Regime, source: Path, seed: int) -> None:
    """Write what a run ended with, and ``provenance.json``; see `train_checkpoint`."""
    if regime.algorithm == "qat":
        from behaviordist.engines.trl_quantise import round_weights

        round_weights(run.model)
    with quiet():
        save(folder, run.model, run.tokenizer, source)
    write_json(folder / "provenance.json", provenance(regime, run, source, seed))


def provenance(regime: Regime, run: TrlRun, source: Path, seed: int) -> dict[str, Any]:
    """Describe how weights were reached."""
    from importlib.metadata import version

    last = run.curve[-1]
    return {
        "schema": 1,
        "regime": regime_inputs(_portable(regime)),
        "source": source.name,
        "seed": seed,
        "engine": {"name": "trl", "version": ENGINE_VERSION, "trl": version("trl")},
        "converged": run.stopped,
        "steps": last.step,
        "tokens": last.tokens,
        "flops": last.flops,
        "seconds": last.seconds,
        "score": last.score,
        "evidence": {
            "score": MEANING[run.scorer.kind],
            "rule": f">= {run.stop.at_least:g} at {run.stop.consecutive} evaluations in a row",
            "steps": [row.step for row in run.curve],
            "scores": [row.score for row in run.curve],
            "greedy": [row.greedy for row in run.curve],
        },
    }


def _portable(regime: Regime) -> Regime:
    """Return a regime that names files as their folder does: a record travels, a path does not."""
    return with_paths(regime, lambda path: Path(path).name if Path(path).is_absolute() else path)


def discard_checkpoints(work: Path) -> None:
    """Remove what a finished run no longer needs to continue; its curve stays."""
    for path in work.glob("**/checkpoint-*"):
        shutil.rmtree(path, ignore_errors=True)


def _run(
    trainer: Any,
    regime: Regime,
    score: Scoring,
    curve: CurveFile,
    last: Path | None,
    stop: Stop,
    save_seconds: float,
) -> None:
    """Score, train, score again, until the stop or the budget."""
    from transformers import PrinterCallback

    rows = len(trainer.train_dataset) // max(1, regime.budget)
    cost = _cost(trainer, regime, rows)
    if not curve.rows:
        start, also = score(trainer.model)
        curve.append(ranks.agreed(CurveRow(0, 0, 0.0, 0.0, **asdict(start), also=also)))
    if curve.meets(stop) or curve.rows[-1].step >= regime.budget:
        if last is not None:  # the run needs no more steps
            trainer._load_from_checkpoint(str(last))
        return
    callback = curve_callback(curve, score, cost, stop, regime.convergence.every, save_seconds)
    trainer.add_callback(callback)
    trainer.remove_callback(PrinterCallback)  # the curve says it
    trainer.train(resume_from_checkpoint=None if last is None else str(last))


def _cost(trainer: Any, regime: Regime, rows: int) -> Any:
    """Return ``(step, tokens seen) -> (tokens, FLOPs)`` of a run.

    Sampling, a reference, a reward model and a teacher cost a forward pass a token; a reward model
    counts as large as the policy.
    """
    algorithm = regime.algorithm
    extra = {"dpo": 1, "rlvr": 1, "rlhf": 3, "distill": 1}.get(algorithm, 0)
    sequences = rows * {"dpo": 2, "reward": 2}.get(algorithm, 1)
    if isinstance(regime, Rlvr | Rlhf):
        sequences *= regime.group_size

    def cost(step: int, seen: int) -> tuple[int, float]:
        context = seen / max(1, step * sequences)
        each = training_flops(trainer.model, context)
        frozen = extra * forward_flops(trainer.model, context)
        return seen, float(seen * (each + frozen))

    return cost


def _train_reward(regime: Rlhf, source: Path, work: Path, seed: int) -> Path:
    """Train the reward model of `rlhf` from the run's start, once; return its folder."""
    judge = reward_regime(regime)
    folder = work / "reward"
    inputs = {"regime": regime_inputs(judge), "seed": seed, "engine": ENGINE_VERSION}
    run = work / "reward-run"
    make_once(folder, inputs, lambda path: train_checkpoint(path, judge, source, seed, run))
    return folder


def reward_regime(regime: Rlhf) -> Reward:
    """Return the regime of the reward model that a policy's regime asks for."""
    declared = regime.reward_model
    shared = set(Reward.model_fields) - {"algorithm"}
    values = {key: getattr(regime, key) for key in shared}
    values |= {key: getattr(declared, key) for key in ("budget", "batch_size", "learning_rate")}
    values["convergence"] = Convergence(
        at_least=declared.at_least, every=declared.every, strings=regime.convergence.strings
    )
    values["evaluation"] = regime.evaluation.model_copy(update={"score": "default"})
    return Reward(**values)
