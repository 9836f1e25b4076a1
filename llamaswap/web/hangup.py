"""Notices a client that goes away while we work for it.

Our own server cancels a scope that it is handed; on other ASGI servers a task
listens, because only ``receive()`` tells.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import trio

from llamaswap.web.asgi import ClientConnection, ClientGoneError, Request


@asynccontextmanager
async def until_hangup(request: Request) -> AsyncGenerator[None, None]:
    """Cancel the body when the client goes away.

    Raises:
      ClientGoneError: it did.
    """
    connection = request.connection
    watch = _scope_for(connection) if connection is not None else _watcher_of(request)
    async with watch as scope:
        yield
    if scope.cancelled_caught:
        raise ClientGoneError


@asynccontextmanager
async def _scope_for(connection: ClientConnection) -> AsyncGenerator[trio.CancelScope, None]:
    with trio.CancelScope() as scope:
        connection.cancel_at_hangup(scope)
        yield scope


@asynccontextmanager
async def _watcher_of(request: Request) -> AsyncGenerator[trio.CancelScope, None]:
    """On a server that is not ours only ``receive()`` tells of a hang-up."""
    failure: Exception | None = None

    async def watch() -> None:
        await request.read_up.wait()
        while (await request.receive())["type"] != "http.disconnect":
            pass
        scope.cancel()

    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(watch)
            try:
                yield scope
            except Exception as exc:  # noqa: BLE001 - raised below, without a group around it
                failure = exc
            nursery.cancel_scope.cancel()
    if failure is not None:
        raise failure
