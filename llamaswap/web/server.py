"""Listening: opens sockets, accepts connections, and leaves in order.

What happens on a connection is `connection`'s matter. On leaving, nobody new is
accepted and who rests is sent away at once; who is being answered is the only
one waited for.
"""

from __future__ import annotations

import errno
import logging
import os
import socket
import ssl
from collections.abc import Sequence
from functools import partial
from typing import TypeAlias, cast

import trio

from llamaswap.errors import ListenError
from llamaswap.web.circumstances import Circumstances
from llamaswap.web.connection import ASGIApp, Connection
from llamaswap.web.protocols import Address

logger: logging.Logger = logging.getLogger("llamaswap.web")

AnyListener: TypeAlias = trio.abc.Listener[trio.abc.Stream]
_Tls: TypeAlias = trio.SSLStream[trio.abc.Stream]
_TlsListener: TypeAlias = trio.SSLListener[trio.abc.Stream]

HANDSHAKE_LIMIT = 10.0
"""Seconds for a TLS handshake: two round trips, on the worst of networks."""

SAME_PORT_TRIES = 10
"""How often to look for a port that is free in both families; the first is all but sure."""

WILDCARDS = ("0.0.0.0", "::")

PLAIN_ON_TLS = (
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n"
    b"Connection: close\r\n\r\nThis port speaks HTTPS; use https:// in the address.\n"
)


