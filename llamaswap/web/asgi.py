"""Requests and answers as small typed values.

The only file that knows the shapes of ASGI messages. What is asked and what an
error looks like is not known here. An `Answer` remembers what it has sent: for
the access log, and to tell whether an error can still be said.
"""

from __future__ import annotations

import html
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Any, Protocol, TypeAlias
from urllib.parse import quote, unquote

import trio
from attrs import define, field

from llamaswap.errors import SwapError
from llamaswap.web.url_forms import form_value

Header: TypeAlias = tuple[bytes, bytes]
Scope: TypeAlias = dict[str, Any]
Message: TypeAlias = dict[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]

JSON = b"application/json"
TEXT = b"text/plain; charset=utf-8"
HTML = b"text/html; charset=utf-8"

LARGEST_BODY = 256 * 1024 * 1024
"""Bytes of a body that must be read before it can be passed on: beyond any
prompt with pictures, and small enough not to endanger a home server."""


class BodyTooLargeError(SwapError):
    """A body is larger than we are willing to hold."""

    status_hint = 413
    code = "request_too_large"


class ClientGoneError(Exception):
    """Nobody is left to answer."""


class ClientConnection(Protocol):
    """What our own server offers beyond ASGI, in ``scope["extensions"]["llamaswap"]``."""

    def cancel_at_hangup(self, scope: trio.CancelScope) -> None:
        """Cancel ``scope`` when the client goes away; at once if it is gone."""

    async def send_piece(self, data: bytes) -> None:
        """Send a piece of a streamed body in one write, past ASGI."""

    def abort(self) -> None:
        """Close the connection so that the client sees a cut, not an end."""


