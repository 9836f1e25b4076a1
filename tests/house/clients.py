"""A client that sees what is on the wire: pieces as they come, cuts as cuts."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import asynccontextmanager, suppress
from typing import Any

from attrs import define, field, frozen

from llamaswap.errors import UpstreamError
from llamaswap.policy.messages import Target
from llamaswap.policy.rules import ModelId
from llamaswap.relay.client import Exchange, Pool, RequestHead

JSON = (("content-type", "application/json"),)


@frozen
class Reply:
    """A complete answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        """The body, which is JSON."""
        return json.loads(self.body)

    @property
    def error(self) -> dict[str, Any]:
        """The error that the body is."""
        error: dict[str, Any] = self.document["error"]
        return error

    @property
    def pid(self) -> int:
        """The process that answered."""
        return int(self.headers["x-fake-pid"])


@define(eq=False)
class Stream:
    """An answer that is being read."""

    _exchange: Exchange
    _rest: bytes = field(default=b"", init=False)

    @property
    def status(self) -> int:
        """The status of the answer."""
        return self._exchange.head.status

    @property
    def headers(self) -> dict[str, str]:
        """The headers, names in lower case."""
        return {name.decode(): value.decode() for name, value in self._exchange.head.headers}

    @property
    def pid(self) -> int:
        """The process that answers."""
        return int(self.headers["x-fake-pid"])

    async def event(self) -> str:
        """Return the next server-sent event, and not a byte more; empty at the end."""
        # Empty lines before an event belong to none.
        while b"\n\n" not in self._rest.lstrip(b"\n"):
            piece = await self._exchange.next_chunk()
            if not piece:
                return ""
            self._rest += piece
        event, _, self._rest = self._rest.lstrip(b"\n").partition(b"\n\n")
        return event.decode()

    async def word(self) -> str:
        """Return the next token of a streamed chat."""
        document = json.loads((await self.event()).removeprefix("data: "))
        word: str = document["choices"][0]["delta"].get("content", "")
        return word

    async def until(self, end: bytes) -> bytes:
        """Read until ``end`` has come, or the end of the answer."""
        data = self._rest
        while end not in data and (piece := await self._exchange.next_chunk()):
            data += piece
        self._rest = b""
        return data

    async def rest(self) -> bytes:
        """Read to the end."""
        data = self._rest
        while piece := await self._exchange.next_chunk():
            data += piece
        self._rest = b""
        return data


@frozen
class Client:
    """Asks one server."""

    url: str
    _pool: Pool

    @asynccontextmanager
    async def open(
        self,
        method: str,
        path: str,
        body: bytes | AsyncIterable[bytes] = b"",
        headers: tuple[tuple[str, str], ...] = (),
    ) -> AsyncGenerator[Stream, None]:
        """Ask, and read the answer in the block; who leaves early hangs up."""
        fields = tuple((name.encode(), value.encode()) for name, value in headers)
        head = RequestHead(method.encode(), path.encode(), fields)
        target = Target(ModelId("house"), self.url)
        async with self._pool.exchange(target, head, body) as exchange:
            yield Stream(exchange)

    async def send(
        self,
        method: str,
        path: str,
        body: bytes | AsyncIterable[bytes] = b"",
        headers: tuple[tuple[str, str], ...] = (),
    ) -> Reply:
        """Ask and read the whole answer."""
        async with self.open(method, path, body, headers) as stream:
            return Reply(stream.status, stream.headers, await stream.rest())

    async def get(self, path: str) -> Reply:
        """Ask with GET."""
        return await self.send("GET", path)

    async def chat(self, model: str) -> Reply:
        """Ask for a chat in one piece."""
        return await self.send("POST", "/v1/chat/completions", chat_body(model), JSON)

    @asynccontextmanager
    async def streaming(
        self, model: str, path: str = "/v1/chat/completions"
    ) -> AsyncGenerator[Stream, None]:
        """Ask for a chat word by word."""
        async with self.open("POST", path, chat_body(model, stream=True), JSON) as stream:
            yield stream

    async def release(self, count: int = 1) -> None:
        """Let the fake model server go on, once it holds so many requests."""
        while (await self.get("/held")).document["held"] < count:
            pass
        # Whoever goes on may be the last one, and the server evicted for the next.
        with suppress(UpstreamError):
            await self.get("/release")


def chat_body(model: str, *, stream: bool = False) -> bytes:
    """Return what a client of the chat API sends."""
    messages = [{"role": "user", "content": "hi"}]
    return json.dumps({"model": model, "messages": messages, "stream": stream}).encode()
