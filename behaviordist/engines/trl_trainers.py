"""Which of TRL's trainers executes a regime, with which arguments.

Everything that the lab's engine fixes is fixed here in the same way: AdamW with betas 0.9 and 0.95,
decoupled weight decay on every weight, the gradient's global norm clipped, the learning rate of
`jax_engine.learning_rates`, and examples in the order of the data set, which is the seed's.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from behaviordist.errors import InputError
from behaviordist.regimes.declaration import Dpo, Regime, Rlhf, Rlvr
from behaviordist.regimes.rows import Row
from behaviordist.store import ranks

Rewards = Callable[..., list[float]]


def build_trainer(
    regime: Regime,
    model: Any,
    tokenizer: Any,
    rows: list[Row],
    work: Path,
    seed: int,
    *,
    rewards: Rewards | None = None,
    teacher: Any = None,
    reference: Any = None,
) -> Any:
    """Return the trainer of a regime.

    Parameters
    ----------
    regime, model, tokenizer
        What to train for, and what is trained: an opened model, or, where whole weights are held to
        a reference that TRL opens itself (rlhf), the path of its folder.
    rows
        As `trl_data.training_rows` orders them.
    work
        Where checkpoints go.
    seed
        Of sampling; the data are in order already.
    rewards
        rlvr, rlhf: called with prompts and completions.
    teacher, reference
        distill, dpo with whole weights: frozen models.
    """
    from datasets import Dataset

    data = Dataset.from_list(rows)
    common = {"train_dataset": data, "processing_class": tokenizer}
    algorithm = regime.algorithm
    if isinstance(regime, Rlvr | Rlhf):
        kind, config = _sampling(regime, model, work, seed)
        return kind(model=model, reward_funcs=[rewards], args=config, **common)
    if isinstance(regime, Dpo):
        kind, config = _dpo(regime, work, seed)
        return kind(model=model, ref_model=reference, args=config, **common)
    if algorithm == "reward":
        kind, config = _reward(regime, work, seed)
        return kind(model=model, args=config, **common)
    kind, config = _sft(regime, work, seed)
    trainer = kind(model=model, args=config, **common)
    trainer.teacher = teacher
    return trainer


def arguments(regime: Regime, work: Path, seed: int) -> dict[str, Any]:
    """Return what all trainers are told; on a CPU float32, and nothing left to defaults."""
    import torch

    processes = ranks.count()
    if regime.batch_size % processes:
        raise InputError(
            f"{regime.label}: batch_size {regime.batch_size} is the total, and does not divide"
            f" among {processes} processes: give a multiple of {processes}"
        )
    return {
        "output_dir": str(work),
        "max_steps": regime.budget,
        "per_device_train_batch_size": regime.batch_size // processes,
        "gradient_accumulation_steps": 1,
        "learning_rate": regime.learning_rate,
        "max_grad_norm": regime.clip_norm,
        "seed": seed,
        "use_cpu": not torch.cuda.is_available(),
        "bf16": False,
        "gradient_checkpointing": False,
        "report_to": [],
        "disable_tqdm": True,
        "logging_steps": 1,
        "save_strategy": "no",
        "dataloader_pin_memory": torch.cuda.is_available(),
        "remove_unused_columns": False,
    }


def _of_rows(regime: Regime, work: Path, seed: int) -> dict[str, Any]:
    """Return what trainers are told that read rows as they stand, in their order."""
    return {
        **arguments(regime, work, seed),
        "max_length": regime.data.max_length,
        "train_sampling_strategy": "sequential",
        "include_num_input_tokens_seen": "non_padding",
    }


def _mixed(kind: type, regime: Regime, **methods: Any) -> type:
    """Give a trainer the lab engine's optimizer and schedule, and whatever else is named."""
    import torch

    from behaviordist.engines.jax_engine import learning_rates

    def create_optimizer(self: Any, model: Any = None) -> Any:
        del model
        if self.optimizer is None:
            weights = [p for p in self.model.parameters() if p.requires_grad]
            self.optimizer = torch.optim.AdamW(
                weights,
                lr=regime.learning_rate,
                betas=(0.9, 0.95),
                eps=1e-8,
                weight_decay=regime.weight_decay,
            )
        return self.optimizer

    def create_scheduler(self: Any, num_training_steps: int, optimizer: Any = None) -> Any:
        import numpy as np

        rates = learning_rates(regime, np.arange(num_training_steps + 1)) / regime.learning_rate
        self.lr_scheduler = torch.optim.lr_scheduler.LambdaLR(
            optimizer or self.optimizer, lambda step: float(rates[min(step, len(rates) - 1)])
        )
        return self.lr_scheduler

    makers = {"create_optimizer": create_optimizer, "create_scheduler": create_scheduler}
    return type(kind.__name__, (kind,), {**makers, **methods})