@define(eq=False)
class Request:
    """One HTTP request."""

    method: str
    path: str
    """Percent-decoded."""

    raw_path: bytes
    """As it was sent."""

    query: bytes
    headers: list[Header]
    """Names in lower case."""

    http_version: str
    client: str | None
    """Address of the peer socket; ``None`` where the server does not tell."""

    connection: ClientConnection | None
    """``None`` on a server that is not ours."""

    receive: Receive
    """The rest of the body, then the client's hang-up."""

    is_body_over: bool = field(default=False, init=False)
    """Whether nobody will read on: all was read, or the answer has begun."""

    _body_over: trio.Event | None = field(default=None, init=False)

    @classmethod
    def of(cls, scope: Scope, receive: Receive) -> Request:
        """Read the scope of an ASGI connection; a WebSocket's handshake is a GET."""
        path = scope["path"]
        raw_path = scope.get("raw_path") or quote(path).encode()
        if raw_path.startswith(_ABSOLUTE):
            raw_path = b"/" + b"".join(raw_path.split(b"/", 3)[3:])
            path = unquote(raw_path.decode("latin1"))
        client = scope.get("client")
        return cls(
            scope.get("method", "GET"),
            path,
            raw_path,
            scope["query_string"],
            [(name, value) for name, value in scope["headers"]],
            scope["http_version"],
            client[0] if client else None,
            scope.get("extensions", {}).get("llamaswap"),
            receive,
        )

    def header(self, name: bytes) -> str:
        """Return the first value of a header, or an empty text."""
        for key, value in self.headers:
            if key == name:
                return value.decode("latin1")
        return ""

    def parameter(self, name: str) -> str | None:
        """Return the first value of a query parameter."""
        return form_value(self.query, name)

    def with_query(self, path: bytes) -> bytes:
        """Return ``path`` with the query of this request."""
        return path + b"?" + self.query if self.query else path

    @property
    def declared_length(self) -> int | None:
        """Bytes of the body, where the client says so before it sends them."""
        value = self.header(b"content-length")
        return int(value) if value else None

    async def body(self) -> bytes:
        """Read the whole body.

        Raises:
          BodyTooLargeError: it is larger than `LARGEST_BODY`.
          ClientGoneError: the client left before its end.
        """
        _check_size(self.declared_length or 0)
        parts: list[bytes] = []
        size = 0
        while not self.is_body_over:
            part = await self.next_piece()
            size += len(part)
            _check_size(size)
            parts.append(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def pieces(self) -> AsyncIterator[bytes]:
        """Read the body piece by piece, as it arrives.

        It may be left at any piece. Its iteration raises `ClientGoneError` when
        the client leaves before the end.
        """
        return _Pieces(self)

    async def next_piece(self) -> bytes:
        """Wait for more of the body, which may be nothing.

        Raises:
          ClientGoneError: the client left before its end.
        """
        message = await self.receive()
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        if not message.get("more_body", False):
            self.leave_body()
        body: bytes = message.get("body", b"")
        return body

    def leave_body(self) -> None:
        """Note that nobody will read on."""
        self.is_body_over = True
        if self._body_over is not None:
            self._body_over.set()

    async def wait_for_hangup(self) -> None:
        """Wait until the client goes away; drop what nobody reads of its body.

        While somebody reads the body, it is the reader who learns of a hang-up.
        """
        if not self.is_body_over:
            self._body_over = trio.Event()
            await self._body_over.wait()
        while (await self.receive())["type"] != "http.disconnect":
            pass


def _check_size(size: int) -> None:
    if size > LARGEST_BODY:
        raise BodyTooLargeError(f"the request's body is larger than {LARGEST_BODY >> 20} MiB")


_ABSOLUTE = (b"http://", b"https://")
"""How a path begins that was written for a proxy; every server must understand
it (RFC 9112, 3.2.2)."""


class _Pieces:
    """A body piece by piece.

    Not a generator, which would have to be closed where reading stops early.
    """

    def __init__(self, request: Request) -> None:
        self._request = request

    def __aiter__(self) -> _Pieces:
        return self

    async def __anext__(self) -> bytes:
        while not self._request.is_body_over:
            if piece := await self._request.next_piece():
                return piece
        raise StopAsyncIteration


@define(eq=False)
class Answer:
    """The response to one request."""

    request: Request
    _send: Send
    status: int = field(default=0, init=False)
    """0 until the head has been sent."""

    sent: int = field(default=0, init=False)
    """Bytes of the body so far."""

    extra: list[Header] = field(factory=list[Header], init=False)
    """Headers that the answer gets besides its own, whatever it will be."""

    _headers: list[Header] = field(factory=list[Header], init=False)

    @property
    def takes_events(self) -> bool:
        """Whether a server-sent event can be added to what was sent."""
        headers = dict(self._headers)
        kind = headers.get(b"content-type", b"").lower()
        is_fixed = b"content-length" in headers or b"content-encoding" in headers
        return b"text/event-stream" in kind and not is_fixed

    async def start(self, status: int, headers: list[Header]) -> None:
        """Send the head. Nobody reads the request's body any more."""
        self.request.leave_body()
        self.status = status
        self._headers = headers = headers + self.extra
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    async def piece(self, data: bytes) -> None:
        """Send a piece of the body now."""
        self.sent += len(data)
        connection = self.request.connection
        if connection is not None:
            await connection.send_piece(data)
        else:
            await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def end(self, data: bytes = b"") -> None:
        """Send the last piece, for which a HEAD request has no use."""
        if self.request.method == "HEAD":
            data = b""
        self.sent += len(data)
        await self._send({"type": "http.response.body", "body": data})

    async def whole(
        self, status: int, kind: bytes, body: bytes, extra: Iterable[Header] = ()
    ) -> None:
        """Send a complete answer."""
        length = b"%d" % len(body)
        await self.start(status, [(b"content-type", kind), (b"content-length", length), *extra])
        await self.end(body)

    async def json(self, document: object, *, extra: Iterable[Header] = ()) -> None:
        """Answer with a JSON document."""
        await self.whole(200, JSON, json.dumps(document).encode() + b"\n", extra)

    async def text(self, text: str) -> None:
        """Answer with plain text."""
        await self.whole(200, TEXT, text.encode())

    async def redirect(self, status: int, location: bytes) -> None:
        """Send the client elsewhere."""
        page = f'<a href="{html.escape(location.decode("latin1"))}">moved</a>\n'
        await self.whole(status, HTML, page.encode(), [(b"location", location)])

    def abort(self) -> None:
        """Make the cut visible: the connection is closed without an end.

        On other servers that is what happens to an answer that is not ended.
        """
        if self.request.connection is not None:
            self.request.connection.abort()
