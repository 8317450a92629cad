"""Behaviors of Hugging Face causal language models: folders, hub ids, GGUF files.

A forward pass pads on the right (causal attention cannot see it), asks for logits at the scored
positions only, and takes the log-softmax in float32 whatever the weights' type. A model is loaded
when its pass begins and freed when it ends, so that one at a time is in memory.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from behaviordist.behaviors import adapters, gguf_files, rounding, sampling
from behaviordist.behaviors.behavior import LogProbBlock, with_settings
from behaviordist.behaviors.checkpoint_files import (
    checkpoint_digest,
    files_digest,
    read_config,
    refuse_remote_code,
    weight_files,
)
from behaviordist.behaviors.encoding import Batch, Encoder, batches
from behaviordist.behaviors.settings import InferenceSettings
from behaviordist.errors import InputError
from behaviordist.probes import ProbeSet
from behaviordist.store import digest_of

MAX_TOKENS = 1024
# Bytes of float32 log-probabilities in one block.
BLOCK_BYTES = 128 * 2**20


@dataclass(frozen=True)
class TransformersBehavior:
    """A Hugging Face causal LM with settings. `load` makes it; weights are read in `forward`.

    `path` is a checkpoint folder or a GGUF file; `adapter` the folder of a PEFT adapter on it.
    """

    path: Path
    label: str
    settings: InferenceSettings
    identity: str
    forward_key: str
    vocabulary: str
    vocabulary_size: int
    window: int | None
    notes: tuple[str, ...] = ()
    adapter: Path | None = None

    def check(self, probes: ProbeSet) -> None:
        """Refuse probes that cannot be encoded whole."""
        self.encoder()(probes)

    def token_text(self, token: int) -> str:
        """Return the text that the token decodes to."""
        return str(_tokenizer(self.path)[0].decode([token]))

    def forward(self, probes: ProbeSet) -> Iterator[LogProbBlock]:
        """Yield log-probabilities before the logit-level settings."""
        encoded = self.encoder()(probes)
        max_scored = max(1, BLOCK_BYTES // (4 * self.vocabulary_size))
        with self.model() as model:
            compute = cached_logits if self.settings.kv_cache else scored_logits
            size = 1 if self.settings.kv_cache else MAX_TOKENS
            for batch in batches(encoded, size, max_scored):
                logits = compute(model, batch)
                if self.settings.repetition_penalty != 1:
                    penalize(logits, batch, self.settings.repetition_penalty)
                log_p = logits.log_softmax(dim=-1).cpu().numpy()
                yield LogProbBlock(batch.probe, log_p, batch.target)

    def log_probs(self, probes: ProbeSet) -> Iterator[LogProbBlock]:
        """Yield the behavior's log-probabilities."""
        for block in self.forward(probes):
            yield with_settings(block, self.settings)

    def samples(
        self, probes: ProbeSet, count: int, max_tokens: int = 64, seed: int = 0
    ) -> list[tuple[str, ...]]:
        """Return `count` sampled answers to every probe's prompt, special tokens left out.

        The draws of a probe depend on `seed` and its id alone, not on the other probes.
        """
        encoded = self.encoder()(probes)
        tokenizer, _ = _tokenizer(self.path)
        answers = []
        with self.model() as model:
            for probe, item in zip(probes, encoded, strict=True):
                context = item.ids[: len(item.ids) - item.scored]
                drawn = sampling.generate(
                    model, context, self.settings, count, max_tokens, sampling.seed_of(seed, probe)
                )
                texts = tokenizer.batch_decode(drawn, skip_special_tokens=True)
                answers.append(tuple(texts))
        return answers

    def encoder(self) -> Encoder:
        """Return the encoder of probes; a start token is BOS, or EOS where there is no BOS."""
        tokenizer, _ = _tokenizer(self.path)
        bos = tokenizer.bos_token_id
        start = tokenizer.eos_token_id if bos is None else bos
        before = _added_before(tokenizer)
        if self.settings.bos is not None:
            before = (start,) if self.settings.bos and start is not None else ()

        def chat(turns: list[dict[str, str]]) -> list[int]:
            options = {"tokenize": False, "add_generation_prompt": True}
            text = tokenizer.apply_chat_template(turns, **options)
            return list(tokenizer.encode(text, add_special_tokens=False))

        return Encoder(
            encode=lambda text: list(tokenizer.encode(text, add_special_tokens=False)),
            bos=before,
            start=start,
            window=self.window,
            label=self.label,
            settings=self.settings,
            chat=chat if tokenizer.chat_template else None,
        )

    @contextmanager
    def model(self) -> Iterator[Any]:
        """Load the model as the settings say; free it at the end."""
        import torch

        with _quiet():
            model = _load_model(self.path, getattr(torch, self.settings.dtype))
        try:
            if self.settings.quant:
                _round_linear_layers(model, self.settings.quant)
            if self.adapter is not None:
                model = adapters.attach(model, self.adapter)
            model.to("cuda" if torch.cuda.is_available() else "cpu")
            yield model.eval()
        finally:
            del model
            gc.collect()


