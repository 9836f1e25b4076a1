"""The route table, in one list; errors; the access log.

An ASGI application for any server. Every request goes through `App.__call__`:
it finds the route, turns what is raised into an answer, and logs one line.
"""

from __future__ import annotations

import logging
import posixpath
from collections.abc import Awaitable, Callable, Mapping

import trio
from attrs import define, frozen

from llamaswap.errors import SwapError, UnavailableError
from llamaswap.web import admin_api, models_api, streams, ui, upstream_api
from llamaswap.web.asgi import Answer, ClientGoneError, Receive, Request, Scope, Send
from llamaswap.web.cors import allow_cross_origin
from llamaswap.web.front import Front
from llamaswap.web.inference import infer

logger = logging.getLogger("llamaswap.web")

Handler = Callable[[Front, Request, Answer], Awaitable[None]]

CLIENT_GONE = 499
"""What the access log shows for a client that left before it was answered."""


async def _infer_same(front: Front, request: Request, answer: Answer) -> None:
    await infer(front, request, answer, request.raw_path)


def _infer_without(prefix: bytes) -> Handler:
    async def infer_without(front: Front, request: Request, answer: Answer) -> None:
        await infer(front, request, answer, request.raw_path.removeprefix(prefix))

    return infer_without


def _models_routes() -> dict[str, dict[str, Handler]]:
    """List the routes that are dispatched by the model a request names."""
    api = (
        "chat/completions",
        "responses",
        "completions",
        "messages",
        "messages/count_tokens",
        "embeddings",
        "rerank",
        "reranking",
    )
    same = (
        *(f"/v1/{name}" for name in api),
        "/rerank",
        "/reranking",
        "/infill",
        "/completion",
        "/v1/audio/speech",
        "/v1/audio/voices",
        "/v1/audio/transcriptions",
        "/v1/images/generations",
        "/v1/images/edits",
        "/sdapi/v1/txt2img",
        "/sdapi/v1/img2img",
    )
    routes: dict[str, dict[str, Handler]] = {path: {"POST": _infer_same} for path in same}
    for path in ("/v1/audio/voices", "/sdapi/v1/loras", "/props"):
        routes.setdefault(path, {})["GET"] = _infer_same
    # For upstreams whose API has no version prefix.
    routes |= {f"/v/{name}": {"POST": _infer_without(b"/v")} for name in api}
    routes["/audioapi/v1/tasks/run"] = {"POST": _infer_without(b"/audioapi")}
    return routes


ROUTES: Mapping[str, Mapping[str, Handler]] = {
    **_models_routes(),
    "/": {"GET": ui.to_page},
    "/ui": {"GET": ui.to_page},
    "/ui/": {"GET": ui.show_page},
    "/health": {"GET": models_api.health},
    "/wol-health": {"GET": models_api.health},
    "/v1/models": {"GET": models_api.list_models},
    "/models": {"GET": models_api.list_models},
    "/running": {"GET": models_api.running},
    "/unload": {"GET": models_api.unload_all, "POST": models_api.unload_all},
    "/api/models/unload": {"POST": models_api.unload_all_api},
    "/api/version": {"GET": admin_api.version},
    "/logs": {"GET": streams.show_logs},
    "/logs/stream": {"GET": streams.stream_logs},
    "/upstream": {"GET": upstream_api.list_upstreams},
}
"""Exact paths."""

ANY = "*"

PREFIXES: Mapping[str, Mapping[str, Handler]] = {
    "/upstream/": {ANY: upstream_api.pass_upstream},
    "/v1/models/": {"GET": models_api.show_model},
    "/api/models/unload/": {"POST": models_api.unload_one},
    "/logs/stream/": {"GET": streams.stream_logs},
}
"""Paths that go on with a name."""


@frozen
class NotFound:
    """No route has this path."""


@frozen
class WrongMethod:
    """A route has this path, but not for this method."""

    allowed: tuple[str, ...]


def find_route(method: str, path: str) -> Handler | NotFound | WrongMethod:
    """Find who handles a request. A GET route also answers HEAD."""
    methods = ROUTES.get(path)
    if methods is None:
        methods = next((m for p, m in PREFIXES.items() if path.startswith(p)), None)
    if methods is None:
        return NotFound()
    handler = methods.get("GET" if method == "HEAD" else method) or methods.get(ANY)
    if handler is not None:
        return handler
    allowed = set(methods) | ({"HEAD"} if "GET" in methods else set[str]())
    return WrongMethod(tuple(sorted(allowed)))


