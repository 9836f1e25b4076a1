"""Which model a request means, and how to write another name into it.

Finds the name in body, form or query and resolves it. Whatever is wrong with a
request is said here, before anything is loaded for it. Which of a selector's
models serves it is known later, when one is granted: `Admitted.named` then writes
its name where the client's stood.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial

import trio
from attrs import frozen

from llamaswap.errors import RequestError, UnknownModelError
from llamaswap.policy.naming import Meaning, Names
from llamaswap.policy.rewrites import read_ask, with_model
from llamaswap.web.asgi import Request
from llamaswap.web.forms import FormError, find_fields, is_multipart, with_fields
from llamaswap.web.url_forms import find_values, value_at, with_values

MODEL = "model"
"""The field that names the model, in every encoding."""

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
class Naming:
    """The name that a request uses, and how to use another one."""

    name: str
    """Empty: it uses none."""

    rename: Callable[[str], bytes]
    """Returns the body with another name in it, all other bytes as they are."""

    in_query: bool = True
    """Whether a ``model`` in the query is a name, too, or nobody's concern."""


@frozen
class Admitted:
    """A request whose model is known, or which selector chooses it."""

    meaning: Meaning
    query: bytes
    body: bytes
    _naming: Naming

    def named(self, name: str) -> tuple[bytes, bytes]:
        """Return query and body with the model called ``name``.

        Byte for byte as they came if the client calls it so, too.
        """
        if name == self._naming.name:
            return self.query, self.body
        query = self.query
        if self._naming.in_query:
            query = with_values(query, find_values(query, MODEL), name)
        return query, self._naming.rename(name)


async def admit(request: Request, names: Names) -> Admitted:
    """Read the request and resolve the model that it names.

    Raises:
      UnnamedModelError: it names none, cannot be read so far, or the active
        profile has disabled the name.
      UnknownModelError: nobody here serves that name.
      BodyTooLargeError: it is more than we hold.
      ClientGoneError: the client left before its end.
    """
    body = await request.body()
    if len(body) <= READ_AT_ONCE:
        naming = _naming_in(request, body)
    else:
        naming = await trio.to_thread.run_sync(_naming_in, request, body, limiter=_readers)
    if not naming.name:
        reason = _why_unnamed(request, body)
        raise UnnamedModelError(f"no model id could be identified: {reason}")
    return Admitted(meaning_of(names, naming.name), request.query, body, naming)


def _naming_in(request: Request, body: bytes) -> Naming:
    if request.method in _BODILESS:
        return Naming(request.parameter(MODEL) or "", lambda _: body)
    kind = request.header(b"content-type")
    if _is_json(kind, body):
        ask = read_ask(body)
        return Naming(ask.model, partial(with_model, body, ask), in_query=False)
    if is_multipart(kind):
        return _naming_in_multipart(request, kind, body)
    spans = find_values(body, MODEL) if "urlencoded" in kind.lower() else ()
    name = value_at(body, spans[0]) if spans else request.parameter(MODEL)
    return Naming(name or "", lambda new: with_values(body, spans, new))


def _naming_in_multipart(request: Request, kind: str, body: bytes) -> Naming:
    """Read a multipart form; the query comes first, as in the reference."""
    try:
        spans = find_fields(body, kind, MODEL)
    except FormError as exc:
        raise UnnamedModelError(
            f"no model id could be identified: the multipart form cannot be read ({exc})"
        ) from exc
    name = request.parameter(MODEL)
    if name is None and spans:
        name = body[slice(*spans[0])].decode(errors="replace")
    return Naming(name or "", lambda new: with_fields(body, spans, new.encode()))


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


def meaning_of(names: Names, name: str) -> Meaning:
    """Return whom ``name`` means.

    Raises:
      UnnamedModelError: the active profile has disabled the name.
      UnknownModelError: nobody is called that; it says which models there are.
    """
    if names.is_disabled(name):
        raise UnnamedModelError(
            f"no model id could be identified: the active profile disables {_quoted(name)}"
        )
    meaning = names.meaning(name)
    if meaning is None:
        raise unknown_model(names, name)
    return meaning


def unknown_model(names: Names, name: str) -> UnknownModelError:
    """Say that nobody is called ``name``, and which models there are."""
    return UnknownModelError(
        "no router for requested model: "
        f"nothing here is called {_quoted(name)} ({known_models(names)})"
    )


def _quoted(name: str) -> str:
    return repr(name) if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]!r}..."


def known_models(names: Names) -> str:
    """Say which models there are, for an error about another one."""
    shown = ", ".join(names.models[:NAMES_SHOWN]) or "none"
    more = ", …" if len(names.models) > NAMES_SHOWN else ""
    return f"there is {shown}{more}"
