"""Engine `trl`: executes a declared regime on a Hugging Face causal language model.

The same regime file runs in the lab's engine; `docs/engines.md` says where the two define a loss or
an advantage differently. Several processes are started by ``accelerate launch`` or ``torchrun``,
not by this code.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from behaviordist.engines.trl_curve import CurveFile, CurveRow, Stop, curve_callback
from behaviordist.engines.trl_data import Tokens, training_rows
from behaviordist.engines.trl_extra import require_trl
from behaviordist.engines.trl_models import (
    base_folder,
    forward_flops,
    is_adapter,
    load_policy,
    load_tokenizer,
    load_whole,
    quiet,
    save,
    training_flops,
)
from behaviordist.engines.trl_score import MEANING, Scorer
from behaviordist.errors import InputError
from behaviordist.regimes.artifacts import regime_inputs
from behaviordist.regimes.declaration import (
    Convergence,
    Distill,
    Grow,
    Qat,
    Regime,
    Reward,
    Rlhf,
    Rlvr,
)
from behaviordist.regimes.files import with_paths
from behaviordist.regimes.rows import Row
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
    stopped
        Whether the stopping rule was met within the budget.
    scorer
        What it was scored by.
    reward
        rlhf: the folder of its reward model.
    """

    model: Any
    tokenizer: Any
    curve: tuple[CurveRow, ...]
    stopped: bool
    scorer: Scorer
    reward: Path | None = None


