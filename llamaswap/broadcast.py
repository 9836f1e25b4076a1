"""Tells many listeners; bounded; slow ones are told what they missed.

Nobody who tells ever waits. A listener that falls behind loses its oldest
items and learns how many, so one slow reader harms itself alone.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Generic, TypeVar

import trio
from attrs import define, field, frozen

T = TypeVar("T")


def one_each(_item: object) -> int:
    """Weigh items by their number."""
    return 1


@frozen
class Heard(Generic[T]):
    """What a listener received at once."""

    items: tuple[T, ...]
    missed: int
    """Items lost just before ``items``, because the listener was slow."""


@define(eq=False)
class Listener(Generic[T]):
    """One who listens; made by `Broadcast.listen`, or alone as a bounded buffer."""

    _room: int
    _weigh: Callable[[T], int] = one_each
    """How much room an item takes."""

    _items: deque[T] = field(factory=deque[T], init=False)
    _held: int = field(default=0, init=False)
    _missed: int = field(default=0, init=False)
    _news: trio.Event = field(factory=trio.Event, init=False)

    def put(self, item: T) -> None:
        """Take ``item`` in; drop the oldest while there is no room."""
        self._items.append(item)
        self._held += self._weigh(item)
        while self._held > self._room and len(self._items) > 1:
            self._held -= self._weigh(self._items.popleft())
            self._missed += 1
        self._news.set()

    async def receive(self) -> Heard[T]:
        """Wait for news, then return all there is."""
        await self._news.wait()
        return self.receive_nowait()

    def receive_nowait(self) -> Heard[T]:
        """Return all there is, which may be nothing."""
        heard = Heard(tuple(self._items), self._missed)
        self._items.clear()
        self._held = self._missed = 0
        self._news = trio.Event()
        return heard


@define(eq=False)
class Broadcast(Generic[T]):
    """A source of news."""

    _listeners: set[Listener[T]] = field(factory=set[Listener[T]], init=False)

    def tell(self, item: T) -> None:
        """Give ``item`` to everybody who listens now. Never waits."""
        for listener in self._listeners:
            listener.put(item)

    @contextmanager
    def listen(
        self, room: int, weigh: Callable[[T], int] = one_each
    ) -> Generator[Listener[T], None, None]:
        """Listen until the block is left.

        Args:
          room: how much may wait for a slow listener.
          weigh: how much of that an item takes; one item is always held.
        """
        listener = Listener[T](room, weigh)
        self._listeners.add(listener)
        try:
            yield listener
        finally:
            self._listeners.remove(listener)
