"""Which model a request means.

Finds the name in body, form or query and resolves it. Whatever is wrong with a
request is said here, before anything is loaded for it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial

import trio
from attrs import frozen

from llamaswap.errors import RequestError, UnknownModelError
from llamaswap.policy.naming import Names
from llamaswap.policy.rewrites import read_ask, with_model
from llamaswap.policy.rules import ModelId
from llamaswap.web.asgi import Request, form_value
from llamaswap.web.forms import FormError, find_fields, is_multipart, with_fields

NAMES_SHOWN = 8
"""Names listed in an error: enough to see a slip, short enough for one line."""

LONGEST_NAME = 200
"""Characters of a name that are repeated in an error; the body may be nothing but a name."""

EXPLAINED_BODY = 65536
"""Bytes of a broken body that are parsed to say what is wrong with it: some
milliseconds of everybody's time."""

READ_AT_ONCE = 65536
"""Bytes of a body that are searched for the name without a thread. The most tiresome
bodies (nothing but empty strings) take 0.25 µs a byte: 16 ms of everybody's time at
this size, and a minute at the largest. A thread costs 0.1 ms."""

_readers = trio.CapacityLimiter(4)
"""Enough that one tiresome body does not hold up the others; more would take turns
with the event loop, 5 ms each, without being any faster."""

_BODILESS = frozenset({"GET", "HEAD"})
"""Methods that name the model in the query."""


class UnnamedModelError(RequestError):
    """A request names no model, or cannot be read so far.

    404 as in the reference, not 400: clients look for that and for its sentence.
    """

    status_hint = 404
    code = "not_found"


@frozen
class Admitted:
    """A request whose model is known."""

    model: ModelId
    body: bytes
    rename: Callable[[str], bytes]
    """Returns the body with another model in it."""


@frozen
class _Named:
    """The name that a request uses, and how to use another one."""

    name: str
    rename: Callable[[str], bytes]


async def admit(request: Request, names: Names) -> Admitted:
    """Read the request and resolve the model that it names.

    Raises:
      UnnamedModelError: it names none, or cannot be read so far.
      UnknownModelError: nobody here serves that name.
      BodyTooLargeError: it is more than we hold.
      ClientGoneError: the client left before its end.
    """
    body = await request.body()
    if len(body) <= READ_AT_ONCE:
        named = _name_in(request, body)
    else:
        named = await trio.to_thread.run_sync(_name_in, request, body, limiter=_readers)
    if not named.name:
        reason = _why_unnamed(request, body)
        raise UnnamedModelError(f"no model id could be identified: {reason}")
    return Admitted(resolve(names, named.name), body, named.rename)


def _name_in(request: Request, body: bytes) -> _Named:
    if request.method in _BODILESS:
        return _Named(request.parameter("model") or "", lambda _: body)
    kind = request.header(b"content-type")
    if _is_json(kind, body):
        ask = read_ask(body)
        return _Named(ask.model, partial(with_model, body, ask))
    if is_multipart(kind):
        return _name_in_form(request, kind, body)
    name = form_value(body, "model") if "urlencoded" in kind.lower() else None
    return _Named((request.parameter("model") if name is None else name) or "", lambda _: body)


def _name_in_form(request: Request, kind: str, body: bytes) -> _Named:
    """Read a multipart form; the query comes first, as in the reference."""
    try:
        spans = find_fields(body, kind, "model")
    except FormError as exc:
        raise UnnamedModelError(
            f"no model id could be identified: the multipart form cannot be read ({exc})"
        ) from exc
    name = request.parameter("model")
    if name is None and spans:
        name = body[slice(*spans[0])].decode(errors="replace")
    return _Named(name or "", lambda new: with_fields(body, spans, new.encode()))


def _is_json(kind: str, body: bytes) -> bool:
    """Tell whether ``body`` is read as JSON.

    Without a type, and with the one that ``curl -d`` invents, the first byte tells.
    """
    kind = kind.lower()
    if "json" in kind:
        return True
    return (not kind or "urlencoded" in kind) and body.lstrip()[:1] == b"{"


def _why_unnamed(request: Request, body: bytes) -> str:
    kind = request.header(b"content-type")
    if request.method in _BODILESS:
        return 'the query has no "model"'
    if not body.strip():
        return "the body is empty"
    if _is_json(kind, body):
        return _why_unnamed_json(body)
    if "urlencoded" in kind.lower() or is_multipart(kind):
        return 'neither the form nor the query has a "model"'
    return f"a body of type {kind or 'unknown'} is not read; send JSON as application/json"


def _why_unnamed_json(body: bytes) -> str:
    if body.lstrip()[:1] != b"{":
        return "the body is not a JSON object"
    if len(body) <= EXPLAINED_BODY:
        try:
            json.loads(body)
        except (ValueError, RecursionError) as exc:
            return f"the body is not valid JSON ({exc})"
    return 'the JSON body names no "model"'


def resolve(names: Names, name: str) -> ModelId:
    """Return the model called ``name``.

    Raises:
      UnknownModelError: there is none; it says which there are.
    """
    model = names.resolve(name)
    if model is None:
        raise UnknownModelError(
            "no router for requested model: "
            f"nothing here is called {_quoted(name)} ({known_models(names)})"
        )
    return model


def _quoted(name: str) -> str:
    return repr(name) if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]!r}..."


def known_models(names: Names) -> str:
    """Say which models there are, for an error about another one."""
    shown = ", ".join(names.models[:NAMES_SHOWN]) or "none"
    more = ", …" if len(names.models) > NAMES_SHOWN else ""
    return f"there is {shown}{more}"
