"""A TCP stream that tries first and waits second.

Knows sockets and Trio, no HTTP. Trio's own ``SocketStream`` passes the
scheduler on every send and looks twice on every receive; here a send that the
kernel takes at once costs one system call, and a receive waits once and reads
once. A stream owns its socket: whoever made it closes it, by `LeanStream.close`
or by the ways of every Trio stream.
"""

from __future__ import annotations

import errno
import ipaddress
import operator
import socket
from typing import TypeAlias

import trio
from attrs import define, field
from trio.abc import HalfCloseableStream

RECEIVE_BYTES = 65536
"""Bytes read at most in one go. Small pieces take as long as with 16 KiB
(measured), and large bodies a quarter of the rounds."""

TURNS_IN_A_ROW = 32
"""Operations that may succeed without waiting before the others get their turn.
A send of 64 KiB takes some 10 µs, so one stream holds nobody up for longer than
half a millisecond, while the checkpoint (3 µs) all but disappears."""

ADDRESS_KEPT_FOR = 60.0
"""Seconds for which the address that answered for a name is used without
asking again: the lifetime of short-lived DNS entries, long enough to spare a
busy upstream that does not keep connections a thread for every request."""

_LOCALHOST = ("127.0.0.1", "::1")
"""Where ``localhost`` is looked for. Model servers listen on the first unless told
otherwise; being refused there costs microseconds, asking the resolver a thread."""

_CLOSED = {errno.EBADF, errno.ENOTSOCK}
"""What the system says of a socket that was closed: POSIX and Windows."""

Connected: TypeAlias = trio.SocketStream | trio.socket.SocketType | socket.socket


class LeanStream(HalfCloseableStream):
    """A connected stream socket with as few system calls and schedulings as it takes.

    Made from a Trio stream or socket, which is emptied: closing it afterwards
    does nothing, closing this one closes the connection.

    Fairness:
      `send_all` does not let other tasks run when the kernel takes the data
      at once, nor does `receive_some` while full reads follow each other.
      After `TURNS_IN_A_ROW` such operations a checkpoint follows.

    Cancellation:
      Each operation of a cancelled task raises before it does anything. A
      `send_all` that is cancelled while it waits has sent an unknown part; a
      `receive_some` that is cancelled has received nothing.
    """

    def __init__(self, connection: Connected) -> None:
        self._socket = _own_socket(connection)
        self._socket.settimeout(0)
        if self._socket.family in (socket.AF_INET, socket.AF_INET6):
            # Each piece of a stream is a token somebody waits for.
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sending = False
        self._sent_eof = False
        self._more_expected = False
        self._turns = 0

    @property
    def socket(self) -> socket.socket:
        """The socket underneath, to ask for addresses and options; not to read or write."""
        return self._socket

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send all of ``data``, at once if the kernel has room for it.

        Raises:
          trio.BrokenResourceError: the peer is gone.
          trio.ClosedResourceError: this end was closed, or `send_eof` was called.
          trio.BusyResourceError: another task is sending.
        """
        if self._sending:
            raise trio.BusyResourceError("another task is sending on this stream")
        if self._turns >= TURNS_IN_A_ROW:
            self._turns = 0
            await trio.lowlevel.checkpoint()
        else:
            await trio.lowlevel.checkpoint_if_cancelled()
        try:
            sent = self._socket.send(data)
        except BlockingIOError:
            sent = 0
        except OSError as exc:
            raise self._stream_error(exc) from exc
        if sent == len(data):
            self._turns += 1
        else:
            await self._send_rest(memoryview(data)[sent:])

    async def _send_rest(self, rest: memoryview) -> None:
        self._sending = True
        try:
            while rest:
                await trio.lowlevel.wait_writable(self._socket)
                self._turns = 0
                try:
                    rest = rest[self._socket.send(rest) :]
                except BlockingIOError:
                    continue
        except OSError as exc:
            raise self._stream_error(exc) from exc
        finally:
            self._sending = False

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until the kernel has room for some data."""
        self._check_open()
        if self._sending:
            raise trio.BusyResourceError("another task is sending on this stream")
        self._turns = 0
        self._sending = True
        try:
            await trio.lowlevel.wait_writable(self._socket)
        finally:
            self._sending = False

    async def send_eof(self) -> None:
        """Tell the peer that nothing more comes; it may still answer."""
        if self._sending:
            raise trio.BusyResourceError("another task is sending on this stream")
        self._check_open()
        await trio.lowlevel.checkpoint()
        if self._sent_eof:
            return
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError as exc:
            raise self._stream_error(exc) from exc
        self._sent_eof = True

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Wait for data and return it, ``b""`` once the peer has sent its last.

        Waits before it reads: measured, a read in vain costs 1 µs and a wait
        for what is there already 5 µs, but an answer or the next token is hardly
        ever there when it is asked for. Only after a read that filled its buffer the next one
        does not wait.

        Raises:
          trio.BrokenResourceError: the connection was reset.
          trio.ClosedResourceError: this end was closed.
          trio.BusyResourceError: another task is receiving.
        """
        size = RECEIVE_BYTES if max_bytes is None else operator.index(max_bytes)
        if size < 1:
            raise ValueError("max_bytes must be at least 1")
        self._check_open()
        waits = not self._more_expected or self._turns >= TURNS_IN_A_ROW
        if not waits:
            await trio.lowlevel.checkpoint_if_cancelled()
            self._turns += 1
        try:
            while True:
                if waits:
                    await trio.lowlevel.wait_readable(self._socket)
                    self._turns = 0
                try:
                    data = self._socket.recv(size)
                    break
                except BlockingIOError:
                    waits = True
        except OSError as exc:
            raise self._stream_error(exc) from exc
        self._more_expected = len(data) == size
        return data

    def has_news(self) -> bool:
        """Say whether something can be read: data, the end, or an error."""
        try:
            self._socket.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError:
            return True
        return True

    def close(self) -> None:
        """Close at once, without waiting; tasks inside an operation are told."""
        if self._socket.fileno() >= 0:
            trio.lowlevel.notify_closing(self._socket)
            self._socket.close()

    async def aclose(self) -> None:
        """Close; closes also when cancelled."""
        self.close()
        await trio.lowlevel.checkpoint()

    def _check_open(self) -> None:
        if self._socket.fileno() < 0:
            raise trio.ClosedResourceError("this stream was closed")

    def _stream_error(self, exc: OSError) -> Exception:
        if exc.errno in _CLOSED or (self._sent_eof and exc.errno == errno.EPIPE):
            return trio.ClosedResourceError("this stream was closed")
        return trio.BrokenResourceError(f"the connection broke: {exc}")


def _own_socket(connection: Connected) -> socket.socket:
    """Take the standard library's socket out of what holds it."""
    if isinstance(connection, socket.socket):
        return connection
    held = connection.socket if isinstance(connection, trio.SocketStream) else connection
    # The family and type are handed over: to look them up costs system calls.
    family, kind, proto = held.family, held.type, held.proto
    return socket.socket(family, kind, proto, fileno=held.detach())


