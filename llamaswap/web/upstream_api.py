"""``/upstream/<model>/…``: everything a model server offers, unchanged.

The model's name is the longest run of path segments that names one; what
follows is passed on as it was written. Bodies stream through unread.
"""

from __future__ import annotations

from urllib.parse import quote, unquote

from llamaswap.config.patterns import is_any_in
from llamaswap.errors import RequestError, UnknownModelError
from llamaswap.policy.messages import ModelState
from llamaswap.policy.rules import ModelId
from llamaswap.web.admission import known_models
from llamaswap.web.asgi import Answer, Request
from llamaswap.web.front import Front
from llamaswap.web.inference import Passed, pass_on

PREFIX = "/upstream/"

HELD_BODY = 1024 * 1024
"""Bytes of a declared body up to which it is read first: such a request can be
repeated when a kept connection turns out dead, and leaves in one write."""


class NotLoadedError(RequestError):
    """The request may only be served by a model that is ready, and it is not."""

    status_hint = 409
    code = "conflict"


async def list_upstreams(_front: Front, _request: Request, answer: Answer) -> None:
    """Send whoever asks for ``/upstream`` to the list of models."""
    await answer.redirect(302, b"/ui/")


async def add_slash(_front: Front, request: Request, answer: Answer) -> None:
    """Send a request that is no GET to ``/upstream/``, as the reference does."""
    await answer.redirect(307, request.with_query(PREFIX.encode()))


async def pass_upstream(front: Front, request: Request, answer: Answer) -> None:
    """Pass any request to the model that the path names."""
    names = front.names
    found = names.split_path(request.raw_path.decode("latin1").removeprefix(PREFIX))
    if found is None:
        raise UnknownModelError(f"model not found ({known_models(names)})")
    model, rest = found
    if not rest:
        status = 301 if request.method in {"GET", "HEAD"} else 308
        await answer.redirect(status, request.with_query(f"{PREFIX}{quote(model)}/".encode()))
        return
    await _refuse_to_load(front, model, unquote(rest.encode("latin1")))
    body = await request.body() if _is_held(request) else request.pieces()
    passed = Passed(request.with_query(rest.encode("latin1")), body)
    await pass_on(front, request, answer, model, lambda _: passed)


async def _refuse_to_load(front: Front, model: ModelId, path: str) -> None:
    """Let no picture of an old browser tab load a model, and evict the one in use.

    Raises:
      NotLoadedError: it is not ready.
    """
    if not is_any_in(front.snapshot.ignored_paths, path):
        return
    states = {view.model: view.state for view in await front.router.view()}
    if states.get(model) is not ModelState.READY:
        raise NotLoadedError(f"model {model} is not loaded; path matches upstream.ignorePaths")


def _is_held(request: Request) -> bool:
    """Tell whether the body is read before it is passed on."""
    length = request.declared_length
    if length is not None:
        return length <= HELD_BODY
    # Only HTTP/1 tells by its headers that there is no body.
    is_http1 = request.http_version in {"1.0", "1.1"}
    if is_http1 and not request.header(b"transfer-encoding"):
        return True
    return request.method in {"GET", "HEAD"}