def _sft(regime: Regime, work: Path, seed: int) -> tuple[type, Any]:
    """SFT, pre-training, QAT; distillation with a loss of its own."""
    from trl import SFTConfig, SFTTrainer

    config = SFTConfig(**_of_rows(regime, work, seed), packing=False)
    methods = {"compute_loss": distillation_loss} if regime.algorithm == "distill" else {}
    return _mixed(SFTTrainer, regime, **methods), config


def _dpo(regime: Dpo, work: Path, seed: int) -> tuple[type, Any]:
    from trl import DPOConfig, DPOTrainer

    config = DPOConfig(
        **_of_rows(regime, work, seed),
        beta=regime.beta,
        # The cross-entropy is the mean over tokens of the chosen answers, as in the lab.
        loss_type=["sigmoid", "sft"] if regime.chosen_weight else ["sigmoid"],
        loss_weights=[1.0, regime.chosen_weight] if regime.chosen_weight else None,
    )

    def _prepare_dataset(self: Any, dataset: Any, *others: Any) -> Any:
        # The rows are tokens already, prompt and answers apart; TRL would join and split texts.
        del self, others
        return dataset

    return _mixed(DPOTrainer, regime, _prepare_dataset=_prepare_dataset), config


def _reward(regime: Regime, work: Path, seed: int) -> tuple[type, Any]:
    from trl import RewardConfig, RewardTrainer

    return _mixed(RewardTrainer, regime), RewardConfig(**_of_rows(regime, work, seed))


def _sampling(regime: Rlvr | Rlhf, model: Any, work: Path, seed: int) -> tuple[type, Any]:
    """GRPO for a verifier's reward; RLOO, whose leash stands in the reward, for a reward model."""
    from trl import GRPOConfig, GRPOTrainer, RLOOConfig, RLOOTrainer

    settings = {
        **arguments(regime, work, seed),
        "num_generations": regime.group_size,
        "max_completion_length": answer_tokens(regime),
        "shuffle_dataset": False,
        "temperature": 1.0,
        "model_init_kwargs": {"dtype": "float32"} if isinstance(model, str) else None,
    }
    if isinstance(regime, Rlhf):
        return _mixed(RLOOTrainer, regime), RLOOConfig(**settings, beta=regime.beta)
    return _mixed(GRPOTrainer, regime), GRPOConfig(**settings, beta=0.0)


def answer_tokens(regime: Regime) -> int:
    """Return how many tokens an answer may have: the data's, or the lab's."""
    if regime.data.train is not None:
        return regime.data.max_new_tokens
    from behaviordist.regimes.objective import ANSWER_TOKENS

    return ANSWER_TOKENS


def distillation_loss(
    self: Any, model: Any, inputs: dict[str, Any], return_outputs: bool = False, **others: Any
) -> Any:
    """Mean over answer tokens of ``KL(teacher || student)`` in nats, as `objectives.distill`."""
    import torch

    del others
    labels = inputs["labels"][:, 1:]
    scored = labels != -100
    read = {k: inputs[k] for k in ("input_ids", "attention_mask")}
    with torch.no_grad():
        theirs = torch.log_softmax(self.teacher(**read).logits[:, :-1].float(), -1)
    output = model(**read)
    ours = torch.log_softmax(output.logits[:, :-1].float(), -1)
    divergence = (theirs.exp() * (theirs - ours)).sum(-1)
    loss = (divergence * scored).sum() / scored.sum()
    return (loss, output) if return_outputs else loss
