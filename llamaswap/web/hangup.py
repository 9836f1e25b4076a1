"""Notices a client that goes away while we work for it.

Our own server cancels a scope that it is handed; on other ASGI servers a task
listens, because only ``receive()`` tells.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import TracebackType

import trio

from llamaswap.web.asgi import ClientConnection, ClientGoneError, Request


def until_hangup(request: Request) -> AbstractAsyncContextManager[None]:
    """Cancel the body when the client goes away.

    Raises:
      ClientGoneError: it did.
    """
    if request.connection is None:
        return _listening(request)
    return _Told(request.connection)


class _Told(AbstractAsyncContextManager[None]):
    """Waits to be told by our own server.

    A class and no generator, which would be resumed through two functions of
    `contextlib`: this is part of every request.
    """

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._scope = trio.CancelScope()

    async def __aenter__(self) -> None:
        self._scope.__enter__()
        self._connection.cancel_at_hangup(self._scope)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        is_done = self._scope.__exit__(kind, error, trace)
        if self._scope.cancelled_caught:
            raise ClientGoneError
        return bool(is_done)


@asynccontextmanager
async def _listening(request: Request) -> AsyncGenerator[None, None]:
    """Listen for a hang-up."""
    failure: Exception | None = None
    with trio.CancelScope() as scope:

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
    if scope.cancelled_caught:
        raise ClientGoneError
