"""Who handles what, and what an upstream is asked for."""

from __future__ import annotations

import pytest
from trio.testing import MockClock

from llamaswap.web.refusals import NoRouteError, WrongMethodError
from llamaswap.web.routes import find_route
from tests.web.asgi_calls import JSON, asking
from tests.web.front_house import open_house

POSTED = {
    "/v1/chat/completions": "/v1/chat/completions",
    "/v1/responses": "/v1/responses",
    "/v1/completions": "/v1/completions",
    "/v1/messages": "/v1/messages",
    "/v1/messages/count_tokens": "/v1/messages/count_tokens",
    "/v1/embeddings": "/v1/embeddings",
    "/v1/rerank": "/v1/rerank",
    "/v1/reranking": "/v1/reranking",
    "/rerank": "/rerank",
    "/reranking": "/reranking",
    "/infill": "/infill",
    "/completion": "/completion",
    "/v1/audio/speech": "/v1/audio/speech",
    "/v1/audio/voices": "/v1/audio/voices",
    "/v1/audio/transcriptions": "/v1/audio/transcriptions",
    "/v1/images/generations": "/v1/images/generations",
    "/v1/images/edits": "/v1/images/edits",
    "/sdapi/v1/txt2img": "/sdapi/v1/txt2img",
    "/sdapi/v1/img2img": "/sdapi/v1/img2img",
    "/audioapi/v1/tasks/run": "/v1/tasks/run",
    "/v/chat/completions": "/chat/completions",
    "/v/responses": "/responses",
    "/v/completions": "/completions",
    "/v/messages": "/messages",
    "/v/messages/count_tokens": "/messages/count_tokens",
    "/v/embeddings": "/embeddings",
    "/v/rerank": "/rerank",
    "/v/reranking": "/reranking",
}


@pytest.mark.parametrize(("path", "asked"), POSTED.items(), ids=POSTED)
async def test_what_is_posted_reaches_the_model(
    path: str, asked: str, autojump_clock: MockClock
) -> None:
    async with open_house() as house:
        call = await house.call("POST", f"{path}?x=1", JSON, asking("a"))

        assert call.status == 200
        assert (house.pool.last.method, house.pool.last.target) == ("POST", f"{asked}?x=1")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("path", ["/v1/audio/voices", "/sdapi/v1/loras", "/props"])
async def test_what_is_asked_reaches_the_model_with_its_query(
    path: str, method: str, autojump_clock: MockClock
) -> None:
    async with open_house() as house:
        call = await house.call(method, f"{path}?model=a&x=%2F")

        assert call.status == 200
        asked = house.pool.last
        assert (asked.method, asked.target, asked.body) == (method, f"{path}?model=a&x=%2F", b"")


OWN = {
    ("GET", "/"): 302,
    ("GET", "/ui"): 307,
    ("GET", "/ui/"): 200,
    ("GET", "/health"): 200,
    ("GET", "/wol-health"): 200,
    ("GET", "/v1/models"): 200,
    ("GET", "/models"): 200,
    ("GET", "/v1/models/a"): 200,
    ("GET", "/running"): 200,
    ("GET", "/unload"): 200,
    ("POST", "/unload"): 200,
    ("POST", "/api/models/unload"): 200,
    ("POST", "/api/models/unload/a"): 200,
    ("GET", "/api/version"): 200,
    ("GET", "/logs"): 200,
    ("GET", "/upstream"): 302,
    ("POST", "/upstream"): 307,
    ("GET", "/upstream/a/"): 200,
    ("BREW", "/upstream/a/"): 200,
}


@pytest.mark.parametrize(("route", "status"), OWN.items(), ids=map(" ".join, OWN))
async def test_we_answer_ourselves(
    route: tuple[str, str], status: int, autojump_clock: MockClock
) -> None:
    method, path = route
    async with open_house() as house:
        await house.infer()
        call = await house.call(method, path)
        assert call.status == status

        if method == "GET":
            head = await house.call("HEAD", path)
            assert head.status == status
            assert head.headers == call.headers


UNKNOWN = [
    "/nothing",
    "/V1/models",
    "/v1/completions/",
    "/health/",
    "/v1/audio/translations",
    "/tokenize",
    "/favicon.ico",
    "/v2/models",
    "/uix",
    "/upstreams/a",
]


@pytest.mark.parametrize("path", UNKNOWN)
def test_nothing_else_is_served(path: str) -> None:
    with pytest.raises(NoRouteError) as caught:
        find_route("GET", path)

    assert str(caught.value) == f"404 page not found: nothing is served under {path}"


WRONG = {
    ("GET", "/v1/completions"): "POST",
    ("HEAD", "/v1/completions"): "POST",
    ("POST", "/health"): "GET, HEAD",
    ("DELETE", "/unload"): "GET, HEAD, POST",
    ("PUT", "/v1/audio/voices"): "GET, HEAD, POST",
    ("POST", "/ui"): "GET, HEAD",
    ("DELETE", "/v1/models/a"): "GET, HEAD",
    ("GET", "/api/models/unload/a"): "POST",
}


@pytest.mark.parametrize(("route", "allowed"), WRONG.items(), ids=map(" ".join, WRONG))
def test_a_wrong_method_is_told_the_right_ones(route: tuple[str, str], allowed: str) -> None:
    with pytest.raises(WrongMethodError) as caught:
        find_route(*route)

    assert caught.value.allowed == allowed