def load_transformers(
    path: Path, label: str, settings: InferenceSettings, adapter: Path | None = None
) -> TransformersBehavior:
    """Describe a checkpoint folder or a GGUF file as a behavior, after checking its files.

    Raises
    ------
    InputError
        If a file is absent, cut, pickled, wants to run code, or has no tokenizer.
    """
    if path.suffix == ".gguf":
        gguf_files.header(path)
        config, digest = gguf_files.load_config(path), files_digest((path,))
    else:
        config, digest = _folder_config(path), checkpoint_digest(path, weight_files(path))
    with _quiet():
        tokenizer, notes = _tokenizer(path)
    text_config = config.get_text_config()
    if adapter is not None:
        digest = digest_of([digest, checkpoint_digest(adapter, (adapter / adapters.WEIGHTS,))])
    if settings.quant:
        notes = (*notes, rounding.note(settings.quant))
    return TransformersBehavior(
        path=path,
        label=label,
        settings=settings,
        identity=digest_of([digest, settings.canonical]),
        forward_key=digest_of([digest, settings.forward.canonical]),
        vocabulary=digest_of(tokenizer.get_vocab()),
        vocabulary_size=int(text_config.vocab_size),
        window=getattr(text_config, "max_position_embeddings", None),
        notes=notes,
        adapter=adapter,
    )


