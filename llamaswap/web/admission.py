"""Which model a request means.

Finds the name in body, form, query or path and resolves it. Whatever is wrong
with a request is said here, before anything is loaded for it.
"""

from __future__ import annotations

from urllib.parse import parse_qsl

from attrs import frozen

from llamaswap.errors import RequestError, UnknownModelError
from llamaswap.policy.messages import ModelId
from llamaswap.policy.naming import Names
from llamaswap.policy.rewrites import Ask, read_ask
from llamaswap.web.asgi import Request

NAMES_SHOWN = 8
"""Names listed in an error: enough to see a slip, short enough for one line."""


class UnnamedModelError(RequestError):
    """A request names no model; 404 as in the reference, which clients know."""

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
    """
    if request.method in {"GET", "HEAD"}:
        return Admitted(resolve(names, request.parameter("model") or ""), b"", None)
    kind = request.header(b"content-type")
    if kind.startswith("multipart/"):
        raise UnsupportedMediaError(
            "multipart forms are not supported yet; send the request to /upstream/<model>/…"
        )
    body = await request.body()
    if _is_json(kind, body):
        ask = read_ask(body)
        return Admitted(resolve(names, ask.model, body), body, ask)
    return Admitted(resolve(names, _form_model(request, kind, body)), body, None)


def _is_json(kind: str, body: bytes) -> bool:
    """Tell whether ``body`` is read as JSON.

    Without a type, and with the one that ``curl -d`` invents, the first byte tells.
    """
    if "json" in kind.lower():
        return True
    return (not kind or "urlencoded" in kind) and body.lstrip()[:1] == b"{"


def _form_model(request: Request, kind: str, body: bytes) -> str:
    if "urlencoded" in kind:
        for key, value in parse_qsl(body.decode("latin1"), keep_blank_values=True):
            if key == "model":
                return value
    return request.parameter("model") or ""


def resolve(names: Names, name: str, body: bytes | None = None) -> ModelId:
    """Return the model called ``name``; see `admit` for errors."""
    if not name:
        reason = "" if body is None else _why_unnamed(body)
        raise UnnamedModelError(f"no model id could be identified{reason}")
    model = names.resolve(name)
    if model is None:
        raise unknown_model(names, name)
    return model


def _why_unnamed(body: bytes) -> str:
    if not body.strip():
        return ": the body is empty"
    if body.lstrip()[:1] != b"{":
        return ": the body is not a JSON object"
    return ': the JSON body has no "model"'


def unknown_model(names: Names, name: str) -> UnknownModelError:
    """Say that nobody is called ``name``, and who there is."""
    known = sorted(names.models)
    shown = ", ".join(known[:NAMES_SHOWN]) or "none"
    more = ", …" if len(known) > NAMES_SHOWN else ""
    return UnknownModelError(
        f"no router for requested model: nothing here is called {name!r} (there is {shown}{more})"
    )
