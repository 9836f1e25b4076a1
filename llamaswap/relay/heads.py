"""Where requests go and how their heads are written: pure.

The address of an upstream taken apart, and the strict writer of a request head.
Nothing that a client sent can add a line to what is written here
(`request_bytes` checks the text it has made, not each part).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from string import punctuation
from typing import TypeAlias
from urllib.parse import quote, urlsplit

from attrs import field, frozen

from llamaswap.errors import RequestError, UpstreamError
from llamaswap.policy.messages import Target

Headers: TypeAlias = Sequence[tuple[bytes, bytes]]
"""Names and values in the order of the wire."""

_DEFAULT_PORTS = {"http": 80, "https": 443}

# What h11 lets pass for a request, in one look at the finished text: tokens for
# names, no NUL, no kind of line break inside a value.
_REQUEST_LINE = re.compile(rb"[-!#$%&'*+.^_`|~0-9A-Za-z]+ [\x21-\x7e]+ HTTP/1\.1\r\n")
_FIELDS = re.compile(rb"(?:[-!#$%&'*+.^_`|~0-9A-Za-z]+: [^\x00\r\n\v\f]*\r\n)*")

# What RFC 3986 lets stand in a path, and what is encoded already. The query keeps
# whatever does not end the request line.
_PATH_SAFE = "/!$&'()*+,;=:@[]%"
_QUERY_SAFE = punctuation

_FRAMING = {b"content-length", b"transfer-encoding"}
_SILENT = {b"GET", b"HEAD", b"DELETE", b"OPTIONS", b"TRACE"}
"""Methods whose requests say nothing about a body they do not have."""


@frozen
class Route:
    """A `Target`'s address taken apart."""

    secure: bool
    host: str
    port: int
    authority: bytes
    """What a ``Host`` header says."""

    path: bytes
    """Percent-encoded where it has to be."""

    query: bytes
    origin: str = field(init=False)
    """What exchanges must agree in to share connections: scheme, host and port."""

    def __attrs_post_init__(self) -> None:
        scheme = "https" if self.secure else "http"
        object.__setattr__(self, "origin", f"{scheme}://{self.host}:{self.port}")

    def join(self, target: bytes) -> bytes:
        """Put the base path and query before those of a request."""
        if not self.path and not self.query and target.startswith(b"/"):
            return target
        path, mark, query = target.partition(b"?")
        path = self.path.removesuffix(b"/") + b"/" + path.removeprefix(b"/")
        if self.query:
            query = self.query + b"&" + query if query else self.query
            mark = b"?"
        return path + mark + query


def route_of(target: Target) -> Route:
    """Take the address of ``target`` apart.

    Raises:
      UpstreamError: it is no address of an HTTP server.
    """
    try:
        return _route(target.url)
    except ValueError as exc:
        raise UpstreamError(
            f"the address {target.url!r} of {target.model} cannot be used: {exc}"
        ) from exc


# Kept for as many addresses as a large installation has models and peers.
@lru_cache(maxsize=1024)
def _route(url: str) -> Route:
    parts = urlsplit(url)
    if parts.scheme not in _DEFAULT_PORTS:
        raise ValueError("it must begin with http:// or https://")
    if not parts.hostname:
        raise ValueError("it names no host")
    if parts.port == 0:
        raise ValueError("nothing can listen on port 0")
    host, authority = parts.hostname, parts.netloc.rpartition("@")[2]
    if not authority.isascii():
        host = _domain(host)
        authority = host if parts.port is None else f"{host}:{parts.port}"
    return Route(
        secure=parts.scheme == "https",
        host=host,
        port=parts.port or _DEFAULT_PORTS[parts.scheme],
        authority=authority.encode("ascii"),
        path=quote(parts.path, _PATH_SAFE).encode("ascii"),
        query=quote(parts.query, _QUERY_SAFE).encode("ascii"),
    )


def _domain(host: str) -> str:
    """Return the domain name that is written in letters beyond ASCII."""
    try:
        return host.encode("idna").decode("ascii")
    except UnicodeError as exc:
        raise ValueError("its host has letters that no domain name can have") from exc


def request_bytes(
    method: bytes, target: bytes, headers: Headers, route: Route, length: int | None
) -> bytes:
    """Write a request head for ``route``; ``length`` is ``None`` for a chunked body.

    Raises:
      RequestError: the head cannot be sent: a name, a value, the method or
        the target holds bytes that HTTP forbids, or there are two hosts.
    """
    fields = [(name.lower(), value) for name, value in headers]
    fields = [field for field in fields if field[0] not in _FRAMING]
    hosts = [name for name, _ in fields].count(b"host")
    if hosts > 1:
        raise RequestError("the request has more than one Host header")
    if not hosts:
        fields.insert(0, (b"host", route.authority))
    if length is None:
        fields.append((b"transfer-encoding", b"chunked"))
    elif length or method not in _SILENT:
        fields.append((b"content-length", b"%d" % length))
    line = b"%b %b HTTP/1.1\r\n" % (method, route.join(target))
    lines = b"".join([b"%b: %b\r\n" % field for field in fields])
    if not _REQUEST_LINE.fullmatch(line):
        raise RequestError("the method or the address of the request holds forbidden characters")
    # Forbidden line breaks match as lines of their own, but make one too many.
    if not _FIELDS.fullmatch(lines) or lines.count(b"\n") != len(fields):
        raise RequestError("a header of the request holds forbidden characters")
    return line + lines + b"\r\n"


def wants_close(headers: Headers) -> bool:
    """Say whether ``headers`` end the connection after this exchange."""
    for name, value in headers:
        # The length first: it spares most names being turned into lower case.
        if len(name) == len(b"connection") and name.lower() == b"connection":  # noqa: SIM102
            if b"close" in [part.strip() for part in value.lower().split(b",")]:
                return True
    return False
