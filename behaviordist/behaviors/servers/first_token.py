"""The likeliest first tokens of an answer and their log-probabilities, where a server says them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from behaviordist.behaviors.servers.asking import Asked, first_choice
from behaviordist.behaviors.servers.echo import nats
from behaviordist.behaviors.text.token_names import by_name
from behaviordist.errors import InputError
from behaviordist.probes import Probe

if TYPE_CHECKING:
    from behaviordist.behaviors.servers.session import Session

# The most that every server gives: of texts (OpenAI, vLLM's default), and of chats.
TEXT, CHAT = 5, 20
ROUNDING = 1e-3


async def first_tokens(session: Session, asked: Asked, probe: Probe) -> dict[str, float]:
    """Return token -> log-probability of the likeliest first tokens after a probe's prompt.

    Tokens are named as `by_name` does.

    Raises
    ------
    InputError
        If the server says none, or what it says are no log-probabilities of one distribution.
    """
    wanted = {"logprobs": True, "top_logprobs": CHAT} if asked.chats(probe) else {"logprobs": TEXT}
    # At temperature 0 some servers give the log-probabilities of what is left: one token.
    body = {"model": asked.model, "max_tokens": 1, "temperature": 1.0, **wanted}
    choice = first_choice(await asked.post(session, body, probe), asked.label)
    pairs = _pairs(choice.get("logprobs"))
    if not pairs:
        raise InputError(f"'{asked.label}' says no log-probabilities of first tokens")
    # Beyond the likeliest some servers give placeholders (-9999), which bound nothing.
    top = [(token, nats(value)) for token, value in pairs if value != -math.inf and value > -1000]
    if sum(math.exp(value) for _, value in top) > 1 + ROUNDING or len(top) < 2:
        raise InputError(
            f"'{asked.label}': its log-probabilities of first tokens are of no distribution"
        )
    return by_name(top)


def _pairs(logprobs: Any) -> list[tuple[str, Any]]:
    """Return (token, log-probability) of the first position, of a text or of a chat."""
    if not isinstance(logprobs, Mapping):
        return []
    content, top = logprobs.get("content"), logprobs.get("top_logprobs")
    if isinstance(content, list) and content and isinstance(content[0], Mapping):
        rows = content[0].get("top_logprobs")
        rows = rows if isinstance(rows, list) else []
        found = [(r.get("token"), r.get("logprob")) for r in rows if isinstance(r, Mapping)]
    elif isinstance(top, list) and top and isinstance(top[0], Mapping):
        found = list(top[0].items())
    else:
        return []
    return [(t, v) for t, v in found if isinstance(t, str) and _is_number(v)]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