@define
class AddressBook:
    """Which address answered for a name, so that it is tried first the next time."""

    _known: dict[tuple[str, int], tuple[str, float]] = field(
        factory=dict[tuple[str, int], tuple[str, float]], init=False
    )

    def look_up(self, host: str, port: int) -> str | None:
        """Return the numeric address that worked lately."""
        address, until = self._known.get((host, port), ("", 0.0))
        return address if trio.current_time() < until else None

    def note(self, host: str, port: int, address: str) -> None:
        """Remember that ``address`` answered."""
        self._known[host, port] = (address, trio.current_time() + ADDRESS_KEPT_FOR)

    def forget(self, host: str, port: int) -> None:
        """Ask for the address again the next time."""
        self._known.pop((host, port), None)


async def open_lean_stream(host: str, port: int, book: AddressBook | None = None) -> LeanStream:
    """Connect to ``host``, a name or a numeric address.

    A numeric address and ``localhost`` are dialled directly. For other names
    the resolver is asked, in a thread, unless ``book`` knows the answer; what
    worked is noted there.

    Cancellation:
      Nothing stays open.

    Raises:
      OSError: nobody listens, or the name means nothing.
    """
    if _is_numeric(host):
        return await _dial(host, port)
    book = AddressBook() if book is None else book
    known = book.look_up(host, port)
    if known is not None:
        try:
            return await _dial(known, port)
        except OSError:
            book.forget(host, port)
    stream = await (_dial_localhost(port) if host == "localhost" else _dial_name(host, port))
    book.note(host, port, stream.socket.getpeername()[0])
    return stream


def _is_numeric(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    # An address with a scope ("fe80::1%eth0") is the resolver's business.
    return address.version == 4 or address.scope_id is None  # noqa: PLR2004 - IPv4


async def _dial_localhost(port: int) -> LeanStream:
    first, second = _LOCALHOST
    try:
        return await _dial(first, port)
    except OSError as exc:
        refused = exc
    try:
        return await _dial(second, port)
    except OSError:
        # Not the second one's: without IPv6 it says nothing about the server.
        raise refused from None


async def _dial_name(host: str, port: int) -> LeanStream:
    return LeanStream(await trio.open_tcp_stream(host, port))


async def _dial(address: str, port: int) -> LeanStream:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    connection = trio.socket.socket(family, socket.SOCK_STREAM)
    try:
        await connection.connect((address, port))
    except BaseException:
        connection.close()
        raise
    return LeanStream(connection)
