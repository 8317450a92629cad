"""Requests to an OpenAI-compatible server: retried, rate-limited, bounded, and quiet about keys."""

from __future__ import annotations

import http.client
import ipaddress
import json
import os
import queue
import re
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from behaviordist.errors import InputError

KEY_VARIABLES = ("BEHAVIORDIST_API_KEY", "OPENAI_API_KEY")
LONGEST_WAIT = 60.0
LARGEST_ANSWER = 64 * 2**20


@dataclass
class Budget:
    """Tokens that may be spent, prompts included, and those that have been."""

    limit: int
    spent: int = 0

    def check(self) -> None:
        """Raise an `InputError` once the limit is reached."""
        if self.spent >= self.limit:
            raise InputError(
                f"the budget of {self.limit:,} tokens is spent; what is finished is kept: raise"
                " BEHAVIORDIST_MAX_TOKENS and run the same command again"
            )


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Redirects are errors: they could carry the key to another host."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


class _Again(Exception):
    """A failure that may pass; `wait` is what the server asks for, in seconds."""

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.wait = wait


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
        How often a request is made before it fails; waits double from one second, or are what the
        server says.
    interval_s
        Least time between two requests; default what BEHAVIORDIST_REQUESTS_PER_MINUTE allows.
    sleep
        For tests.
    """

    url: str
    budget: Budget = field(default_factory=lambda: Budget(token_limit()))
    timeout_s: float = 60.0
    deadline_s: float = 120.0
    attempts: int = 5
    interval_s: float = field(default_factory=lambda: request_interval())
    sleep: Callable[[float], None] = time.sleep

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return the JSON object that the server answers.

        Raises
        ------
        InputError
            If the server cannot be reached, refuses, or answers something else than JSON; the
            message holds no key.
        """
        self.budget.check()
        for attempt in range(1, self.attempts + 1):
            if self.interval_s:
                self.sleep(self.interval_s)
            try:
                answer = self._once(path, body)
            except _Again as error:
                if attempt == self.attempts:
                    tries = f"{attempt} attempts" if attempt > 1 else "1 attempt"
                    raise InputError(f"{self.url}: {error} ({tries}); try later") from None
                wait = 2.0 ** (attempt - 1) if error.wait is None else error.wait
                self.sleep(min(wait, LONGEST_WAIT))
                continue
            self.budget.spent += _tokens(answer, body)
            return answer
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _once(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Ask once; the answer is whole within the deadline, or an error says that it is not."""
        headers = {"Content-Type": "application/json", **self._authorization()}
        request = urllib.request.Request(
            f"{self.url}/{path}", json.dumps(body).encode(), headers, method="POST"
        )
        answers: queue.SimpleQueue[dict[str, Any] | Exception] = queue.SimpleQueue()

        def ask() -> None:
            try:
                answers.put(self._answer(request))
            except Exception as error:
                answers.put(error)

        # A socket's own timeout bounds silences alone; a thread that waits too long is left behind.
        threading.Thread(target=ask, daemon=True).start()
        try:
            answer = answers.get(timeout=self.deadline_s)
        except queue.Empty:
            raise InputError(
                f"{self.url}: no whole answer within {self.deadline_s:g} s; ask for less, or look"
                " at the server"
            ) from None
        if isinstance(answer, Exception):
            raise answer from None
        return answer

    def _answer(self, request: urllib.request.Request) -> dict[str, Any]:
        handlers: list[Any] = [_NoRedirects]
        if is_loopback(urlsplit(self.url).hostname):  # a proxy would see the key
            handlers.append(urllib.request.ProxyHandler({}))
        try:
            opener = urllib.request.build_opener(*handlers)
            with opener.open(request, timeout=self.timeout_s) as response:
                return self._decode(response.read(LARGEST_ANSWER), response.headers)
        except urllib.error.HTTPError as error:
            with error:  # it holds the connection
                raise self._refusal(error) from None
        except TimeoutError:
            raise _Again(f"no answer within {self.timeout_s:g} s") from None
        except urllib.error.URLError as error:
            if isinstance(error.reason, TimeoutError):
                raise _Again(f"no answer within {self.timeout_s:g} s") from None
            raise _Again(f"cannot be reached ({self._clean(str(error.reason))})") from None
        except (http.client.HTTPException, OSError) as error:
            raise _Again(f"the connection broke ({type(error).__name__})") from None

    def _decode(self, raw: bytes, headers: Any) -> dict[str, Any]:
        try:
            answer = json.loads(raw)
        except RecursionError:
            raise InputError(f"{self.url} answers JSON that is nested too deeply") from None
        except ValueError:
            kind = str(headers.get("Content-Type", "no type")).partition(";")[0]
            raise InputError(
                f"{self.url} answers {kind}, not JSON; is it the base of an OpenAI-compatible"
                " server (it often ends in /v1)?"
            ) from None
        if not isinstance(answer, dict):
            raise InputError(f"{self.url} answers JSON that is no object")
        return answer

    def _refusal(self, error: urllib.error.HTTPError) -> Exception:
        if error.code in (401, 403):
            return InputError(
                f"{self.url} refuses the key (status {error.code});"
                f" set {' or '.join(KEY_VARIABLES)}"
            )
        try:
            reason = self._clean(error.read(4096).decode(errors="replace"))
        except (http.client.HTTPException, OSError):
            reason = "no reason that could be read"
        if error.code == 429 or error.code >= 500:
            what = "limits the rate" if error.code == 429 else "fails"
            return _Again(
                f"{what} (status {error.code}: {reason})",
                _seconds(error.headers.get("Retry-After", "")),
            )
        return InputError(f"{self.url} refuses the request (status {error.code}: {reason})")

    def _authorization(self) -> dict[str, str]:
        parts = urlsplit(self.url)
        key = _key()
        if not key or (parts.scheme != "https" and not is_loopback(parts.hostname)):
            return {}
        return {"Authorization": f"Bearer {key}"}

    @staticmethod
    def _clean(text: str) -> str:
        """Return what a server says on one short line, without the key, should it repeat it."""
        key = _key()
        if key:
            text = text.replace(key, "[key]")
        return " ".join(text.split())[:160]


def token_limit() -> int:
    """Return the bound on tokens: BEHAVIORDIST_MAX_TOKENS, by default a million."""
    text = os.environ.get("BEHAVIORDIST_MAX_TOKENS", "1000000").replace("_", "")
    if not text.isdigit() or int(text) < 1:
        raise InputError(f"BEHAVIORDIST_MAX_TOKENS must be a whole number above 0, not '{text}'")
    return int(text)


def request_interval() -> float:
    """Return the least seconds between requests: BEHAVIORDIST_REQUESTS_PER_MINUTE, or no limit."""
    text = os.environ.get("BEHAVIORDIST_REQUESTS_PER_MINUTE", "")
    if not text:
        return 0.0
    if not text.isdigit() or int(text) < 1:
        raise InputError(
            f"BEHAVIORDIST_REQUESTS_PER_MINUTE must be a whole number above 0, not '{text}'"
        )
    return 60 / int(text)


def is_loopback(host: str | None) -> bool:
    """Whether a host's name is this machine: `localhost`, 127.0.0.0/8, ::1."""
    try:
        return host == "localhost" or ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


def _key() -> str:
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


def _seconds(text: str) -> float | None:
    """Return what a `Retry-After` header asks for, or None for a date or nonsense."""
    return float(text) if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text.strip()) else None


def _tokens(answer: Mapping[str, Any], body: Mapping[str, Any]) -> int:
    """Tokens that a request cost: what the server says, else a bound (a token a byte of text)."""
    usage = answer.get("usage")
    total = usage.get("total_tokens") if isinstance(usage, dict) else None
    if isinstance(total, int) and not isinstance(total, bool) and total > 0:
        return total
    return len(json.dumps(body).encode()) + int(body.get("max_tokens", 0))
