"""Tells whether a port is free before a model server is started on it.

Otherwise a stranger that already listens there would pass the health check in
its place and be sent its requests. Only loopback addresses are looked at: what
listens on another machine is no business of ours.
"""

from __future__ import annotations

import errno
import ipaddress
import socket
import sys
from typing import TypeAlias

import psutil
import trio

from llamaswap.errors import StartError

Place: TypeAlias = tuple[socket.AddressFamily, str]

_BOTH: tuple[Place, ...] = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))


async def ensure_free(address: tuple[str, int]) -> None:
    """Return if a server could listen on ``address``, a host and a port.

    Raises:
      StartError: somebody listens there; it names who, where the system tells.
    """
    host, port = address
    for family, ip in addresses_of(host, sys.platform):
        if _is_taken(family, ip, port):
            owner = await trio.to_thread.run_sync(find_listener, port)
            raise StartError(f"port {port} on {host} is taken by {owner or 'another program'}")


def addresses_of(host: str, platform: str) -> tuple[Place, ...]:
    """Return the addresses to look at; none where ``host`` is not loopback.

    ``localhost`` means both families: a server may listen on either, and a
    client may try either first.
    """
    if host.lower() == "localhost":
        found = _BOTH
    else:
        try:
            ip = ipaddress.ip_address(host.strip("[]"))
        except ValueError:
            return ()
        if not ip.is_loopback:
            return ()
        family = socket.AF_INET if ip.version == 4 else socket.AF_INET6  # noqa: PLR2004 - IPv4
        found = ((family, str(ip)),)
    if platform == "darwin":
        # BSD lets a specific address be bound beside a listener on all of them.
        wild = {socket.AF_INET: "0.0.0.0", socket.AF_INET6: "::"}
        return found + tuple((family, wild[family]) for family, _ in found)
    return found


def _is_taken(family: socket.AddressFamily, ip: str, port: int) -> bool:
    """Try to bind as a server would."""
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            if sys.platform == "win32":
                # There SO_REUSEADDR would steal the port from its listener.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
            else:
                # What rests in TIME_WAIT does not count: servers bind beside it.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    # ``::`` and 127.0.0.1 are asked for one by one.
                    probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            probe.bind((ip, port))
    except OSError as exc:
        # Anything else (no IPv6 here, a port that needs rights) is for the
        # server to meet and to put in its own words.
        return exc.errno == errno.EADDRINUSE
    return False


def find_listener(port: int) -> str | None:
    """Say who listens on ``port``, like ``llama-server (pid 4711)``.

    It reads the descriptors of every process, which takes 20 ms and more: call
    it in a thread.
    """
    try:
        for connection in psutil.net_connections(kind="tcp"):
            local, pid = connection.laddr, connection.pid
            if connection.status == psutil.CONN_LISTEN and local and local.port == port and pid:
                return f"{psutil.Process(pid).name()} (pid {pid})"
    except psutil.Error:
        # macOS tells root only; elsewhere the listener may just have ended.
        return None
    return None
