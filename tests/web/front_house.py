"""The application in a house that exists in mock time only.

The router is the real one; its model servers are `tests.fakes.FakeUpstreams`,
and what they answer to a request is a `Script`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, cast

import trio
from attrs import define, evolve, field, frozen

from llamaswap.broadcast import Broadcast
from llamaswap.config.schema import Config, ModelConfig
from llamaswap.config.sections import ProfileConfig, SelectorConfig, UpstreamConfig
from llamaswap.observe.logs import LogBook
from llamaswap.policy.messages import Target
from llamaswap.policy.rules import Fairness, ModelId
from llamaswap.relay.answers import AnswerHead
from llamaswap.relay.client import Exchange, Pool, RequestBody, RequestHead
from llamaswap.router import Listeners, run_router
from llamaswap.service import open_layer
from llamaswap.web.app import App
from llamaswap.web.front import Front, Snapshot
from tests.fakes import FakeUpstreams, fleet
from tests.web.asgi_calls import JSON, Call, asking, call


@frozen
class Script:
    """What a model server answers: pieces, pauses in seconds, and errors to end with."""

    steps: tuple[bytes | float | Exception, ...] = (b"{}",)
    status: int = 200
    kind: bytes = b"application/json"
    headers: tuple[tuple[bytes, bytes], ...] = ()


@frozen
class Asked:
    """What a model server was asked."""

    model: str
    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    is_chunked: bool


@define(eq=False)
class ScriptedPool(Pool):
    """Connections to model servers that follow a script."""

    script: Script = field(factory=Script)
    unreachable: Exception | None = None
    """What asking ends with, before the head of an answer."""

    thinking: float = field(default=0.0, init=False)
    """Seconds before the head of an answer."""

    asked: list[Asked] = field(factory=list[Asked], init=False)
    open: int = field(default=0, init=False)
    """Exchanges under way."""

    @asynccontextmanager
    async def exchange(
        self, target: Target, head: RequestHead, body: RequestBody = b""
    ) -> AsyncGenerator[Exchange, None]:
        is_chunked = not isinstance(body, bytes)
        whole = body if isinstance(body, bytes) else b"".join([part async for part in body])
        headers = {name.decode(): value.decode() for name, value in head.headers}
        asked = Asked(
            target.model, head.method.decode(), head.target.decode(), headers, whole, is_chunked
        )
        self.asked.append(asked)
        self.open += 1
        try:
            if self.thinking:
                await trio.sleep(self.thinking)
            if self.unreachable is not None:
                raise self.unreachable
            yield cast("Exchange", _ScriptedExchange(self.script))
        finally:
            self.open -= 1

    @property
    def last(self) -> Asked:
        return self.asked[-1]


class _ScriptedExchange:
    def __init__(self, script: Script) -> None:
        headers = [(b"content-type", script.kind), *script.headers]
        self.head = AnswerHead(script.status, b"", headers)
        self._steps = iter(script.steps)
        self.is_complete = False

    async def next_chunk(self) -> bytes:
        for step in self._steps:
            if isinstance(step, bytes):
                await trio.lowlevel.checkpoint()
                return step
            if isinstance(step, Exception):
                raise step
            await trio.sleep(step)
        self.is_complete = True
        return b""


@frozen
class House:
    """The application, and what it stands on."""

    app: App
    front: Front
    pool: ScriptedPool
    upstreams: FakeUpstreams

    async def call(
        self,
        method: str = "GET",
        target: str = "/",
        headers: Mapping[str, str] | None = None,
        body: bytes | Sequence[bytes] = b"",
        **scope: Any,
    ) -> Call:
        return await call(self.app, method, target, headers, body, **scope)

    async def infer(self, model: str = "a", **scope: Any) -> Call:
        """Ask for a completion."""
        return await self.call("POST", "/v1/completions", JSON, asking(model), **scope)

    async def in_use(self) -> int:
        """Return how many leases are out or asked for."""
        return sum(view.serving + view.waiting for view in await self.front.router.view())


@asynccontextmanager
async def open_house(
    models: Mapping[str, ModelConfig] | tuple[str, ...] = ("a",),
    *,
    script: Script | None = None,
    unreachable: Exception | None = None,
    upstreams: FakeUpstreams | None = None,
    limit: int = 10,
    swap: bool = True,
    selectors: Mapping[str, SelectorConfig] | None = None,
    profiles: Mapping[str, ProfileConfig] | None = None,
    fairness: Fairness | None = None,
    upstream: UpstreamConfig | None = None,
) -> AsyncGenerator[House, None]:
    """Open the application over a real router, whose models take a second to load.

    On the mock clock a test that waits for what never comes fails at once.
    """
    fake = FakeUpstreams() if upstreams is None else upstreams
    entries = dict.fromkeys(models, ModelConfig()) if isinstance(models, tuple) else models
    config = Config(
        models={ModelId(model): entry for model, entry in entries.items()},
        selectors=selectors or {},
        profiles=profiles or {},
        upstream=UpstreamConfig() if upstream is None else upstream,
    )
    pool = ScriptedPool(script=Script() if script is None else script, unreachable=unreachable)
    rules = fleet(*config.models, swap=swap, limit=limit)
    if fairness is not None:
        rules = evolve(rules, fairness=fairness)
    book, changes = LogBook(), Broadcast[None]()
    with trio.fail_after(3600):
        listeners = Listeners(book.hear, changed=partial(changes.tell, None))
        async with open_layer(run_router, rules, pool, listeners, fake.run, grace=60) as router:
            front = Front(Snapshot.of(config), router, pool, book, changes=changes)
            yield House(App(front), front, pool, fake)