def train(
    regime: Regime,
    source: Path,
    work: Path,
    seed: int,
    *,
    stop: Stop | None = None,
    reward: Path | None = None,
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
    reward
        rlhf: folder of a trained reward model; by default one is trained from the source first.
    save_seconds
        Seconds between the checkpoints that a killed run continues from, at the least.

    Raises
    ------
    InputError
        The extra is missing, the data or the model do not fit the regime, the run diverges.
    """
    require_trl()
    if isinstance(regime, Grow):
        source = _grown(regime, source, work, seed)
    stop = stop or Stop(regime.convergence.at_least, regime.convergence.consecutive)
    tokenizer = load_tokenizer(source)
    tokens = Tokens(tokenizer, regime)
    scorer = Scorer.of(regime, tokens)
    rows = training_rows(regime, tokens, seed)
    curve, last = CurveFile.resume(work)
    if isinstance(regime, Rlhf) and reward is None:
        finished = regime.reward_model.checkpoint
        reward = Path(finished) if finished else _train_reward(regime, source, work, seed)
    with quiet():
        trainer = _trainer(regime, source, work, seed, tokenizer, rows, reward)
        _run(trainer, regime, scorer, curve, last, stop, save_seconds)
    model = trainer.accelerator.unwrap_model(trainer.model)
    return TrlRun(model, tokenizer, tuple(curve.rows), stop.met(curve.rows), scorer, reward)


def train_checkpoint(
    folder: Path, regime: Regime, source: Path, seed: int, work: Path, reward: Path | None = None
) -> None:
    """Train one checkpoint into a folder (the temporary path of an artifact).

    The folder is a Hugging Face folder (an adapter where the regime trains one) with
    ``provenance.json``: the regime, the source, the seed, what it cost, and the evidence.
    """
    run = train(regime, source, work, seed, reward=reward)
    if regime.algorithm == "qat":
        from behaviordist.engines.trl_quantise import round_weights

        round_weights(run.model)
    with quiet():
        save(folder, run.model, run.tokenizer, source)
    write_json(folder / "provenance.json", provenance(regime, run, source, seed))
    discard_checkpoints(work)


def provenance(regime: Regime, run: TrlRun, source: Path, seed: int) -> dict[str, Any]:
    """Describe how weights were reached."""
    from importlib.metadata import version

    last = run.curve[-1]
    rule = regime.convergence
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
            "rule": f">= {rule.at_least:g} at {rule.consecutive} evaluations in a row",
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
    scorer: Scorer,
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
        found = scorer(trainer.model)
        curve.append(ranks.agreed(CurveRow(0, 0, 0.0, 0.0, found.score, found.greedy)))
    if stop.met(curve.rows) or curve.rows[-1].step >= regime.budget:
        if last is not None:
            _restore(trainer, last)
        return
    callback = curve_callback(curve, scorer, cost, stop, regime.convergence.every, save_seconds)
    trainer.add_callback(callback)
    trainer.remove_callback(PrinterCallback)  # the curve says it
    trainer.train(resume_from_checkpoint=None if last is None else str(last))


def _restore(trainer: Any, checkpoint: Path) -> None:
    """Put a checkpoint's weights into the model of a run that needs no more steps."""
    trainer._load_from_checkpoint(str(checkpoint))


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


def _trainer(
    regime: Regime,
    source: Path,
    work: Path,
    seed: int,
    tokenizer: Any,
    rows: list[Row],
    reward: Path | None,
) -> Any:
    """Open the models that a regime needs and build its trainer."""
    from behaviordist.engines.trl_trainers import build_trainer

    algorithm, tokens = regime.algorithm, Tokens(tokenizer, regime)
    more: dict[str, Any] = {}
    if algorithm == "reward":
        from behaviordist.engines.trl_reward import load_reward

        model = load_reward(source, regime.adapter, seed)
    elif algorithm == "rlhf" and regime.adapter is None:
        model = str(_whole_folder(source, work, seed))
    else:
        model = load_policy(source, regime.adapter, seed)
    if algorithm == "dpo" and regime.adapter is None:
        more["reference"] = load_policy(source, None, seed).eval()
    if isinstance(regime, Rlvr):
        more["rewards"] = _verifier_rewards(regime, tokenizer)
    if algorithm == "rlhf":
        from behaviordist.engines.trl_reward import reward_function

        assert reward is not None
        more["rewards"] = reward_function(reward, tokens.prompt)
    if isinstance(regime, Distill):
        teacher = Path(regime.teacher)
        more["teacher"] = _teacher(teacher, tokenizer)
        rows = _taught(rows, more["teacher"], tokenizer, regime, seed)
    if isinstance(regime, Qat):
        from behaviordist.engines.trl_quantise import fake_quantise

        fake_quantise(model, regime.bits)
    return build_trainer(regime, model, tokenizer, rows, work, seed, **more)


def _whole_folder(source: Path, work: Path, seed: int) -> Path:
    """Return a folder with the source's whole weights: TRL opens the reference from it."""
    if not is_adapter(source):
        return source
    folder = work / "start"
    inputs = {"source": source.name, "seed": seed}
    make_once(
        folder,
        inputs,
        lambda path: save(path, load_policy(source, None, seed), load_tokenizer(source), source),
    )
    return folder


def _grown(regime: Grow, source: Path, work: Path, seed: int) -> Path:
    """Return the folder of the larger model that a `grow` regime trains on, made once."""
    from behaviordist.engines.growing import grow_checkpoint

    growth, folder = regime.growth, work / "grown"
    inputs = {"growth": growth.model_dump(mode="json"), "seed": seed}
    whole = _whole_folder(source, work, seed)
    make_once(folder, inputs, lambda path: grow_checkpoint(path, whole, growth, seed))
    return folder


def _train_reward(regime: Rlhf, source: Path, work: Path, seed: int) -> Path:
    """Train the reward model of `rlhf` from the run's start, once; return its folder."""
    wanted = reward_regime(regime)
    folder = work / "reward"
    inputs = {"regime": regime_inputs(wanted), "seed": seed, "engine": ENGINE_VERSION}
    run = work / "reward-run"
    make_once(folder, inputs, lambda path: train_checkpoint(path, wanted, source, seed, run))
    return folder


def reward_regime(regime: Rlhf) -> Reward:
    """Return the regime of the reward model that a policy's regime asks for."""
    asked = regime.reward_model
    shared = set(Reward.model_fields) - {"algorithm"}
    values = {key: getattr(regime, key) for key in shared}
    values |= {key: getattr(asked, key) for key in ("budget", "batch_size", "learning_rate")}
    values["convergence"] = Convergence(
        at_least=asked.at_least, every=asked.every, strings=regime.convergence.strings
    )
    values["evaluation"] = regime.evaluation.model_copy(update={"score": "default"})
    return Reward(**values)


def _verifier_rewards(regime: Rlvr, tokenizer: Any) -> Any:
    """Return the verifier as TRL calls rewards; for `exact` the end marker counts too."""
    from behaviordist.regimes.verifiers import verify_all

    end, exact = tokenizer.eos_token_id, regime.verifier.kind == "exact"

    def verifier(completions: Any, completion_ids: Any, **columns: Any) -> list[float]:
        texts = [said if isinstance(said, str) else said[-1]["content"] for said in completions]
        known = {k: v for k, v in columns.items() if k in ("answer", "tests")}
        rows = [{k: v[i] for k, v in known.items()} for i in range(len(texts))]
        found = verify_all(regime.verifier, texts, rows)
        # An answer that is cut off is not that answer.
        ended = [len(ids) > 0 and int(ids[-1]) == end for ids in completion_ids]
        return [f if e or not exact else 0.0 for f, e in zip(found, ended, strict=True)]

    return verifier


def _teacher(folder: Path, tokenizer: Any) -> Any:
    """Open a teacher, of any size, whose vocabulary is the student's."""
    theirs = load_tokenizer(folder)
    if theirs.get_vocab() != tokenizer.get_vocab():
        raise InputError(f"teacher {folder}: its vocabulary is not the student's")
    if is_adapter(folder):
        return load_policy(folder, None, 0).eval().requires_grad_(False)
    return load_whole(base_folder(folder)).eval().requires_grad_(False)


def _taught(rows: list[Row], teacher: Any, tokenizer: Any, regime: Regime, seed: int) -> list[Row]:
    """Let the teacher answer the prompts that come without an answer (the lab's)."""
    import torch

    if any(label != -100 for label in rows[0]["labels"]):
        return rows
    from behaviordist.engines.trl_trainers import _answer_tokens

    generator_state = torch.random.get_rng_state()
    torch.manual_seed(seed)
    taught: list[Row] = []
    for start in range(0, len(rows), 256):
        prompts = torch.tensor([row["input_ids"] for row in rows[start : start + 256]])
        said = teacher.generate(
            input_ids=prompts,
            attention_mask=torch.ones_like(prompts),
            max_new_tokens=_answer_tokens(regime),
            do_sample=True,
            temperature=1.0,
            top_k=0,
            top_p=1.0,
            pad_token_id=tokenizer.pad_token_id,
            eos_token_id=tokenizer.eos_token_id,
        )[:, prompts.shape[1] :]
        for prompt, answer in zip(prompts.tolist(), said.tolist(), strict=True):
            kept = (
                answer[: answer.index(tokenizer.eos_token_id) + 1]
                if (tokenizer.eos_token_id in answer)
                else answer
            )
            taught.append(
                {"input_ids": [*prompt, *kept], "labels": [*([-100] * len(prompt)), *kept]}
            )
    torch.random.set_rng_state(generator_state)
    return taught
