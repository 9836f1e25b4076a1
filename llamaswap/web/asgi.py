"""Requests and responses as small typed values; JSON, SSE and error bodies.

The only file that knows the shapes of ASGI messages. An `Answer` remembers what
it has sent, for the access log and to tell whether an error can still be said.
"""

from __future__ import annotations

import html
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias
from urllib.parse import parse_qsl

import trio
from attrs import define, field, frozen

from llamaswap.errors import SwapError

Headers: TypeAlias = Sequence[tuple[bytes, bytes]]
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
    query: bytes
    headers: list[tuple[bytes, bytes]]
    """Names in lower case."""

    http_version: str
    client: str
    """Address of the peer socket; empty where the server does not tell."""

    connection: ClientConnection | None
    """``None`` on a server that is not ours."""

    receive: Receive
    """The rest of the body, then the client's hang-up."""

    read_up: trio.Event = field(factory=trio.Event, init=False)
    """Set when the body has been read to its end."""

    @classmethod
    def of(cls, scope: Scope, receive: Receive) -> Request:
        """Read the scope of an ASGI ``http`` connection."""
        path = scope["path"]
        client = scope.get("client")
        return cls(
            scope["method"],
            path,
            scope.get("raw_path") or path.encode(),
            scope["query_string"],
            [(bytes(name), bytes(value)) for name, value in scope["headers"]],
            scope["http_version"],
            client[0] if client else "",
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
        pairs = parse_qsl(self.query.decode("latin1"), keep_blank_values=True)
        return next((value for key, value in pairs if key == name), None)

    @property
    def target(self) -> bytes:
        """The raw path with its query."""
        return self.raw_path + b"?" + self.query if self.query else self.raw_path

    async def body(self) -> bytes:
        """Read the whole body.

        Raises:
          BodyTooLargeError: it is larger than `LARGEST_BODY`.
          ClientGoneError: the client left before its end.
        """
        parts: list[bytes] = []
        size = 0
        async for part in self.pieces():
            parts.append(part)
            size += len(part)
            if size > LARGEST_BODY:
                raise BodyTooLargeError(
                    f"the request's body is larger than {LARGEST_BODY >> 20} MiB"
                )
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def pieces(self) -> AsyncIterator[bytes]:
        """Read the body piece by piece, as it arrives.

        Raises:
          ClientGoneError: the client left before its end.
        """
        more = True
        while more:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise ClientGoneError
            more = message.get("more_body", False)
            if body := message.get("body", b""):
                yield body
        self.read_up.set()


class ClientGoneError(Exception):
    """Nobody is left to answer."""


@define(eq=False)
class Answer:
    """The response to one request."""

    request: Request
    _send: Send
    status: int = field(default=0, init=False)
    """0 until the head has been sent."""

    sent: int = field(default=0, init=False)
    """Bytes of the body so far."""

    error: SwapError | None = field(default=None, init=False)
    """Why this is an error of ours, if it is."""

    extra: list[tuple[bytes, bytes]] = field(factory=list[tuple[bytes, bytes]], init=False)
    """Headers that the answer gets besides its own, errors too."""

    _headers: list[tuple[bytes, bytes]] = field(factory=list[tuple[bytes, bytes]], init=False)

    @property
    def streams_events(self) -> bool:
        """Whether the body is a stream of server-sent events."""
        return any(
            name == b"content-type" and b"text/event-stream" in value.lower()
            for name, value in self._headers
        )

    async def start(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        """Send the head."""
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
        """Send the last piece."""
        self.sent += len(data)
        await self._send({"type": "http.response.body", "body": data})

    async def whole(
        self, status: int, kind: bytes, body: bytes, extra: Iterable[tuple[bytes, bytes]] = ()
    ) -> None:
        """Send a complete answer."""
        length = b"%d" % len(body)
        await self.start(status, [(b"content-type", kind), (b"content-length", length), *extra])
        await self.end(body)

    async def json(self, document: object, *, extra: Iterable[tuple[bytes, bytes]] = ()) -> None:
        """Answer with a JSON document."""
        await self.whole(200, JSON, json.dumps(document).encode() + b"\n", extra)

    async def text(self, text: str) -> None:
        """Answer with plain text."""
        await self.whole(200, TEXT, text.encode())

    async def redirect(self, status: int, location: str) -> None:
        """Send the client elsewhere."""
        page = f'<a href="{html.escape(location)}">moved</a>\n'.encode()
        await self.whole(status, HTML, page, [(b"location", location.encode("latin1", "replace"))])

    async def fail(self, error: SwapError) -> None:
        """Answer with an error in the shape that the client understands."""
        self.error = error
        kind, body = error_body(self.request, error)
        extra = [(b"retry-after", b"1")] if error.status_hint in RETRY_LATER else []
        await self.whole(error.status_hint, kind, body, extra)

    def abort(self) -> None:
        """Make the cut visible: close the connection where that is possible."""
        if self.request.connection is not None:
            self.request.connection.abort()


RETRY_LATER = frozenset({429, 503})
"""Statuses that come with ``Retry-After``: nothing about the request is wrong."""

_OPENAI_TYPES: Mapping[int, str] = {
    401: "authentication_error",
    403: "authentication_error",
    429: "rate_limit_error",
}
_ANTHROPIC_TYPES: Mapping[int, str] = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
}


@frozen
class _Kind:
    """The type names of an error in both API families."""

    openai: str
    anthropic: str


def _kind_of(status: int) -> _Kind:
    client_error = 400 <= status < 500  # noqa: PLR2004 - the classes of HTTP
    openai = "invalid_request_error" if client_error else "server_error"
    anthropic = "invalid_request_error" if client_error else "api_error"
    return _Kind(_OPENAI_TYPES.get(status, openai), _ANTHROPIC_TYPES.get(status, anthropic))


def error_document(path: str, error: SwapError) -> dict[str, object]:
    """Return the JSON of an error, in Anthropic's shape on Anthropic's paths.

    ``src`` marks errors made by us; clients of the reference look for it.
    """
    kind = _kind_of(error.status_hint)
    inner: dict[str, object] = {
        "message": str(error),
        "type": kind.openai,
        "param": None,
        "code": error.code,
    }
    if path.startswith(("/v1/messages", "/v/messages")):
        return {"src": "llama-swap", "type": "error", "error": inner | {"type": kind.anthropic}}
    return {"src": "llama-swap", "error": inner}


def error_body(request: Request, error: SwapError) -> tuple[bytes, bytes]:
    """Return content type and body of an error, as the ``Accept`` header wishes."""
    accept = request.header(b"accept")
    # A refusal for the sake of the limit is read by programs only.
    if error.status_hint != 429:  # noqa: PLR2004 - Too Many Requests
        if "text/plain" in accept:
            return TEXT, f"llama-swap: {error}".encode()
        if "text/html" in accept:
            return HTML, _PAGE.format(html.escape(str(error))).encode()
    return JSON, json.dumps(error_document(request.path, error)).encode()


_PAGE = (
    "<!doctype html><html><head><title>llama-swap</title></head>"
    "<body><h1>llama-swap</h1><p>{}</p></body></html>"
)


def event_stream_error(path: str, error: SwapError) -> bytes:
    """Return an SSE event that tells the reader of a stream what went wrong."""
    name = b"event: error\n" if path.startswith("/v1/messages") else b""
    document = json.dumps(error_document(path, error)).encode()
    return name + b"data: " + document + b"\n\n"