class NoRouteError(SwapError):
    """Nothing is served under this path."""

    status_hint = 404
    code = "not_found"


class WrongMethodError(SwapError):
    """Something is served under this path, for other methods."""

    status_hint = 405
    code = "method_not_allowed"


@define(eq=False)
class App:
    """The ASGI application."""

    front: Front

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one ASGI connection."""
        if scope["type"] == "http":
            await self._answer(Request.of(scope, receive), send)
        elif scope["type"] == "websocket":
            await refuse_websocket(receive, send)
        elif scope["type"] == "lifespan":
            await live(receive, send)

    async def _answer(self, request: Request, send: Send) -> None:
        answer = Answer(request, send)
        began = trio.current_time()
        try:
            await self._handle(request, answer)
        except ClientGoneError:
            answer.status = answer.status or CLIENT_GONE
        except SwapError as exc:
            await self._fail(answer, exc)
        except Exception:
            logger.exception("%s %s: a fault of llamaswap", request.method, request.path)
            await self._fail(answer, SwapError("llama-swap made a mistake; see its log"))
        finally:
            log_access(request, answer, trio.current_time() - began)

    async def _fail(self, answer: Answer, error: SwapError) -> None:
        if answer.status:
            answer.error = error
            answer.abort()
        else:
            await answer.fail(error)

    async def _handle(self, request: Request, answer: Answer) -> None:
        if request.method == "OPTIONS":
            await allow_cross_origin(request, answer)
        elif (clean := cleaned(request.raw_path)) is not None:
            query = b"?" + request.query if request.query else b""
            await answer.redirect(307, (clean + query).decode("latin1"))
        elif self.front.leaving.is_set():
            raise UnavailableError("llama-swap is shutting down")
        else:
            await self._dispatch(request, answer)

    async def _dispatch(self, request: Request, answer: Answer) -> None:
        match find_route(request.method, request.path):
            case NotFound():
                raise NoRouteError(f"404 page not found: nothing is served under {request.path}")
            case WrongMethod(allowed):
                answer.extra.append((b"allow", ", ".join(allowed).encode()))
                raise WrongMethodError(
                    f"Method Not Allowed: {request.path} answers {', '.join(allowed)}"
                )
            case handler:
                await handler(self.front, request, answer)


def cleaned(raw_path: bytes) -> bytes | None:
    """Return the path that a path with ``//``, ``/./`` or ``/../`` should be, else ``None``."""
    if b"//" not in raw_path and b"/." not in raw_path:
        return None
    clean = posixpath.normpath(b"/" + raw_path.lstrip(b"/"))
    if raw_path.endswith(b"/") and clean != b"/":
        clean += b"/"
    return clean if clean != raw_path else None


def log_access(request: Request, answer: Answer, seconds: float) -> None:
    """Write the line that dashboards know; what a client chose is escaped."""
    logger.info(
        'Request %s "%s %s HTTP/%s" %d %d "%s" %s',
        client_address(request),
        request.method,
        printable(request.path),
        request.http_version,
        answer.status,
        answer.sent,
        printable(request.header(b"user-agent")),
        f"{seconds * 1000:.1f}ms" if seconds < 1 else f"{seconds:.3f}s",
    )


def client_address(request: Request) -> str:
    """Return who asks, as proxies in front of us tell it."""
    forwarded = request.header(b"x-forwarded-for").partition(",")[0].strip()
    return printable(forwarded or request.header(b"x-real-ip")) or request.client


def printable(text: str) -> str:
    """Return ``text`` with everything escaped that could forge a line of the log."""
    if text.isprintable():
        return text
    return text.encode("unicode_escape").decode("ascii")


async def refuse_websocket(receive: Receive, send: Send) -> None:
    """Close a WebSocket before it opens: they are not relayed yet."""
    await receive()
    await send({"type": "websocket.close", "code": 1011, "reason": "not supported yet"})


async def live(receive: Receive, send: Send) -> None:
    """Follow a foreign server's lifespan: the router outlives it, so nothing is to do."""
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
