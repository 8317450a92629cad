"""Requests to an OpenAI-compatible server: many at once, in a thread, within bounds that are said.

What is asked goes through the `openai` package's client (`session.py`), which waits and asks again
where a server is busy. Here stand what may be spent, how many requests are on their way at once,
and the key.
"""

from __future__ import annotations

import asyncio
import importlib.util
import ipaddress
import os
import queue
import re
import threading
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from behaviordist.errors import InputError

if TYPE_CHECKING:
    from behaviordist.behaviors.servers.session import Session

KEY_VARIABLES = ("BEHAVIORDIST_API_KEY", "OPENAI_API_KEY")
IN_FLIGHT = 16
# What is cancelled ends at once; a name that the system is still looking up may not.
LONGEST_STOP = 5.0

T = TypeVar("T")
R = TypeVar("R")


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

    def each(
        self, ask: Callable[[Session, T], Awaitable[R]], items: Iterable[T]
    ) -> Iterator[tuple[T, R]]:
        """Yield (item, what `ask` made of it) as answers come, many on their way at once.

        The event loop runs in a thread of its own, so that this works inside a notebook's. The
        first item is asked alone: a server that refuses everything is asked once. After an error no
        item is begun; those on their way end, are yielded, and then the error is raised.

        Raises
        ------
        InputError
            What `ask` raises.
        """
        arrived: queue.SimpleQueue[tuple[T, R] | _Ended] = queue.SimpleQueue()
        run = _Run(self, ask, items, arrived.put)

        def work() -> None:
            try:
                asyncio.run(run.all())
            except BaseException as error:
                arrived.put(_Ended(error))
            else:
                arrived.put(_Ended())

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        try:
            while not isinstance(got := arrived.get(), _Ended):
                yield got
            if got.error is not None:
                raise got.error
        finally:
            run.cancel()
            thread.join(LONGEST_STOP)

    def one(self, ask: Callable[[Session, T], Awaitable[R]], item: T) -> R:
        """Return what `ask` makes of one item."""
        ((_, found),) = self.each(ask, [item])
        return found

    def authorization(self) -> dict[str, str]:
        """Return the header that holds the key, or nothing where it must not be sent."""
        parts = urlsplit(self.url)
        key = api_key()
        if not key or (parts.scheme != "https" and not is_loopback(parts.hostname)):
            return {}
        return {"Authorization": f"Bearer {key}"}


@dataclass(frozen=True)
class _Ended:
    """The end of a run, and why."""

    error: BaseException | None = None


class _Run:
    """Items that are asked together, in the event loop of one thread."""

    def __init__(
        self,
        client: Client,
        ask: Callable[[Session, Any], Awaitable[Any]],
        items: Iterable[Any],
        tell: Callable[[Any], None],
    ) -> None:
        self.client, self.ask, self.items, self.tell = client, ask, items, tell
        self.loop: asyncio.AbstractEventLoop | None = None
        self.task: asyncio.Task[Any] | None = None

    def cancel(self) -> None:
        """End what is on its way; nothing where all has ended."""
        if self.loop is not None and self.task is not None and not self.loop.is_closed():
            try:
                self.loop.call_soon_threadsafe(self.task.cancel)
            except RuntimeError:  # it closed in between
                return

    async def all(self) -> None:
        from behaviordist.behaviors.servers.session import opened

        self.loop, self.task = asyncio.get_running_loop(), asyncio.current_task()
        running: set[asyncio.Task[None]] = set()
        async with opened(self.client) as session:
            try:
                await self._start(session, running)
            finally:
                for task in running:
                    task.cancel()
                await asyncio.gather(*running, return_exceptions=True)

    async def _start(self, session: Session, running: set[asyncio.Task[None]]) -> None:
        """Start items one after the other, as many at once as there is room for."""
        error: BaseException | None = None
        rest, more, room, began = iter(self.items), True, 1, asyncio.get_running_loop().time()
        while True:
            while more and len(running) < room and self.client.budget.allows(len(running)):
                try:
                    running.add(asyncio.create_task(self._one(session, next(rest))))
                except StopIteration:
                    more = False
            if not running:
                break
            done, left = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            running.intersection_update(left)
            for task in done:
                error = error or task.exception()
            more = more and error is None
            if room == 1:
                room = self._room(asyncio.get_running_loop().time() - began)
        if error is not None:
            raise error

    async def _one(self, session: Session, item: Any) -> None:
        self.tell((item, await self.ask(session, item)))

    def _room(self, seconds: float) -> int:
        """How many at once: a slow server that answers in turn must not fall silent for too long.

        `seconds` is what the first answer took, alone.
        """
        patient = int(self.client.timeout_s / (2 * max(seconds, 1e-6)))
        return max(1, min(self.client.in_flight, patient))


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
