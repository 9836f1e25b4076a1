"""Errors in the shape that their reader understands.

JSON in OpenAI's or Anthropic's form, a page, a line of text, or an event at the
end of a stream. Which error it is was decided elsewhere: its status, code and
sentence come with it.
"""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from math import ceil

from llamaswap.errors import SwapError
from llamaswap.web.asgi import HTML, JSON, TEXT, Answer, Header, Request
from llamaswap.web.cors import origin_headers

TOO_MANY_REQUESTS = 429
RETRY_LATER = frozenset({TOO_MANY_REQUESTS, 503})
"""Statuses that come with ``Retry-After``: nothing about the request is wrong."""

_TYPES: Mapping[int, tuple[str, str]] = {
    401: ("authentication_error", "authentication_error"),
    403: ("authentication_error", "permission_error"),
    404: ("invalid_request_error", "not_found_error"),
    413: ("invalid_request_error", "request_too_large"),
    429: ("rate_limit_error", "rate_limit_error"),
    503: ("server_error", "overloaded_error"),
}
"""What OpenAI and Anthropic call an error of this status."""

_PAGE = (
    "<!doctype html><html><head><title>llama-swap</title></head>"
    "<body><h1>llama-swap</h1><p>{}</p></body></html>"
)


class NoRouteError(SwapError):
    """Nothing is served under this path."""

    status_hint = 404
    code = "not_found"


class WrongMethodError(SwapError):
    """Something is served under this path, for other methods."""

    status_hint = 405
    code = "method_not_allowed"

    def __init__(self, path: str, allowed: str) -> None:
        super().__init__(f"Method Not Allowed: {path} answers {allowed}")
        self.allowed = allowed


async def refuse(answer: Answer, error: SwapError) -> None:
    """Answer with an error; no other answer may have begun."""
    kind, body = _body(answer.request, error)
    await answer.whole(error.status_hint, kind, body, _headers(answer.request, error))


def _headers(request: Request, error: SwapError) -> list[Header]:
    headers = origin_headers(request)
    if error.status_hint in RETRY_LATER:
        headers.append((b"retry-after", b"%d" % max(ceil(error.retry_after or 1), 1)))
    if isinstance(error, WrongMethodError):
        headers.append((b"allow", error.allowed.encode()))
    return headers


def _body(request: Request, error: SwapError) -> tuple[bytes, bytes]:
    """Return content type and body, as the ``Accept`` header wishes."""
    accept = request.header(b"accept")
    # A refusal for the sake of the limit is read by programs only.
    if error.status_hint != TOO_MANY_REQUESTS:
        if "text/plain" in accept:
            return TEXT, f"llama-swap: {error}".encode()
        if "text/html" in accept:
            return HTML, _PAGE.format(html.escape(str(error))).encode()
    return JSON, _document(request.path, error)


def event_of(path: str, error: SwapError) -> bytes:
    """Return a server-sent event that tells the reader of a stream what went wrong.

    It begins with the end of an event, because the stream may have been cut in
    the middle of one.
    """
    name = b"event: error\n" if _is_anthropic(path) else b""
    return b"\n\n" + name + b"data: " + _document(path, error) + b"\n\n"


def _document(path: str, error: SwapError) -> bytes:
    """Return the JSON of an error.

    ``src`` marks errors made by us; clients of the reference look for it.
    """
    openai, anthropic = _types_of(error.status_hint)
    inner: dict[str, object] = {"message": str(error), "param": None, "code": error.code}
    document: dict[str, object] = {"src": "llama-swap"}
    if _is_anthropic(path):
        document |= {"type": "error", "error": inner | {"type": anthropic}}
    else:
        document |= {"error": inner | {"type": openai}}
    return json.dumps(document).encode()


def _types_of(status: int) -> tuple[str, str]:
    if 400 <= status < 500:  # noqa: PLR2004 - the client's fault
        return _TYPES.get(status, ("invalid_request_error", "invalid_request_error"))
    return _TYPES.get(status, ("server_error", "api_error"))


def _is_anthropic(path: str) -> bool:
    return path.startswith(("/v1/messages", "/v/messages"))
