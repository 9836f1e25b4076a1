"""Who asks: one request's client, as the app sees it.

Between an ASGI app and `connection`, which implements `Line`; knows nothing of
the HTTP library behind it. An answered request is never cancelled by a hang-up:
its client may well close, having all it wanted.
"""

from __future__ import annotations

from collections import deque
from typing import Any, Protocol

import trio

from llamaswap.web.asgi import Message, Scope, Send

INBOX_SIZE = 262144
"""Bytes of a body that wait for an app that does not read, before the client has
to wait: four reads, enough to keep an upload moving."""

MESSAGE_COST = 512
"""Bytes that a message occupies besides its body; bounds what tiny chunks can cost."""

BODILESS = frozenset({204, 304})
"""Statuses whose answers end with their head (RFC 9110, 6.4.1)."""

_GOODBYES = frozenset({"http.disconnect", "websocket.disconnect"})


class Line(Protocol):
    """The connection, as far as one request needs it."""

    @property
    def is_leaving(self) -> bool:
        """Whether this is to be the last answer."""
        ...

    async def flush(self) -> None:
        """Write what the answer's messages have become."""
        ...

    async def write(self, data: bytes) -> None:
        """Write bytes past the HTTP library."""
        ...

    def cut(self, caller: Caller) -> None:
        """End the answer so that its client cannot take it for complete."""
        ...


class Caller:
    """The client of one request, offered in ``scope["extensions"]["llamaswap"]``."""

    def __init__(self, line: Line, scope: Scope, tell: Send, stream_id: int) -> None:
        self._line = line
        self._tell = tell
        # Not the scope itself, which holds this object: see `release`.
        self._version: str = scope["http_version"]
        self._method: str = scope.get("method", "GET")
        self.stream_id = stream_id
        self._inbox: deque[Message] = deque()
        self._held = 0
        self._news: trio.Event | None = None
        self._room: trio.Event | None = None
        self._goodbye: Message | None = None
        self._to_cancel: list[trio.CancelScope] = []
        self.has_whole_request: bool = False
        self.has_begun: bool = False
        """Whether a head has been sent."""
        self.is_answered: bool = False
        self.is_cut: bool = False
        self.is_chunked: bool = False
        """Whether pieces may be framed here."""
        self.is_delimited: bool = False
        """Whether a client can tell an end that comes too early."""

    # What the app calls.

    def cancel_at_hangup(self, scope: trio.CancelScope) -> None:
        """Cancel ``scope`` when the client goes away before it is answered; at once if it has."""
        if self.is_gone:
            scope.cancel()
        else:
            self._to_cancel.append(scope)

    async def send_piece(self, data: bytes) -> None:
        """Send a piece of a streamed body now; ``http.response.start`` comes before.

        To an HTTP/1.1 client this is one write past ASGI and h11, which keeps no
        count in a chunked body. Otherwise it is the ordinary message.
        """
        if not self.is_chunked or self.is_answered:
            await self.send({"type": "http.response.body", "body": data, "more_body": True})
        elif data:  # an empty chunk would be the end
            await self._line.write(b"%x\r\n%b\r\n" % (len(data), data))

    def abort(self) -> None:
        """End the answer so that the client sees a cut, not an end.

        What was sent before still goes out. Whatever is sent from now on is dropped.
        """
        if not self.is_answered and not self.is_cut:
            self.is_cut = True
            self.is_chunked = False
            self._line.cut(self)

    async def send(self, message: Message) -> None:
        """Pass a message of the app on: its ``send``."""
        if self._goodbye is not None or self.is_cut:
            # Nothing may wait any more: an app that loops must let the others run.
            await trio.lowlevel.checkpoint()
            if self.is_cut:
                return
        kind = message["type"]
        if kind == "http.response.start":
            await self._start(message)
            return
        if kind in _ENDINGS and not message.get("more_body", False):
            self.is_answered = True
            try:
                await self._tell(message)
            except Exception:
                # Less than was promised, for instance: this is no answer.
                self.is_answered = False
                raise
        else:
            await self._tell(message)
        await self._line.flush()

    async def _start(self, message: Message) -> None:
        headers = list(message.get("headers", ()))
        names = {bytes(name).lower() for name, _ in headers}
        is_http1 = self._version in _HTTP1
        if is_http1 and (self._line.is_leaving or not self.has_whole_request):
            # The rest of a body that the app does not want is not waited for.
            headers.append((b"connection", b"close"))
        await self._tell(message | {"headers": headers})
        self.has_begun = True
        sized = b"content-length" in names and b"transfer-encoding" not in names
        has_body = self._method != "HEAD" and message["status"] not in BODILESS
        self.is_chunked = has_body and not sized and self._version == "1.1"
        self.is_delimited = sized or self.is_chunked or not is_http1
        # A head that announces its body's length leaves together with the body.
        if not sized:
            await self._line.flush()

    async def receive(self) -> Message:
        """Wait for the next message of the request: the app's ``receive``."""
        while not self._inbox:
            if self._goodbye is not None:
                await trio.lowlevel.checkpoint()
                return self._goodbye
            self._news = trio.Event()
            await self._news.wait()
        message = self._inbox.popleft()
        self._held -= _cost(message)
        if self._room is not None and self._held <= INBOX_SIZE:
            self._room.set()
        return message

    # What the connection calls.

    @property
    def is_gone(self) -> bool:
        """Whether the client went away before it was answered."""
        return self._goodbye is not None and not self.is_answered and not self.is_cut

    async def put(self, message: Message) -> None:
        """Take a message in; wait while the app has enough to read."""
        if message["type"] in _GOODBYES:
            self.dismiss(message)
            return
        if not message.get("more_body", True):
            self.has_whole_request = True
        if self._goodbye is not None:
            return
        self._inbox.append(message)
        self._held += _cost(message)
        if self._news is not None:
            self._news.set()
        while self._held > INBOX_SIZE and self._goodbye is None:
            self._room = trio.Event()
            await self._room.wait()

    def dismiss(self, goodbye: Message) -> None:
        """Take nothing more in: the client is gone, is answered, or the app has ended."""
        if self._goodbye is None:
            self._goodbye = goodbye
            for event in (self._news, self._room):
                if event is not None:
                    event.set()
            if self.is_gone:
                for scope in self._to_cancel:
                    scope.cancel()

    def release(self) -> None:
        """Let go of everything: the app has ended.

        Without this, every request would leave a circle of objects to the garbage
        collector, with what its client sent and the app did not read.
        """
        self.dismiss({"type": "http.disconnect"})
        self._inbox.clear()
        self._to_cancel.clear()
        self._tell = _tell_nobody


async def _tell_nobody(_: Message) -> None:
    await trio.lowlevel.checkpoint()


_HTTP1 = ("1.1", "1.0")
_ENDINGS = frozenset({"http.response.body", "websocket.http.response.body", "websocket.close"})


def _cost(message: Message) -> int:
    body: Any = message.get("body") or message.get("bytes") or message.get("text") or b""
    return MESSAGE_COST + len(body)