def scored_logits(model: Any, batch: Batch) -> Any:
    """Return logits (m, V) float32 at the scored positions of a batch.

    The output head sees the hidden states of those positions only; whatever the model does to its
    logits afterwards (soft caps, scales) still happens.
    """
    import torch

    rows = torch.from_numpy(batch.rows).to(model.device)
    columns = torch.from_numpy(batch.columns).to(model.device)
    mask = torch.arange(batch.tokens.shape[1])[None, :] < torch.from_numpy(batch.lengths)[:, None]

    def select(module: Any, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        return (arguments[0][rows, columns][None], *arguments[1:])

    hook = model.get_output_embeddings().register_forward_pre_hook(select)
    try:
        with torch.inference_mode():
            return (
                model(
                    input_ids=torch.from_numpy(batch.tokens).to(model.device),
                    attention_mask=mask.long().to(model.device),
                    use_cache=False,
                )
                .logits[0]
                .float()
            )
    finally:
        hook.remove()


def cached_logits(model: Any, batch: Batch) -> Any:
    """Return the same as `scored_logits` for a batch of one probe, as generation computes it.

    The prompt fills a key-value cache in one pass; every token after it is a pass of its own.
    """
    import torch

    tokens = torch.from_numpy(batch.tokens).to(model.device)
    first = int(batch.columns[0])
    with torch.inference_mode():
        step = model(input_ids=tokens[:, : first + 1], use_cache=True)
        logits = [step.logits[0, -1]]
        for place in range(first + 1, int(batch.lengths[0])):
            step = model(
                input_ids=tokens[:, place : place + 1],
                past_key_values=step.past_key_values,
                use_cache=True,
            )
            logits.append(step.logits[0, -1])
        return torch.stack(logits).float()


def penalize(logits: Any, batch: Batch, penalty: float) -> None:
    """Apply the repetition penalty of Keskar et al. 2019 (CTRL) to logits (m, V), in place."""
    import torch

    with torch.inference_mode():
        for i, (row, column) in enumerate(zip(batch.rows, batch.columns, strict=True)):
            seen = np.unique(batch.tokens[row, : column + 1])
            found = logits[i, seen]
            logits[i, seen] = (found / penalty).where(found > 0, found * penalty)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the progress bars and warnings of `transformers` off the user's terminal."""
    from transformers.utils import logging

    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()


def _folder_config(folder: Path) -> Any:
    from transformers import AutoConfig
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES

    raw = read_config(folder)
    kind = raw.get("model_type")
    refuse_remote_code(folder, raw, kind in CONFIG_MAPPING_NAMES)
    try:
        return AutoConfig.from_pretrained(str(folder), local_files_only=True)
    except Exception as error:
        raise _refused(folder, "its config.json", error) from None


def _load_model(path: Path, dtype: Any) -> Any:
    if path.suffix == ".gguf":
        return gguf_files.load_model(path, dtype)
    from transformers import AutoModelForCausalLM

    try:
        model, info = AutoModelForCausalLM.from_pretrained(
            str(path),
            dtype=dtype,
            use_safetensors=True,
            local_files_only=True,
            output_loading_info=True,
        )
    except Exception as error:
        raise _refused(path, "its weights", error) from None
    # transformers fills what is absent with random numbers and only warns.
    for problem in ("missing_keys", "mismatched_keys", "error_msgs"):
        if info.get(problem):
            first = sorted(map(str, info[problem]))[0]
            raise InputError(f"{path}: weights do not fit config.json ({problem}: {first})")
    return model


@lru_cache(maxsize=2)
def _tokenizer(path: Path) -> tuple[Any, tuple[str, ...]]:
    if path.suffix == ".gguf":
        return gguf_files.load_tokenizer(path)
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(str(path), local_files_only=True)
        empty = not tokenizer.get_vocab()
    except Exception as error:
        raise _refused(path, "its tokenizer", error) from None
    if empty:
        raise InputError(
            f"{path}: its tokenizer has no vocabulary; save the model's tokenizer there"
        )
    return tokenizer, ()


def _added_before(tokenizer: Any) -> tuple[int, ...]:
    """Ids that the tokenizer itself puts before every text (Llama's BOS; nothing for GPT-2)."""
    plain = tokenizer.encode("a", add_special_tokens=False)
    full = tokenizer.encode("a", add_special_tokens=True)
    return (
        tuple(full[: len(full) - len(plain)]) if full[-len(plain) :] == plain else _bos(tokenizer)
    )


def _bos(tokenizer: Any) -> tuple[int, ...]:
    """BOS alone, for tokenizers that add tokens on both sides (the end is no part of a context)."""
    return () if tokenizer.bos_token_id is None else (tokenizer.bos_token_id,)


def _round_linear_layers(model: Any, quant: str) -> None:
    import torch
    from transformers.pytorch_utils import Conv1D

    head = model.get_output_embeddings()
    for module in model.modules():
        if module is head or not isinstance(module, torch.nn.Linear | Conv1D):
            continue
        weight = module.weight.data
        turned = isinstance(module, Conv1D)  # GPT-2 keeps its matrices (in, out)
        matrix = weight.float().numpy()
        rounded = rounding.round_weights(matrix.T if turned else matrix, quant)
        weight.copy_(torch.from_numpy(rounded.T if turned else rounded))


def _refused(path: Path, what: str, error: Exception) -> InputError:
    text = " ".join(str(error).split())[:200]
    return InputError(f"{path}: transformers cannot open {what} ({text})")
