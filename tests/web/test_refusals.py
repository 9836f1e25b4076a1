"""Errors as their readers see them."""

from __future__ import annotations

import json

import pytest

from llamaswap.errors import BusyError, SwapError, UnavailableError, UnknownModelError
from llamaswap.web.refusals import NoRouteError, WrongMethodError, event_of, refuse
from tests.web.asgi_calls import Call


async def refused(error: SwapError, target: str = "/v1/completions", **headers: str) -> Call:
    call = Call("POST", target, headers)
    await refuse(call.new_answer(), error)
    return call


async def test_programs_read_json() -> None:
    call = await refused(UnknownModelError("nobody is called <x>"))

    assert call.status == 404
    assert call.header("content-type") == "application/json"
    assert call.body == (
        b'{"src": "llama-swap", "error": {"message": "nobody is called <x>", "param": null, '
        b'"code": "model_not_found", "type": "invalid_request_error"}}'
    )


FORMATS = {
    "*/*": "application/json",
    "application/json": "application/json",
    "text/event-stream": "application/json",
    "text/html,application/xhtml+xml,*/*;q=0.8": "text/html; charset=utf-8",
    "text/plain": "text/plain; charset=utf-8",
    "text/html, text/plain": "text/plain; charset=utf-8",
    "TEXT/HTML": "application/json",
}


@pytest.mark.parametrize(("accept", "kind"), FORMATS.items(), ids=FORMATS)
async def test_the_accept_header_decides_the_format(accept: str, kind: str) -> None:
    call = await refused(UnknownModelError("gone"), accept=accept)

    assert call.header("content-type") == kind


async def test_people_read_a_line_or_a_page() -> None:
    error = UnknownModelError("nobody is called <x>")

    assert (await refused(error, accept="text/plain")).body == b"llama-swap: nobody is called <x>"
    assert (await refused(error, accept="text/html")).body == (
        b"<!doctype html><html><head><title>llama-swap</title></head>"
        b"<body><h1>llama-swap</h1><p>nobody is called &lt;x&gt;</p></body></html>"
    )


async def test_the_limit_speaks_json_to_everybody() -> None:
    call = await refused(BusyError("Too many requests"), accept="text/html, text/plain")

    assert call.status == 429
    assert call.header("retry-after") == "1"
    assert call.json == {
        "src": "llama-swap",
        "error": {
            "message": "Too many requests",
            "type": "rate_limit_error",
            "param": None,
            "code": "concurrency_limit",
        },
    }


@pytest.mark.parametrize(("seconds", "told"), [(7.2, "8"), (0.01, "1"), (None, "1")])
async def test_who_should_come_again_hears_when(seconds: float | None, told: str) -> None:
    error = UnavailableError("later")
    error.retry_after = seconds

    assert (await refused(error)).header("retry-after") == told


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/messages/count_tokens", "/v/messages"])
async def test_anthropics_clients_read_their_shape(path: str) -> None:
    call = await refused(UnavailableError("later"), path)

    assert call.header("retry-after") == "1"
    assert call.json == {
        "src": "llama-swap",
        "type": "error",
        "error": {
            "message": "later",
            "type": "overloaded_error",
            "param": None,
            "code": "service_unavailable",
        },
    }


TYPES = {
    400: ("invalid_request_error", "invalid_request_error"),
    401: ("authentication_error", "authentication_error"),
    403: ("authentication_error", "permission_error"),
    404: ("invalid_request_error", "not_found_error"),
    405: ("invalid_request_error", "invalid_request_error"),
    413: ("invalid_request_error", "request_too_large"),
    415: ("invalid_request_error", "invalid_request_error"),
    429: ("rate_limit_error", "rate_limit_error"),
    500: ("server_error", "api_error"),
    501: ("server_error", "api_error"),
    502: ("server_error", "api_error"),
    503: ("server_error", "overloaded_error"),
}


@pytest.mark.parametrize(("status", "types"), TYPES.items(), ids=map(str, TYPES))
async def test_each_status_has_its_type_in_both_families(
    status: int, types: tuple[str, str]
) -> None:
    error = SwapError("no")
    error.status_hint = status

    openai = await refused(error)
    anthropic = await refused(error, "/v1/messages")

    assert openai.status == anthropic.status == status
    assert (openai.json["error"]["type"], anthropic.json["error"]["type"]) == types


async def test_a_page_of_another_origin_may_read_an_error() -> None:
    call = await refused(NoRouteError("no"), origin="https://chat.example")

    assert call.header("access-control-allow-origin") == "https://chat.example"
    assert call.header("vary") == "Origin"


async def test_who_has_no_origin_is_told_of_none() -> None:
    call = await refused(NoRouteError("no"))

    assert [name for name, _ in call.headers] == ["content-type", "content-length"]


async def test_a_wrong_method_is_told_the_right_ones() -> None:
    call = await refused(WrongMethodError("/health", "GET, HEAD"))

    assert call.status == 405
    assert call.header("allow") == "GET, HEAD"
    assert call.json["error"]["message"] == "Method Not Allowed: /health answers GET, HEAD"


def test_an_event_ends_what_was_cut_and_tells_why() -> None:
    error = UnavailableError("broken")
    before, event, after = event_of("/v1/responses", error).split(b"\n\n")

    assert (before, after) == (b"", b"")
    assert json.loads(event.removeprefix(b"data: ")) == {
        "src": "llama-swap",
        "error": {
            "message": "broken",
            "type": "server_error",
            "param": None,
            "code": "service_unavailable",
        },
    }


def test_an_event_for_anthropics_clients_has_a_name() -> None:
    event = event_of("/v1/messages", UnavailableError("broken"))

    assert event.startswith(b'\n\nevent: error\ndata: {"src": "llama-swap", "type": "error", ')
    assert event.endswith(b"}\n\n")
