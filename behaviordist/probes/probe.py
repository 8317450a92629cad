"""One probe: a context, and the continuation that is scored; as a line of a file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from behaviordist.errors import InputError, did_you_mean
from behaviordist.store.shown import ShownFields

KEYS = ("id", "prompt", "messages", "continuation", "tags", "group")
REQUIRED = ("id", "prompt", "continuation")


@dataclass(frozen=True, repr=False)
class Probe(ShownFields):
    """One context: `prompt` is conditioned on, every token of `continuation` is scored.

    Parameters
    ----------
    id
        Unique within its set.
    prompt
        May be empty; the continuation is then scored from the start of a text. Of a chat it is what
        people see: its turns written out.
    continuation
        Empty where it is still to be written, on policy (`behaviors.rollout`).
    tags
        What the probe is about; distances can be broken down by them.
    group
        Name shared by the paraphrases of one probe, or None.
    messages
        (role, content) of the turns before the answer, or none. A chat is rendered by each model's
        own template; the continuation is the answer.

    Examples
    --------
    >>> import behaviordist as bd
    >>> bd.Probe("capital", "The capital of France is", " Paris", tags=("facts",)).tags
    ('facts',)
    """

    id: str
    prompt: str
    continuation: str
    tags: tuple[str, ...] = ()
    group: str | None = None
    messages: tuple[tuple[str, str], ...] = ()

    @staticmethod
    def chat(
        id: str,
        messages: Sequence[tuple[str, str]],
        answer: str,
        tags: tuple[str, ...] = (),
        group: str | None = None,
    ) -> Probe:
        """Return the probe of a conversation and the answer that is scored."""
        prompt = "\n\n".join([*(f"{role}: {text}" for role, text in messages), "assistant: "])
        return Probe(id, prompt, answer, tags, group, tuple(messages))

    @property
    def turns(self) -> list[dict[str, str]]:
        """The conversation before the answer; a prompt is the user's."""
        pairs = self.messages or (("user", self.prompt),)
        return [{"role": role, "content": text} for role, text in pairs]

    def to_json(self) -> dict[str, Any]:
        """Return the probe as the JSON object that one line of a probe file holds."""
        row: dict[str, Any] = {"id": self.id}
        row |= {"messages": self.turns} if self.messages else {"prompt": self.prompt}
        row["continuation"] = self.continuation or None
        if self.tags:
            row["tags"] = list(self.tags)
        if self.group is not None:
            row["group"] = self.group
        return row


def parse_probe(line: str, where: str) -> Probe:
    """Return the probe in a line of a probe file.

    Raises
    ------
    InputError
        If it is none; `where` and the key are named.
    """
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: not JSON ({error}); one object a line") from None
    if not isinstance(row, dict):
        raise InputError(f"{where}: a probe is a JSON object, not {type(row).__name__}")
    for key in row:
        if key not in KEYS:
            if key in ("answer", "answers"):
                raise InputError(
                    f"{where}: '{key}' makes this a file of answers: name it after --targets, or"
                    " say 'continuation' for text that models are asked about"
                )
            raise InputError(f"{where}: unknown key '{key}'; {did_you_mean(key, KEYS)}")
    chat = "messages" in row
    if chat and "prompt" in row:
        raise InputError(f"{where}: a probe has a 'prompt' or 'messages', not both")
    for key in REQUIRED:
        if chat and key == "prompt":
            continue
        if key not in row:
            raise InputError(f"{where}: key '{key}' is missing")
        if key != "continuation" or row[key] is not None:  # null: written on policy
            _check_text(row[key], f"{where}: '{key}'")
    tags, group = row.get("tags", []), row.get("group")
    if not isinstance(tags, list):
        raise InputError(f"{where}: 'tags' must be a list of strings")
    for tag in tags:
        _check_text(tag, f"{where}: each of 'tags'")
    if group is not None:
        _check_text(group, f"{where}: 'group'")
    for key in ("id", "continuation"):
        if row[key] == "":
            raise InputError(f"{where}: '{key}' is empty")
    rest = (row["continuation"] or "", tuple(tags), group)
    if chat:
        return Probe.chat(row["id"], parse_messages(row["messages"], where), *rest)
    return Probe(row["id"], row["prompt"], *rest)


def parse_messages(messages: Any, where: str) -> tuple[tuple[str, str], ...]:
    """Return a list of ``{"role", "content"}`` as pairs of texts.

    Raises
    ------
    InputError
        If it is anything else; `where` is named.
    """
    if not isinstance(messages, list) or not messages:
        raise InputError(f"{where}: 'messages' must be a list of role and content")
    for message in messages:
        texts = isinstance(message, dict) and [message.get("role"), message.get("content")]
        if not texts or not all(isinstance(text, str) for text in texts):
            raise InputError(f"{where}: a message needs 'role' and 'content', both texts")
        for text in texts:
            _check_text(text, f"{where}: a message")
    return tuple((m["role"], m["content"]) for m in messages)


def _check_text(value: Any, what: str) -> None:
    if not isinstance(value, str):
        raise InputError(f"{what} must be a string, not {json.dumps(value)[:40]}")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InputError(f"{what} holds half a surrogate pair, which is no text") from None
