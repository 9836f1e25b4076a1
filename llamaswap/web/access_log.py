"""The access log: one line per request, in the form that dashboards know.

What a client chose is escaped, so that nobody can forge a line.
"""

from __future__ import annotations

import logging

from llamaswap.web.asgi import Answer, Request

logger: logging.Logger = logging.getLogger("llamaswap.web")

LONGEST_TEXT = 1024
"""Characters of one thing that a client chose. A head may have a megabyte, and lines
are counted where they wait for a slow reader, not weighed."""

UNLOGGED = ("/wol-health", "/api/performance", "/metrics")
"""Beginnings of paths that machines ask for every few seconds."""


def log_access(request: Request, answer: Answer, seconds: float) -> None:
    """Write the line of one request; status 0 is an answer that was never begun."""
    if request.path.startswith(UNLOGGED):
        return
    logger.info(
        'Request %s "%s %s HTTP/%s" %d %d "%s" %s',
        _client_address(request),
        printable(request.method),
        printable(request.path),
        request.http_version,
        answer.status,
        answer.sent,
        printable(request.header(b"user-agent")),
        f"{seconds * 1000:.1f}ms" if seconds < 1 else f"{seconds:.3f}s",
    )


def _client_address(request: Request) -> str:
    """Return who asks, as proxies in front of us tell it."""
    forwarded = request.header(b"x-forwarded-for").partition(",")[0].strip()
    return printable(forwarded or request.header(b"x-real-ip")) or request.client or "-"


def printable(text: str) -> str:
    """Return ``text`` with everything escaped that could forge a line, or a part of one.

    Of a long text only the beginning is shown.
    """
    if len(text) > LONGEST_TEXT:
        text = text[:LONGEST_TEXT] + "..."
    if text.isprintable() and '"' not in text:
        return text
    return text.encode("unicode_escape").decode("ascii").replace('"', r"\"")
