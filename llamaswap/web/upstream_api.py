"""``/upstream/<model>/…``: everything a model server offers, unchanged.

The model's name is the longest run of path segments that names one; what
follows is passed on as it was written. Bodies stream through unread.
"""

from __future__ import annotations

from urllib.parse import quote

from llamaswap.errors import UnknownModelError
from llamaswap.web.asgi import Answer, Request
from llamaswap.web.front import Front
from llamaswap.web.inference import pass_on

PREFIX = "/upstream/"

HELD_BODY = 1024 * 1024
"""Bytes of a declared body up to which it is read first: such a request can be
repeated when a kept connection turns out dead, and leaves in one write."""


async def list_upstreams(_front: Front, _request: Request, answer: Answer) -> None:
    """Send whoever asks for ``/upstream`` to the list of models."""
    await answer.redirect(302, "/ui/")


async def pass_upstream(front: Front, request: Request, answer: Answer) -> None:
    """Pass any request to the model that the path names."""
    found = front.snapshot.names.split_path(request.raw_path.decode("latin1").removeprefix(PREFIX))
    if found is None:
        raise UnknownModelError("model not found")
    model, rest = found
    if not rest:
        status = 301 if request.method in {"GET", "HEAD"} else 308
        query = "?" + request.query.decode("latin1") if request.query else ""
        await answer.redirect(status, f"{PREFIX}{quote(model)}/{query}")
        return
    body = await request.body() if _is_small(request) else request.pieces()
    await pass_on(front, request, answer, model, rest.encode("latin1"), body)


def _is_small(request: Request) -> bool:
    if request.header(b"transfer-encoding"):
        return False
    length = request.header(b"content-length") or "0"
    return length.isdecimal() and int(length) <= HELD_BODY
