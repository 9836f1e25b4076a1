"""Notices a client that goes away while we work for it.

Our own server cancels a scope that it is handed; on other ASGI servers a task
listens, because only ``receive()`` tells.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import trio

from llamaswap.web.asgi import ClientGoneError, Request


@asynccontextmanager
async def until_hangup(request: Request) -> AsyncGenerator[None, None]:
    """Cancel the body when the client goes away.

    Raises:
      ClientGoneError: it did.
    """
    with trio.CancelScope() as scope:
        if request.connection is not None:
            request.connection.cancel_at_hangup(scope)
            yield
        else:
            async with _listening(request, scope):
                yield
    if scope.cancelled_caught:
        raise ClientGoneError


@asynccontextmanager
async def _listening(request: Request, scope: trio.CancelScope) -> AsyncGenerator[None, None]:
    """Cancel ``scope`` when ``receive()`` tells of a hang-up."""
    failure: Exception | None = None

    async def listen() -> None:
        await request.wait_for_hangup()
        scope.cancel()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(listen)
        try:
            yield
        except Exception as exc:  # noqa: BLE001 - raised below, without a group around it
            failure = exc
        nursery.cancel_scope.cancel()
    if failure is not None:
        raise failure
