"""Behaviors of Hugging Face causal language models: folders, hub ids, GGUF files.

A forward pass pads on the right (causal attention cannot see it), asks for logits at the scored
positions only, and takes the log-softmax in float32 whatever the weights' type. A model is loaded
when its pass begins and freed when it ends, so that one at a time is in memory.
"""

from __future__ import annotations

import gc
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from behaviordist.behaviors import (
    adapters,
    gguf_files,
    rounding,
    sampling,
    thinking,
    token_bytes,
)
from behaviordist.behaviors.behavior import IntArray, LogProbBlock, with_settings
from behaviordist.behaviors.checkpoint_files import (
    checkpoint_digest,
    files_digest,
    read_config,
    refuse_remote_code,
    weight_files,
)
from behaviordist.behaviors.encoding import EncodedProbe, Encoder, batches
from behaviordist.behaviors.forward_pass import cached_logits, failures, penalize, scored_logits
from behaviordist.behaviors.settings import InferenceSettings
from behaviordist.errors import InputError
from behaviordist.probes import Probe, ProbeSet
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

    def first_bytes(self) -> IntArray:
        """Return the first byte of every token, (V,); 256 for tokens without text."""
        return token_bytes.first_bytes(_token_bytes(self.path, self.vocabulary_size))

    def boundaries(self, probes: ProbeSet) -> list[list[int]]:
        """Return, for every probe, the byte of its continuation at which each scored token begins.

        Raises
        ------
        InputError
            If the tokens do not spell the texts, or are not known as bytes.
        """
        pieces = _token_bytes(self.path, self.vocabulary_size)
        found = []
        for probe, item in zip(probes, self.encoder()(probes), strict=True):
            mine = [pieces[t] for t in item.ids[-item.scored :]]
            try:
                found.append(token_bytes.boundaries(mine, probe.continuation))
            except InputError as error:
                raise InputError(f"'{self.label}', probe '{probe.id}': {error}") from None
        return found

    def forward(self, probes: ProbeSet) -> Iterator[LogProbBlock]:
        """Yield log-probabilities before the logit-level settings."""
        return self.forward_rest(probes, frozenset())

    def forward_rest(self, probes: ProbeSet, done: frozenset[int]) -> Iterator[LogProbBlock]:
        """Yield the same blocks, but for those all of whose probes are in `done`."""
        encoded = self.encoder()(probes)
        max_scored = max(1, BLOCK_BYTES // (4 * self.vocabulary_size))
        with self.model() as model, failures(self.label):
            if self.settings.thoughts:
                for probe, item in zip(probes, encoded, strict=True):
                    if item.index not in done:
                        yield self._thought_over(model, probe, item, max_scored)
                return
            compute = cached_logits if self.settings.kv_cache else scored_logits
            size = 1 if self.settings.kv_cache else MAX_TOKENS
            for batch in batches(encoded, size, max_scored):
                if done.issuperset(batch.probe.tolist()):
                    continue
                logits = compute(model, batch)
                if self.settings.repetition_penalty != 1:
                    penalize(logits, batch, self.settings.repetition_penalty)
                log_p = logits.log_softmax(dim=-1).cpu().numpy()
                yield LogProbBlock(batch.probe, log_p, batch.target)

    def log_probs(self, probes: ProbeSet) -> Iterator[LogProbBlock]:
        """Yield the behavior's log-probabilities."""
        for block in self.forward(probes):
            yield with_settings(block, self.settings)

    def _thought_over(
        self, model: Any, probe: Probe, item: EncodedProbe, max_scored: int
    ) -> LogProbBlock:
        """Score one probe after sampled reasonings, and sum them out."""
        tokenizer, _ = _tokenizer(self.path)
        encode = self.encoder().encode
        before = item.ids[: len(item.ids) - item.scored]
        count, most = self.settings.thoughts, self.settings.thought_tokens
        start = (*before, *encode(thinking.THINK))
        plain = InferenceSettings()
        drawn = sampling.generate(model, start, plain, count, most, sampling.seed_of(0, probe))
        ends = frozenset(
            t for t in (tokenizer.eos_token_id, tokenizer.pad_token_id) if t is not None
        )
        thoughts = [thinking.trimmed(row, ends) for row in drawn.tolist()]
        rows: list[Any] = [None] * count
        for batch in batches(
            thinking.with_thoughts(item, thoughts, encode), MAX_TOKENS, max_scored
        ):
            log_p = scored_logits(model, batch).log_softmax(dim=-1).cpu().numpy()
            for k in dict.fromkeys(batch.probe.tolist()):
                rows[k] = log_p[batch.probe == k]
        target = np.array(item.ids[-item.scored :], dtype=np.int64)
        mixed = thinking.marginalise(np.concatenate(rows), target, count)
        return LogProbBlock(np.full(item.scored, item.index), mixed, target)

    def samples(
        self, probes: ProbeSet, count: int, max_tokens: int = 64, seed: int = 0
    ) -> list[tuple[str, ...]]:
        """Return `count` sampled answers to every probe's prompt, special tokens left out.

        The draws of a probe depend on `seed` and its id alone, not on the other probes.
        """
        return [texts for _, texts in self.samples_rest(probes, count, max_tokens, seed)]

    def samples_rest(
        self,
        probes: ProbeSet,
        count: int,
        max_tokens: int = 64,
        seed: int = 0,
        done: frozenset[int] = frozenset(),
    ) -> Iterator[tuple[int, tuple[str, ...]]]:
        """Yield (index of a probe, its answers) one by one, but for those in `done`."""
        tokenizer, _ = _tokenizer(self.path)
        for index, rows in self._drawn(probes, count, max_tokens, seed, done):
            yield index, tuple(tokenizer.batch_decode(rows, skip_special_tokens=True))

    def _drawn(
        self, probes: ProbeSet, count: int, max_tokens: int, seed: int, done: frozenset[int]
    ) -> Iterator[tuple[int, Any]]:
        """Yield (index of a probe, drawn token ids (count, up to max_tokens))."""
        encoded = self.encoder()(probes)
        with self.model() as model, failures(self.label):
            for probe, item in zip(probes, encoded, strict=True):
                if item.index not in done:
                    context = item.ids[: len(item.ids) - item.scored]
                    own = sampling.seed_of(seed, probe)
                    yield (
                        item.index,
                        sampling.generate(model, context, self.settings, count, max_tokens, own),
                    )

    @property
    def end_text(self) -> str:
        """Return the end marker as text: an answer that ended is scored with it."""
        return str(_tokenizer(self.path)[0].eos_token or "")

    def cannot_spell(self, text: str) -> bool:
        """Whether some of a text has no token but the one for the unknown."""
        tokenizer, _ = _tokenizer(self.path)
        unknown = tokenizer.unk_token_id
        return (
            unknown is not None
            and unknown != tokenizer.eos_token_id
            and unknown in tokenizer.encode(text, add_special_tokens=False)
        )

    def answers_rest(
        self,
        probes: ProbeSet,
        count: int,
        max_tokens: int = 64,
        seed: int = 0,
        done: frozenset[int] = frozenset(),
    ) -> Iterator[tuple[int, tuple[tuple[str, bool], ...]]]:
        """Yield (index of a probe, drawn answers as (text, ended)), but for those in `done`."""
        tokenizer, _ = _tokenizer(self.path)
        for index, rows in self._drawn(probes, count, max_tokens, seed, done):
            texts = tokenizer.batch_decode(rows, skip_special_tokens=True)
            ended = [tokenizer.eos_token_id in row for row in rows.tolist()]
            yield index, tuple(zip(texts, ended, strict=True))

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

        def encode(text: str) -> list[int]:
            return list(tokenizer.encode(text, add_special_tokens=False))

        window = self.window
        if window is not None and self.settings.thoughts:
            window -= thinking.overhead(encode, self.settings.thought_tokens)
        return Encoder(
            encode=encode,
            bos=before,
            start=start,
            window=window,
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
            if self.settings.quant == rounding.TORCHAO:
                _quantise_with_torchao(model)
            elif self.settings.quant:
                _round_linear_layers(model, self.settings.quant)
            if self.adapter is not None:
                with _quiet():
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
    if settings.sliding_window is not None:
        raise InputError(
            f"'{label}': sliding_window works for lab checkpoints run in float32; other models have"
            " the attention of their config.json: drop sliding_window"
        )
    with _quiet():
        if path.suffix == ".gguf":
            gguf_files.header(path)
            config, digest = gguf_files.load_config(path), files_digest((path,))
        else:
            config, digest = _folder_config(path), checkpoint_digest(path, weight_files(path))
        tokenizer, notes = _tokenizer(path)
    text_config = config.get_text_config()
    if adapter is not None:
        digest = digest_of([digest, checkpoint_digest(adapter, (adapter / adapters.WEIGHTS,))])
    if settings.thoughts:
        notes = (*notes, f"answers averaged over {settings.thoughts} sampled reasonings")
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


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the progress bars and warnings of `transformers` off the user's terminal.

    And those of what it imports: torchao names every kernel that this machine has no use for.
    """
    from transformers.utils import logging as bars

    shown, level = bars.is_progress_bar_enabled(), logging.root.manager.disable
    bars.disable_progress_bar()
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        logging.disable(level)
        if shown:
            bars.enable_progress_bar()


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
        # Special tokens are added even to a tokenizer that knows no text.
        empty = not tokenizer.get_vocab().keys() - tokenizer.get_added_vocab().keys()
    except Exception as error:
        raise _refused(path, "its tokenizer", error) from None
    if empty:
        raise InputError(
            f"{path}: its tokenizer has no vocabulary; save the model's tokenizer there"
        )
    return tokenizer, ()


@lru_cache(maxsize=2)
def _token_bytes(path: Path, size: int) -> list[bytes]:
    return token_bytes.token_bytes(_tokenizer(path)[0], size, path.name)


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


def _quantise_with_torchao(model: Any) -> None:
    import torch

    try:
        from torchao.quantization import Int8WeightOnlyConfig, quantize_
    except ImportError:
        raise InputError(
            f"quant={rounding.TORCHAO} needs torchao: pip install 'behaviordist[quant]'"
        ) from None
    head = model.get_output_embeddings()
    quantize_(
        model,
        Int8WeightOnlyConfig(),
        filter_fn=lambda m, _: isinstance(m, torch.nn.Linear) and m is not head,
    )


def _refused(path: Path, what: str, error: Exception) -> InputError:
    text = " ".join(str(error).split())[:200]
    return InputError(f"{path}: transformers cannot open {what} ({text})")