async def serve(
    app: ASGIApp,
    listeners: Sequence[AnyListener],
    leaving: trio.Event,
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve ``app`` to whoever connects, until ``leaving`` is set and all are answered.

    Reports ready when connections are accepted.

    Leaving:
      The listeners and the idle connections are closed at once. An answer under
      way is finished, says ``Connection: close`` if it can still say so, and is
      its connection's last. How long that may take is the caller's to limit.

    Cancellation:
      Everything is closed, and the app's tasks are cancelled.
    """
    house = _House(app)
    async with trio.open_nursery() as connections:
        async with trio.open_nursery() as accepting:
            accept = partial(
                trio.serve_listeners,
                house.welcome,
                list(listeners),
                handler_nursery=connections,
            )
            await accepting.start(accept)
            task_status.started()
            await leaving.wait()
            accepting.cancel_scope.cancel()
        house.leave()


class _House:
    """The connections that are open."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._circumstances = Circumstances()
        self._open: set[Connection] = set()
        self._handshakes: set[trio.CancelScope] = set()

    def leave(self) -> None:
        """Send away who rests, and tell the others that this answer is the last."""
        self._circumstances.leave()
        for handshake in self._handshakes:
            handshake.cancel()
        for connection in self._open:
            connection.leave()

    async def welcome(self, stream: trio.abc.Stream) -> None:
        """Serve one connection; nothing that goes wrong here reaches another."""
        try:
            connection = await self._meet(stream)
            if connection is None or self._circumstances.is_leaving:
                return
            self._open.add(connection)
            try:
                await connection.run(stream)
            finally:
                self._open.discard(connection)
        except (OSError, trio.BrokenResourceError):
            # The client was gone before we could shake hands or ask for its address.
            logger.debug("a connection ended as it began", exc_info=True)
        except Exception:
            logger.exception("a connection broke down")

    async def _meet(self, stream: trio.abc.Stream) -> Connection | None:
        transport, alpn, is_tls = stream, None, False
        if isinstance(stream, trio.SSLStream):
            tls = cast("_Tls", stream)
            if not await self._shake_hands(tls):
                return None
            transport, alpn, is_tls = tls.transport_stream, tls.selected_alpn_protocol(), True
        return Connection(
            self._app,
            self._circumstances,
            alpn=alpn,
            is_tls=is_tls,
            client=_address(transport, "getpeername"),
            server=_address(transport, "getsockname"),
        )

    async def _shake_hands(self, stream: _Tls) -> bool:
        """Return whether there is somebody to talk to; nobody is once we leave."""
        with trio.move_on_after(HANDSHAKE_LIMIT) as patience:
            self._handshakes.add(patience)
            try:
                await stream.do_handshake()
            except trio.BrokenResourceError as exc:
                cause = exc.__cause__
                if isinstance(cause, ssl.SSLError) and cause.reason == "HTTP_REQUEST":
                    await stream.transport_stream.send_all(PLAIN_ON_TLS)
            else:
                return True
            finally:
                self._handshakes.discard(patience)
        return False


def _address(stream: object, way: str) -> Address | None:
    """Return host and port of one end, if it has some."""
    if not isinstance(stream, trio.SocketStream):
        return None
    name = getattr(stream.socket, way)()
    return (name[0], name[1])


async def open_listeners(addresses: Sequence[str]) -> list[trio.SocketListener]:
    """Open a socket for each address, and for each of its families.

    Args:
      addresses: ``host:port``; ``:port`` means all interfaces, ``[::1]:port`` is
        how IPv6 is written, and port 0 picks a free one.

    Raises:
      ListenError: one of them cannot be opened; those before it are closed again.
    """
    listeners: list[trio.SocketListener] = []
    try:
        for address in addresses:
            listeners += await _open(address)
    except BaseException:
        _close(listeners)
        raise
    return listeners


def _close(listeners: Sequence[trio.SocketListener]) -> None:
    for listener in listeners:
        listener.socket.close()


async def _open(address: str) -> list[trio.SocketListener]:
    host, port = split_address(address)
    try:
        if not host:
            return await _open_everywhere(port)
        return await trio.open_tcp_listeners(port, host=host)
    except OSError as exc:
        raise ListenError(f"cannot listen on {address}: {_advice(exc, host, port)}") from exc


def split_address(address: str) -> tuple[str, int]:
    """Return host and port of an address to listen on; an empty host means all interfaces.

    Raises:
      ListenError: it can never be one.
    """
    host, colon, port = address.rpartition(":")
    is_bracketed = host.startswith("[") and host.endswith("]")
    is_number = port.isascii() and port.isdigit() and int(port) <= 65535  # noqa: PLR2004 - 16 bits
    if not colon or not is_number or (":" in host and not is_bracketed):
        raise ListenError(
            f"cannot listen on {address!r}: expected host:port, "
            "like 127.0.0.1:8080, [::1]:8080, or :8080 for all interfaces"
        )
    return (host[1:-1] if is_bracketed else host), int(port)


async def _open_everywhere(port: int) -> list[trio.SocketListener]:
    """Listen on all interfaces, in both families by one port."""
    for _ in range(SAME_PORT_TRIES - 1):
        try:
            return await _open_both(port)
        except OSError as exc:
            # The free port of one family may be taken in the other.
            if port or exc.errno != errno.EADDRINUSE:
                raise
    return await _open_both(port)


async def _open_both(port: int) -> list[trio.SocketListener]:
    four, six = WILDCARDS
    listeners = await trio.open_tcp_listeners(port, host=four)
    port = listeners[0].socket.getsockname()[1]
    try:
        listeners += await trio.open_tcp_listeners(port, host=six)
    except OSError as exc:
        if exc.errno not in _NO_SUCH_FAMILY and not isinstance(exc, socket.gaierror):
            _close(listeners)
            raise
    except BaseException:
        _close(listeners)
        raise
    return listeners


_NO_SUCH_FAMILY = {errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL}
"""What a system without IPv6 says."""


def _advice(exc: OSError, host: str, port: int) -> str:
    """Say what is wrong, and what to do about it."""
    if isinstance(exc, socket.gaierror):
        return (
            f"the name {host} is not known here; "
            f"try 127.0.0.1:{port}, or :{port} for all interfaces"
        )
    if exc.errno == errno.EADDRINUSE:
        return f"another program uses port {port}; stop it, or listen on another port"
    if exc.errno == errno.EADDRNOTAVAIL:
        return (
            f"{host} is not an address of this machine; "
            f"try 127.0.0.1:{port}, or :{port} for all interfaces"
        )
    if exc.errno == errno.EACCES:
        return f"port {port} needs special rights; try one above 1023"
    return os.strerror(exc.errno) if exc.errno else str(exc)


def urls_of(listeners: Sequence[AnyListener]) -> tuple[str, ...]:
    """Return where to reach ``listeners``, each place once; all interfaces are ``localhost``."""
    urls: dict[str, None] = {}
    for listener in listeners:
        scheme, inner = "http", listener
        if isinstance(listener, trio.SSLListener):
            scheme, inner = "https", cast("_TlsListener", listener).transport_listener
        if isinstance(inner, trio.SocketListener):
            host, port = inner.socket.getsockname()[:2]
            if host in WILDCARDS:
                host = "localhost"
            place = f"[{host}]" if ":" in host else host
            urls[f"{scheme}://{place}:{port}"] = None
    return tuple(urls)
