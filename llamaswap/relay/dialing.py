"""Connections to upstreams: opened, in time, with TLS where asked for.

Knows addresses and certificates, no HTTP. What goes wrong becomes a sentence
that names the model and the address.
"""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import trio
from attrs import define, field

from llamaswap.errors import UpstreamError
from llamaswap.policy.messages import Target
from llamaswap.relay.heads import Route
from llamaswap.relay.sockets import AddressBook, LeanStream, open_lean_stream

CONNECT_WITHIN = 30.0
"""Seconds for a connection to stand, TLS included (the reference's default)."""

Dial: TypeAlias = Callable[[str, int], Awaitable[LeanStream]]
"""Opens a connection to a host and port, or raises `OSError`."""


def sentence(target: Target, what: str) -> str:
    """Say what happened to whom."""
    return f"the server of {target.model} at {target.url} {what}"


@define(eq=False)
class Connection:
    """A connection that no task, or exactly one, uses."""

    stream: trio.abc.Stream
    wire: LeanStream
    """``stream``, or what is below its TLS."""

    idle_since: float = field(default=0.0, init=False)
    reused: bool = field(default=False, init=False)

    def close(self) -> None:
        """Close at once, without waiting."""
        self.wire.close()


@define(eq=False)
class Dialer:
    """Opens connections; remembers addresses and certificates."""

    _dial: Dial | None = None
    """Tests hand in connections of their own."""

    _book: AddressBook = field(factory=AddressBook, init=False)
    _tls: ssl.SSLContext | None = field(default=None, init=False)

    async def connect(self, target: Target, route: Route) -> Connection:
        """Open a connection for ``target``, whose address is ``route``.

        Cancellation:
          Nothing stays open.

        Raises:
          UpstreamError: it cannot be had, or not in time.
        """
        try:
            with trio.fail_after(CONNECT_WITHIN):
                return await self._dial_route(route)
        except trio.TooSlowError as exc:
            said = f"took no connection within {CONNECT_WITHIN:.0f} s"
            raise UpstreamError(sentence(target, said)) from exc
        except ConnectionRefusedError as exc:
            raise UpstreamError(sentence(target, "refused the connection")) from exc
        except (OSError, trio.BrokenResourceError) as exc:
            raise UpstreamError(sentence(target, f"cannot be reached: {exc}")) from exc

    async def _dial_route(self, route: Route) -> Connection:
        if self._dial is None:
            wire = await open_lean_stream(route.host, route.port, self._book)
        else:
            wire = await self._dial(route.host, route.port)
        if not route.secure:
            return Connection(wire, wire)
        try:
            return Connection(await self._secured(wire, route.host), wire)
        except BaseException:
            wire.close()
            raise

    async def _secured(self, wire: LeanStream, host: str) -> trio.SSLStream[LeanStream]:
        if self._tls is None:
            # Reads the system's certificates: some 25 ms, once, if anybody asks for TLS.
            self._tls = ssl.create_default_context()
        stream = trio.SSLStream(wire, self._tls, server_hostname=host, https_compatible=True)
        await stream.do_handshake()
        return stream
