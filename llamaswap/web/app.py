"""Every request: finds its route, turns what is raised into an answer, logs one line.

An ASGI application for any server.
"""

from __future__ import annotations

import logging
import posixpath

import trio
from attrs import define

from llamaswap.errors import SwapError, UnavailableError
from llamaswap.web.access_log import log_access, printable
from llamaswap.web.asgi import Answer, ClientGoneError, Message, Receive, Request, Scope, Send
from llamaswap.web.cors import allow_cross_origin
from llamaswap.web.front import Front
from llamaswap.web.refusals import refuse
from llamaswap.web.routes import Handler, find_route

logger: logging.Logger = logging.getLogger("llamaswap.web")

CLIENT_GONE = 499
"""What the access log shows for a client that left before it was answered: nginx's
number, as HTTP has none."""


class NoWebSocketError(SwapError):
    """WebSockets are not relayed yet."""

    status_hint = 501
    code = "not_implemented"


@define(eq=False)
class App:
    """The ASGI application."""

    front: Front

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one ASGI connection."""
        if scope["type"] == "http":
            await self._answer(Request.of(scope, receive), send, _dispatch)
        elif scope["type"] == "websocket":
            await self._answer(Request.of(scope, receive), _refusing(scope, send), _no_websocket)
        elif scope["type"] == "lifespan":
            await live(receive, send)

    async def _answer(self, request: Request, send: Send, handler: Handler) -> None:
        """Have ``handler`` answer, whatever comes of it."""
        answer = Answer(request, send)
        began = trio.current_time()
        try:
            await handler(self.front, request, answer)
        except ClientGoneError:
            answer.status = answer.status or CLIENT_GONE
        except SwapError as exc:
            await _fail(answer, exc)
        except Exception:
            method, path = printable(request.method), printable(request.path)
            logger.exception("%s %s: a fault of llamaswap", method, path)
            await _fail(answer, SwapError("llama-swap made a mistake; see its log"))
        finally:
            log_access(request, answer, trio.current_time() - began)


async def _fail(answer: Answer, error: SwapError) -> None:
    """Say what went wrong, or make the cut visible where it is too late for that."""
    if answer.status:
        answer.abort()
    else:
        await refuse(answer, error)


async def _dispatch(front: Front, request: Request, answer: Answer) -> None:
    if request.method == "OPTIONS":
        await allow_cross_origin(request, answer)
    elif (clean := cleaned(request.raw_path)) is not None:
        await answer.redirect(307, request.with_query(clean))
    elif front.leaving.is_set():
        raise UnavailableError("llama-swap is shutting down")
    else:
        await find_route(request.method, request.path)(front, request, answer)


def cleaned(raw_path: bytes) -> bytes | None:
    """Return the path that a path with ``//``, ``/./`` or ``/../`` should be, else ``None``.

    Encoded dots and slashes are left alone: they may be part of a name.
    """
    if b"//" not in raw_path and b"/." not in raw_path:
        return None
    clean = posixpath.normpath(b"/" + raw_path.lstrip(b"/"))
    if raw_path.endswith(b"/") and clean != b"/":
        clean += b"/"
    return clean if clean != raw_path else None


async def _no_websocket(_front: Front, request: Request, _answer: Answer) -> None:
    """Refuse a WebSocket before it opens."""
    await request.receive()
    raise NoWebSocketError("WebSocket connections are not supported yet")


def _refusing(scope: Scope, send: Send) -> Send:
    """Turn the answer to a request into one to a WebSocket's handshake.

    A server that cannot say an answer there is told to close.
    """

    async def say(message: Message) -> None:
        await send(message | {"type": f"websocket.{message['type']}"})

    async def close(message: Message) -> None:
        if message["type"] == "http.response.start":
            await send({"type": "websocket.close", "code": 1011, "reason": "not supported yet"})

    return say if "websocket.http.response" in scope.get("extensions", {}) else close


async def live(receive: Receive, send: Send) -> None:
    """Follow a foreign server's lifespan: the router outlives it, so nothing is to do."""
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
