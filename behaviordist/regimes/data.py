"""Optional sections of a regime that models beyond the lab need: data, verifier, adapter, score."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Role = Literal["prompt", "completion", "chosen", "rejected", "answer", "tests", "text", "messages"]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Data(_Section):
    """Where a regime's examples come from; without files, the lab's grammar written as text.

    A file is JSON lines, JSON, CSV or Parquet; a folder is a data set that ``datasets`` saved;
    anything else is the hub id of a data set, ``NAME`` or ``NAME:SPLIT``. Rows hold the columns of
    their algorithm: ``prompt`` and ``completion``, or ``messages`` (sft, distill, qat); ``text``
    (pretrain, continue); ``prompt``, ``chosen``, ``rejected`` (dpo, reward, rlhf); ``prompt`` with
    ``answer`` or ``tests`` (rlvr).
    """

    train: str | None = None
    held_out: str | None = None
    columns: dict[Role, str] = Field(default={}, description="role -> name of the column")
    chat: bool = Field(default=False, description="prompts are a user's turn in the chat template")
    system: str | None = Field(default=None, description="chat: the system's turn")
    max_length: int = Field(default=512, gt=0, description="tokens a sequence is cut to")
    max_new_tokens: int = Field(default=32, gt=0, description="longest sampled answer")

    @model_validator(mode="after")
    def _both(self) -> Data:
        if (self.train is None) != (self.held_out is None):
            raise ValueError("train and held_out go together: scores need examples of their own")
        return self


class Verifier(_Section):
    """How `rlvr` rewards an answer, and how the score `verifier` does: 1 where it is right.

    ``exact``: the row's answer, blanks around it aside. ``numeric``: the last number in it equals
    the row's answer within `tolerance`. ``regex``: `pattern` matches it whole. ``python``: the
    row's `tests` (code) pass after the answer's code, in a process of its own without network.
    """

    kind: Literal["exact", "numeric", "regex", "python"] = "exact"
    pattern: str | None = None
    tolerance: float = Field(default=1e-6, ge=0, allow_inf_nan=False)
    seconds: float = Field(default=2.0, gt=0, le=60, description="python: time a sample may take")
    memory_mb: int = Field(default=256, ge=32, description="python: address space of a sample")
    output_bytes: int = Field(default=65_536, gt=0, description="python: output that is read")

    @model_validator(mode="after")
    def _pattern(self) -> Verifier:
        if (self.kind == "regex") != (self.pattern is not None):
            raise ValueError("regex needs a 'pattern', the other kinds take none")
        try:
            re.compile(self.pattern or "")
        except re.error as error:
            raise ValueError(f"pattern is not a regular expression ({error})") from None
        return self


class Adapter(_Section):
    """LoRA (Hu et al. 2022): what is trained instead of the whole weights."""

    rank: int = Field(default=16, gt=0)
    alpha: float = Field(default=32.0, gt=0, allow_inf_nan=False)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    target_modules: tuple[str, ...] = Field(
        default=("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"),
        min_length=1,
    )


class Evaluation(_Section):
    """What the score of a run is, on held-out examples; always between 0 and 1.

    ``answer``: expected exact match, the probability of the row's whole answer. ``likelihood``:
    geometric mean probability of a token. ``preference``: the probability of the chosen answer over
    that of both, as wholes. ``verifier``: share of greedy answers that the verifier accepts.
    ``reward``: probability that the reward model gives to the row's preference. By default
    ``answer`` for sft, distill and qat, ``likelihood`` for pretrain and continue, ``preference``
    for dpo and rlhf, ``verifier`` for rlvr; on the lab's grammar what the lab's engine measures.
    """

    score: Literal["default", "answer", "likelihood", "preference", "verifier", "reward"] = (
        "default"
    )
    batch_size: int = Field(default=16, gt=0, description="sequences a forward pass")
