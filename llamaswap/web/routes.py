"""The route table, in one list."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TypeAlias

from llamaswap.web import (
    admin_api,
    events,
    models_api,
    profiles_api,
    queue_api,
    streams,
    ui,
    upstream_api,
)
from llamaswap.web.asgi import Answer, Request
from llamaswap.web.front import Front
from llamaswap.web.inference import infer
from llamaswap.web.refusals import NoRouteError, WrongMethodError

Handler: TypeAlias = Callable[[Front, Request, Answer], Awaitable[None]]

ANY = "*"
"""In place of a method: all that have no entry of their own."""

_BOTH_VERSIONS = (
    "chat/completions",
    "responses",
    "completions",
    "messages",
    "messages/count_tokens",
    "embeddings",
    "rerank",
    "reranking",
)
"""Behind ``/v1/``; also behind ``/v/``, for upstreams whose API has no version prefix."""

_POSTED = (
    *(f"/v1/{name}" for name in _BOTH_VERSIONS),
    "/rerank",
    "/reranking",
    "/infill",
    "/completion",
    "/v1/audio/speech",
    "/v1/audio/transcriptions",
    "/v1/images/generations",
    "/v1/images/edits",
    "/sdapi/v1/txt2img",
    "/sdapi/v1/img2img",
)


async def _infer(front: Front, request: Request, answer: Answer) -> None:
    await infer(front, request, answer, request.raw_path)


def _infer_without(prefix: bytes) -> Handler:
    async def infer_without(front: Front, request: Request, answer: Answer) -> None:
        await infer(front, request, answer, request.raw_path.removeprefix(prefix))

    return infer_without


ROUTES: Mapping[str, Mapping[str, Handler]] = {
    # Dispatched by the model that the request names.
    **{path: {"POST": _infer} for path in _POSTED},
    **{f"/v/{name}": {"POST": _infer_without(b"/v")} for name in _BOTH_VERSIONS},
    "/audioapi/v1/tasks/run": {"POST": _infer_without(b"/audioapi")},
    "/v1/audio/voices": {"GET": _infer, "POST": _infer},
    "/sdapi/v1/loras": {"GET": _infer},
    "/props": {"GET": _infer},
    # Our own.
    "/": {"GET": ui.to_page},
    "/ui": {"GET": ui.add_slash},
    "/health": {"GET": models_api.health},
    "/wol-health": {"GET": models_api.health},
    "/v1/models": {"GET": models_api.list_models},
    "/models": {"GET": models_api.list_models},
    "/running": {"GET": models_api.running},
    "/unload": {"GET": models_api.unload_all, "POST": models_api.unload_all},
    "/api/models/unload": {"POST": models_api.unload_all_api},
    "/api/version": {"GET": admin_api.version},
    "/api/config": {"GET": admin_api.show_config},
    "/api/reload": {"POST": admin_api.reload},
    "/api/plan": {"POST": admin_api.plan},
    "/api/profiles": {"GET": profiles_api.list_profiles},
    "/api/profiles/active": {"PUT": profiles_api.choose_profile},
    "/api/queue": {"GET": queue_api.show_queue},
    "/api/explain": {"GET": queue_api.explain},
    "/api/events": {"GET": events.stream_events},
    "/logs": {"GET": streams.show_logs},
    "/logs/stream": {"GET": streams.stream_logs},
    "/upstream": {"GET": upstream_api.list_upstreams, ANY: upstream_api.add_slash},
}
"""Exact paths."""

PREFIXES: Mapping[str, Mapping[str, Handler]] = {
    "/upstream/": {ANY: upstream_api.pass_upstream},
    "/v1/models/": {"GET": models_api.show_model},
    "/api/models/unload/": {"POST": models_api.unload_one},
    "/logs/stream/": {"GET": streams.stream_logs},
    "/ui/": {"GET": ui.show_page},
}
"""Paths that go on with a name."""


def find_route(method: str, path: str) -> Handler:
    """Find who handles a request. A GET route also answers HEAD.

    Raises:
      NoRouteError: nothing is served under ``path``.
      WrongMethodError: something is, for other methods.
    """
    methods = ROUTES.get(path)
    if methods is None:
        methods = next((m for p, m in PREFIXES.items() if path.startswith(p)), None)
    if methods is None:
        raise NoRouteError(f"404 page not found: nothing is served under {path}")
    handler = methods.get("GET" if method == "HEAD" else method) or methods.get(ANY)
    if handler is None:
        raise WrongMethodError(path, _allowed(methods))
    return handler


def _allowed(methods: Iterable[str]) -> str:
    allowed = set(methods)
    if "GET" in allowed:
        allowed.add("HEAD")
    return ", ".join(sorted(allowed))
