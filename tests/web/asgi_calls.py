"""Calls of an ASGI application: one request, and what came of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote

import trio

from llamaswap.web.asgi import Answer, Message, Request
from llamaswap.web.connection import ASGIApp

JSON = {"content-type": "application/json"}


class Connection:
    """What our own server offers to one request, as a double."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.scopes: list[trio.CancelScope] = []
        self.is_gone = False
        self.is_cut = False

    def cancel_at_hangup(self, scope: trio.CancelScope) -> None:
        self.scopes.append(scope)
        if self.is_gone:
            scope.cancel()

    async def send_piece(self, data: bytes) -> None:
        await trio.lowlevel.checkpoint()
        self.pieces.append(data)

    def abort(self) -> None:
        self.is_cut = True

    def hang_up(self) -> None:
        self.is_gone = True
        for scope in self.scopes:
            scope.cancel()


class Call:
    """One request to an ASGI application, and what came of it."""

    def __init__(
        self,
        method: str = "GET",
        target: str = "/",
        headers: Mapping[str, str] | None = None,
        body: bytes | Sequence[bytes] = b"",
        *,
        connection: Connection | None = None,
        **scope: object,
    ) -> None:
        path, _, query = target.partition("?")
        self.connection = connection
        self.scope: dict[str, Any] = {
            "type": "http",
            "method": method,
            "path": unquote(path),
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [(k.encode(), v.encode()) for k, v in (headers or {}).items()],
            "http_version": "1.1",
            "client": ("192.0.2.1", 4711),
            "extensions": {} if connection is None else {"llamaswap": connection},
        } | scope
        self._body = [body] if isinstance(body, bytes) else list(body)
        self._hung_up = trio.Event()
        self.messages: list[Message] = []

    async def run(self, app: ASGIApp) -> None:
        await app(self.scope, self.receive, self.send)

    async def receive(self) -> Message:
        await trio.lowlevel.checkpoint()
        if self._body:
            body = self._body.pop(0)
            return {"type": "http.request", "body": body, "more_body": bool(self._body)}
        await self._hung_up.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        await trio.lowlevel.checkpoint()
        self.messages.append(message)

    def hang_up(self) -> None:
        """Leave, in the way that this server tells it."""
        if self.connection is not None:
            self.connection.hang_up()
        else:
            self._hung_up.set()

    def new_request(self) -> Request:
        return Request.of(self.scope, self.receive)

    def new_answer(self) -> Answer:
        return Answer(self.new_request(), self.send)

    @property
    def status(self) -> int | None:
        return next((m["status"] for m in self.messages if "status" in m), None)

    @property
    def headers(self) -> list[tuple[str, str]]:
        heads = [m["headers"] for m in self.messages if "headers" in m]
        return [(name.decode(), value.decode()) for name, value in heads[0]]

    def header(self, name: str) -> str | None:
        """Return the only value of a header."""
        found = [value for key, value in self.headers if key == name]
        assert len(found) <= 1
        return found[0] if found else None

    @property
    def pieces(self) -> list[bytes]:
        early = [] if self.connection is None else self.connection.pieces
        return early + [m["body"] for m in self.messages if m.get("body")]

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def is_complete(self) -> bool:
        last = self.messages[-1] if self.messages else {}
        return last.get("type") == "http.response.body" and not last.get("more_body", False)


async def call(
    app: ASGIApp,
    method: str = "GET",
    target: str = "/",
    headers: Mapping[str, str] | None = None,
    body: bytes | Sequence[bytes] = b"",
    **scope: Any,
) -> Call:
    """Ask ``app``, and return what it has answered."""
    made = Call(method, target, headers, body, **scope)
    await made.run(app)
    return made


def events_in(body: bytes) -> list[tuple[str, Any]]:
    """Return type and data of each event in a stream of ``/api/events``; comments are left out."""
    found: list[tuple[str, Any]] = []
    for event in body.decode().split("\n\n"):
        if event and not event.startswith(":"):
            envelope = json.loads(event.removeprefix("event:message\ndata:"))
            found.append((envelope["type"], json.loads(envelope["data"])))
    return found


def asking(model: str, **more: object) -> bytes:
    """Return the JSON body of a request for ``model``."""
    return json.dumps({"model": model, **more}).encode()
