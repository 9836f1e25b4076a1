"""What the stories share: models that the fake server plays, and an open house."""

from __future__ import annotations

import shlex
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager

import psutil
import trio
from attrs import define
from trio.testing import wait_all_tasks_blocked

from llamaswap.config.schema import Config, ModelConfig
from llamaswap.policy.eviction import GroupRule
from llamaswap.policy.messages import ModelView
from llamaswap.policy.rules import ModelId
from llamaswap.relay.client import Pool
from llamaswap.service import SwapRouter, open_swap_router
from tests.house.clients import Client
from tests.processes import FAKE_MODEL
from tests.upstream.runs import free_port


def model(*options: str, port: int | None = None) -> ModelConfig:
    """Describe a model that the fake server plays on a port of its own."""
    port = port or free_port()
    argv = (*FAKE_MODEL, "--port", str(port), *options)
    return ModelConfig(cmd=shlex.join(argv), proxy=f"http://127.0.0.1:{port}", unload_timeout=5)


def config_of(*groups: GroupRule, **models: ModelConfig) -> Config:
    """Make a configuration; models outside of ``groups`` take turns."""
    return Config({ModelId(name): entry for name, entry in models.items()}, groups)


def group(*members: str, swap: bool, exclusive: bool = True, persistent: bool = False) -> GroupRule:
    """Make a group, named after its members."""
    return GroupRule(
        "-".join(members),
        tuple(map(ModelId, members)),
        swap=swap,
        exclusive=exclusive,
        persistent=persistent,
    )


@define(eq=False)
class House:
    """An open router, and a client of it."""

    swap: SwapRouter
    client: Client
    _pool: Pool

    @property
    def log(self) -> list[str]:
        """The lines of our own log so far."""
        return self.swap.app.front.book.combined.history.decode().splitlines()

    def logged(self, text: str) -> int:
        """Count the lines of our own log that hold ``text``."""
        return sum(text in line for line in self.log)

    async def until_logged(self, text: str, *, times: int = 1) -> None:
        """Wait until so many lines of our own log hold ``text``."""
        with self.swap.app.front.book.combined.follow() as (_, feed):
            while self.logged(text) < times:
                await feed.receive()

    async def until_printed(self, name: str, text: str) -> str:
        """Wait until the server of a model has printed ``text``; return all it has printed."""
        log = self.swap.app.front.book.of_model(name)
        with log.follow() as (_, feed):
            while text not in log.history.decode():
                await feed.receive()
        return log.history.decode()

    async def views(self) -> dict[str, tuple[str, int, int]]:
        """Return state, number of served and number of waiting requests of each model."""
        return {view.model: seen(view) for view in await self.swap.running()}

    async def until(self, name: str, state: str, serving: int = 0, waiting: int = 0) -> None:
        """Wait until a model is seen like that."""
        await until(lambda: self._is_seen(name, (state, serving, waiting)))

    async def _is_seen(self, name: str, wanted: tuple[str, int, int]) -> bool:
        return (await self.views())[name] == wanted

    def server(self, name: str) -> Client:
        """Return a client of a model's server, past the house."""
        return Client(self.swap.app.front.snapshot.config.models[ModelId(name)].proxy, self._pool)


def seen(view: ModelView) -> tuple[str, int, int]:
    """Return what a story says of a model."""
    return view.state.value, view.serving, view.waiting


async def until(fact: Callable[[], Awaitable[bool]]) -> None:
    """Wait until a fact holds; it is looked at whenever nothing else is going on."""
    while not await fact():
        await wait_all_tasks_blocked(0.005)


async def until_left_alone(pid: int) -> None:
    """Wait until a server has seen that nobody is connected to it any more."""
    server = psutil.Process(pid)

    async def is_left_alone() -> bool:
        connections = server.net_connections("tcp")
        return not any(c.status == psutil.CONN_ESTABLISHED for c in connections)

    await until(is_left_alone)


@asynccontextmanager
async def opened(
    config: Config, *, within: float = 20.0, drain: float = 5.0
) -> AsyncGenerator[House, None]:
    """Open a house that listens on a free port of loopback.

    Args:
      within: seconds for the whole story; a story that hangs fails.
    """
    with trio.fail_after(within):
        async with (
            open_swap_router(config, listen="127.0.0.1:0", drain=drain) as swap,
            aclosing(Pool()) as pool,
        ):
            yield House(swap, Client(swap.urls[0], pool), pool)
