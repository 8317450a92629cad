"""What a run of engine `trl` is put together from: policy, reference, teacher, rewards, trainer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from behaviordist.engines.trl_data import Tokens
from behaviordist.engines.trl_models import (
    base_folder,
    is_adapter,
    load_policy,
    load_tokenizer,
    load_whole,
    save,
)
from behaviordist.errors import InputError
from behaviordist.regimes.declaration import Distill, Grow, Qat, Regime, Rlvr
from behaviordist.regimes.rows import Row
from behaviordist.store.jobs import make_once


def trainer_of(
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


def grown(regime: Grow, source: Path, work: Path, seed: int) -> Path:
    """Return the folder of the larger model that a `grow` regime trains on, made once."""
    from behaviordist.engines.growing import grow_checkpoint

    growth, folder = regime.growth, work / "grown"
    inputs = {"growth": growth.model_dump(mode="json"), "seed": seed}
    whole = _whole_folder(source, work, seed)
    make_once(folder, inputs, lambda path: grow_checkpoint(path, whole, growth, seed))
    return folder


def _verifier_rewards(regime: Rlvr, tokenizer: Any) -> Any:
    """Return the verifier as TRL calls rewards; for `exact` the end marker counts too."""
    from behaviordist.regimes.verifiers import verify_all

    end, exact = tokenizer.eos_token_id, regime.verifier.kind == "exact"

    def verifier(completions: Any, completion_ids: Any, **columns: Any) -> list[float]:
        texts = [said if isinstance(said, str) else said[-1]["content"] for said in completions]
        known = {k: v for k, v in columns.items() if k in ("answer", "tests")}
        rows = [{k: v[i] for k, v in known.items()} for i in range(len(texts))]
        right = verify_all(regime.verifier, texts, rows)
        # An answer that is cut off is not that answer.
        ended = [len(ids) > 0 and int(ids[-1]) == end for ids in completion_ids]
        return [f if e or not exact else 0.0 for f, e in zip(right, ended, strict=True)]

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
    from behaviordist.engines.trl_trainers import answer_tokens

    end, generator_state = tokenizer.eos_token_id, torch.random.get_rng_state()
    torch.manual_seed(seed)
    taught: list[Row] = []
    for start in range(0, len(rows), 256):
        prompts = torch.tensor([row["input_ids"] for row in rows[start : start + 256]])
        said = teacher.generate(
            input_ids=prompts,
            attention_mask=torch.ones_like(prompts),
            max_new_tokens=answer_tokens(regime),
            do_sample=True,
            temperature=1.0,
            top_k=0,
            top_p=1.0,
            pad_token_id=tokenizer.pad_token_id,
            eos_token_id=end,
        )[:, prompts.shape[1] :]
        for prompt, answer in zip(prompts.tolist(), said.tolist(), strict=True):
            kept = answer[: answer.index(end) + 1] if end in answer else answer
            taught.append(
                {"input_ids": [*prompt, *kept], "labels": [*([-100] * len(prompt)), *kept]}
            )
    torch.random.set_rng_state(generator_state)
    return taught
