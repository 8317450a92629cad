"""Many requests to a server at once, in a thread, within the bounds that its client names."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from behaviordist.behaviors.servers.client import Client

if TYPE_CHECKING:
    from behaviordist.behaviors.servers.session import Session

# What is cancelled ends at once; a name that the system is still looking up may not.
LONGEST_STOP = 5.0

T = TypeVar("T")
R = TypeVar("R")


def each(
    client: Client, ask: Callable[[Session, T], Awaitable[R]], items: Iterable[T]
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
    run = _Run(client, ask, items, arrived.put)

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


def one(client: Client, ask: Callable[[Session, T], Awaitable[R]], item: T) -> R:
    """Return what `ask` makes of one item."""
    ((_, found),) = each(client, ask, [item])
    return found


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
            # All are read: asyncio prints the traceback of an exception that nobody has asked for.
            errors = [task.exception() for task in done]
            error = error or next((one for one in errors if one is not None), None)
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
