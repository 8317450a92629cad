"""How a server is asked: its address, what may be spent, how often and how long, and the key."""

from __future__ import annotations

import importlib.util
import ipaddress
import os
import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from behaviordist.errors import InputError

KEY_VARIABLES = ("BEHAVIORDIST_API_KEY", "OPENAI_API_KEY")
IN_FLIGHT = 16


class Refused(InputError):
    """A server refuses a request, with a status that asking again does not change."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


@dataclass
class Budget:
    """Tokens that may be spent, prompts included, those that have been, and the dearest request."""

    limit: int
    spent: int = 0
    dearest: int = 0

    def check(self) -> None:
        """Raise an `InputError` once the limit is reached."""
        if self.spent >= self.limit:
            raise InputError(
                f"the budget of {self.limit:,} tokens is spent; what is finished is kept: raise"
                " BEHAVIORDIST_MAX_TOKENS and run the same command again"
            )

    def allows(self, running: int) -> bool:
        """Whether one more request may start beside those that are running.

        Each of them counts as the dearest so far, so that together they go beyond the limit by no
        more than one at a time would.
        """
        return running == 0 or self.spent + running * self.dearest < self.limit

    def spend(self, tokens: int) -> None:
        """Count a request."""
        self.spent += tokens
        self.dearest = max(self.dearest, tokens)


@dataclass(frozen=True)
class Client:
    """A server's address and how patiently it is asked.

    Parameters
    ----------
    url
        Base, such as `http://127.0.0.1:8000/v1`. A key is read from the environment
        (BEHAVIORDIST_API_KEY, else OPENAI_API_KEY) for every request, sent only by https or to this
        machine, and kept nowhere.
    budget
        Bound on tokens.
    timeout_s
        Longest silence of the server.
    deadline_s
        Longest time from a request to its whole answer: a server may drip bytes.
    attempts
        How often a request is made before it fails; waits double from half a second, or are what
        the server says, a minute at most.
    interval_s
        Least time between two requests; default what BEHAVIORDIST_REQUESTS_PER_MINUTE allows.
    in_flight
        Requests on their way at once, at most; default BEHAVIORDIST_REQUESTS_IN_FLIGHT, else 16.
    """

    url: str
    budget: Budget = field(default_factory=lambda: Budget(token_limit()))
    timeout_s: float = 60.0
    deadline_s: float = 120.0
    attempts: int = 5
    interval_s: float = field(default_factory=lambda: request_interval())
    in_flight: int = field(default_factory=lambda: requests_in_flight())

    def authorization(self) -> dict[str, str]:
        """Return the header that holds the key, or nothing where it must not be sent."""
        parts = urlsplit(self.url)
        key = api_key()
        if not key or (parts.scheme != "https" and not is_loopback(parts.hostname)):
            return {}
        return {"Authorization": f"Bearer {key}"}


def require_openai() -> None:
    """Refuse in one line if the client's package is missing; nothing is imported."""
    if importlib.util.find_spec("openai") is None:
        raise InputError(
            "models behind servers need openai, which is not installed:"
            " pip install 'behaviordist[api]'"
        )


def token_limit() -> int:
    """Return the bound on tokens: BEHAVIORDIST_MAX_TOKENS, by default a million."""
    return _whole("BEHAVIORDIST_MAX_TOKENS") or 1_000_000


def request_interval() -> float:
    """Return the least seconds between requests: BEHAVIORDIST_REQUESTS_PER_MINUTE, or no limit."""
    many = _whole("BEHAVIORDIST_REQUESTS_PER_MINUTE")
    return 60 / many if many else 0.0


def requests_in_flight() -> int:
    """Return how many requests are on their way at once: BEHAVIORDIST_REQUESTS_IN_FLIGHT, or 16."""
    return _whole("BEHAVIORDIST_REQUESTS_IN_FLIGHT") or IN_FLIGHT


def _whole(name: str) -> int | None:
    text = os.environ.get(name, "").replace("_", "")
    if not text:
        return None
    if not text.isdigit() or int(text) < 1:
        raise InputError(f"{name} must be a whole number above 0, not '{text}'")
    return int(text)


def is_loopback(host: str | None) -> bool:
    """Whether a host's name is this machine: `localhost`, 127.0.0.0/8, ::1."""
    try:
        return host == "localhost" or ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


def api_key() -> str:
    """Return the key, or "".

    Raises
    ------
    InputError
        If it holds what no header can carry. The key is in no message: libraries print theirs.
    """
    for name in KEY_VARIABLES:
        key = os.environ.get(name, "").strip()
        if key and not re.fullmatch(r"[\x21-\x7e]+", key):
            raise InputError(
                f"{name} holds a line break, a blank or a letter outside ASCII, which no key has;"
                " set it again"
            )
        if key:
            return key
    return ""
