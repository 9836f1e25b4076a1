"""Which model a request means.

Finds the name in body, form or query and resolves it. Whatever is wrong with a
request is said here, before anything is loaded for it.
"""

from __future__ import annotations

import json

from attrs import frozen

from llamaswap.errors import RequestError, UnknownModelError
from llamaswap.policy.messages import ModelId
from llamaswap.policy.naming import Names
from llamaswap.policy.rewrites import Ask, read_ask
from llamaswap.web.asgi import Request, form_value

NAMES_SHOWN = 8
"""Names listed in an error: enough to see a slip, short enough for one line."""

EXPLAINED_BODY = 65536
"""Bytes of a broken body that are parsed to say what is wrong with it: some
milliseconds of everybody's time."""


_BODILESS = frozenset({"GET", "HEAD"})
"""Methods that name the model in the query."""


class UnnamedModelError(RequestError):
    """A request names no model, or cannot be read so far.

    404 as in the reference, not 400: clients look for that and for its sentence.
    """

    status_hint = 404
    code = "not_found"


class UnsupportedMediaError(RequestError):
    """A kind of body that is not understood yet."""

    status_hint = 415
    code = "unsupported_media_type"


@frozen
class Admitted:
    """A request whose model is known."""

    model: ModelId
    body: bytes
    ask: Ask | None
    """Where the name stands in a JSON body; ``None`` for other bodies."""


async def admit(request: Request, names: Names) -> Admitted:
    """Read the request and resolve the model that it names.

    Raises:
      UnnamedModelError: it names none.
      UnknownModelError: nobody here serves that name.
      UnsupportedMediaError: it is a multipart form.
      BodyTooLargeError: it is more than we hold.
      ClientGoneError: the client left before its end.
    """
    kind = request.header(b"content-type").lower()
    if "multipart/" in kind:
        raise UnsupportedMediaError(
            "multipart forms are not supported yet; send the request to /upstream/<model>/…"
        )
    body = await request.body()
    ask: Ask | None = None
    if request.method in _BODILESS:
        name = request.parameter("model") or ""
    elif _is_json(kind, body):
        ask = read_ask(body)
        name = ask.model
    else:
        name = _form_model(request, kind, body)
    if not name:
        reason = _why_unnamed(request, kind, body)
        raise UnnamedModelError(f"no model id could be identified: {reason}")
    return Admitted(resolve(names, name), body, ask)


def _is_json(kind: str, body: bytes) -> bool:
    """Tell whether ``body`` is read as JSON.

    Without a type, and with the one that ``curl -d`` invents, the first byte tells.
    """
    if "json" in kind:
        return True
    return (not kind or "urlencoded" in kind) and body.lstrip()[:1] == b"{"


def _form_model(request: Request, kind: str, body: bytes) -> str:
    name = form_value(body, "model") if "urlencoded" in kind else None
    if name is None:
        name = request.parameter("model")
    return name or ""


def _why_unnamed(request: Request, kind: str, body: bytes) -> str:
    if request.method in _BODILESS:
        return 'the query has no "model"'
    if not body.strip():
        return "the body is empty"
    if _is_json(kind, body):
        return _why_unnamed_json(body)
    if "urlencoded" in kind:
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
            f"nothing here is called {name!r} ({known_models(names)})"
        )
    return model


def known_models(names: Names) -> str:
    """Say which models there are, for an error about another one."""
    shown = ", ".join(names.models[:NAMES_SHOWN]) or "none"
    more = ", …" if len(names.models) > NAMES_SHOWN else ""
    return f"there is {shown}{more}"
