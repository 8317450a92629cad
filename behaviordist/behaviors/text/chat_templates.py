"""Chat templates, rendered within bounds: errors, endless loops and floods end in one line."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from behaviordist.errors import InputError, in_brief

Turns = Sequence[Mapping[str, str]]
WORKER = Path(__file__).with_name("chat_worker.py")
SECONDS, PER_CHAT = 10, 0.01
MEMORY = 2**30


@dataclass(frozen=True)
class ChatTemplate:
    """A model's own template, and what it is told beside the messages.

    Parameters
    ----------
    text
        Jinja.
    variables
        (name, text) of the special tokens: `bos_token` and others.
    """

    text: str
    variables: tuple[tuple[str, str], ...] = ()

    @property
    def dated(self) -> bool:
        """Whether it may write today's date into every prompt."""
        return "strftime_now" in self.text

    def render(self, conversations: Sequence[Turns]) -> list[str]:
        """Return each conversation as text, with the opening of the answer.

        Raises
        ------
        InputError
            With the template's own reason, or because it takes too long or too much.
        """
        chats = json.dumps([[dict(turn) for turn in turns] for turns in conversations])
        return list(_render(self, chats, len(conversations)))


@lru_cache(maxsize=16)
def _render(template: ChatTemplate, chats: str, count: int) -> tuple[str, ...]:
    seconds = int(SECONDS + PER_CHAT * count)
    task = {
        "template": template.text,
        "variables": dict(template.variables),
        "conversations": json.loads(chats),
        "seconds": seconds,
        "bytes": MEMORY,
    }
    try:
        done = subprocess.run(
            [sys.executable, "-I", str(WORKER)],
            input=json.dumps(task),
            capture_output=True,
            text=True,
            timeout=6 * seconds,  # of the clock: other work may be on the machine
        )
        answer = json.loads(done.stdout.splitlines()[-1])
    except (subprocess.TimeoutExpired, ValueError, IndexError):
        # A process that is killed for its time or memory says nothing.
        raise InputError(
            f"its chat template does not end within {seconds} s and {MEMORY >> 20} MiB"
        ) from None
    if "error" in answer:
        reason = in_brief(answer["error"])
        raise InputError(f"its chat template refuses these messages ({reason})")
    texts = answer["texts"]
    if any("\ud800" <= letter <= "\udfff" for text in texts for letter in text):
        raise InputError("its chat template writes half of a character")
    return tuple(texts)
