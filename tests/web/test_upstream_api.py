"""Everything that a model's server offers, unchanged."""

from __future__ import annotations

import logging

import pytest
from attrs import evolve
from trio.testing import MockClock

from llamaswap.config.schema import ModelConfig
from llamaswap.config.sections import UpstreamConfig
from llamaswap.web.front import Snapshot
from llamaswap.web.upstream_api import HELD_BODY
from tests.web.asgi_calls import Call
from tests.web.front_house import open_house

MODELS = {
    "a": ModelConfig(aliases=("alias",), use_model_name="real"),
    "org/a": ModelConfig(),
    "x y": ModelConfig(),
}


async def test_who_asks_for_no_model_is_sent_to_the_list(autojump_clock: MockClock) -> None:
    async with open_house() as house:
        asked = await house.call("GET", "/upstream")
        posted = await house.call("POST", "/upstream?x=1")

    assert (asked.status, asked.header("location")) == (302, "/ui/")
    assert (posted.status, posted.header("location")) == (307, "/upstream/?x=1")


# What follows /upstream/, the model, and what its server is asked for.
PATHS = {
    "a/": ("a", "/"),
    "a/v1/chat": ("a", "/v1/chat"),
    "alias/v1/chat": ("a", "/v1/chat"),
    "a/?_=1": ("a", "/?_=1"),
    "a/x%2Fy%20z?q=%2F": ("a", "/x%2Fy%20z?q=%2F"),
    "org/a/x": ("org/a", "/x"),
    "org%2Fa/x": ("org/a", "/x"),
    "a%2Fx": ("a", "/%2Fx"),
    "x%20y/": ("x y", "/"),
    "a/org/a": ("a", "/org/a"),
}


@pytest.mark.parametrize(("path", "asked"), PATHS.items(), ids=PATHS)
async def test_the_longest_name_is_the_model_and_the_rest_is_passed_on(
    path: str, asked: tuple[str, str], autojump_clock: MockClock
) -> None:
    async with open_house(MODELS) as house:
        call = await house.call("GET", f"/upstream/{path}")

        assert call.status == 200
        assert (house.pool.last.model, house.pool.last.target) == asked


REDIRECTS = {
    ("GET", "a?x=1"): (301, "/upstream/a/?x=1"),
    ("HEAD", "a"): (301, "/upstream/a/"),
    ("POST", "org%2Fa"): (308, "/upstream/org/a/"),
    ("GET", "x%20y"): (301, "/upstream/x%20y/"),
}


@pytest.mark.parametrize(("asked", "sent"), REDIRECTS.items(), ids=map(" ".join, REDIRECTS))
async def test_a_model_without_a_slash_gets_one(
    asked: tuple[str, str], sent: tuple[int, str], autojump_clock: MockClock
) -> None:
    method, name = asked
    async with open_house(MODELS) as house:
        call = await house.call(method, f"/upstream/{name}")

    assert (call.status, call.header("location")) == sent


@pytest.mark.parametrize("path", ["", "b/x", "A/", "/upstream/a"])
async def test_an_unknown_model_is_not_found(path: str, autojump_clock: MockClock) -> None:
    async with open_house() as house:
        call = await house.call("GET", f"/upstream/{path}".replace("//", "/%2F"))

    assert call.status == 404
    assert call.json["error"]["code"] == "model_not_found"
    assert call.json["error"]["message"] == "model not found (there is a)"


async def test_method_and_body_are_not_touched(autojump_clock: MockClock) -> None:
    async with open_house(MODELS) as house:
        headers = {"content-type": "application/json", "content-length": "13"}
        await house.call("PATCH", "/upstream/a/x", headers, b'{"model":"a"}')
        asked = house.pool.last

    assert (asked.method, asked.body) == ("PATCH", b'{"model":"a"}')


CHUNKED = {"transfer-encoding": "chunked"}
# Method, protocol, headers, whether the body is passed on while it arrives.
BODIES: dict[str, tuple[str, str, dict[str, str], bool]] = {
    "none": ("GET", "1.1", {}, False),
    "a small one": ("POST", "1.1", {"content-length": str(HELD_BODY)}, False),
    "a large one": ("POST", "1.1", {"content-length": str(HELD_BODY + 1)}, True),
    "one of unknown length": ("POST", "1.1", CHUNKED, True),
    "none of HTTP/2": ("GET", "2", {}, False),
    "perhaps one of HTTP/2": ("POST", "2", {}, True),
    "one of HTTP/2 of known length": ("POST", "2", {"content-length": "4"}, False),
}


@pytest.mark.parametrize(("method", "version", "headers", "streams"), BODIES.values(), ids=BODIES)
async def test_large_bodies_stream_through(
    method: str, version: str, headers: dict[str, str], *, streams: bool, autojump_clock: MockClock
) -> None:
    async with open_house() as house:
        await house.call(method, "/upstream/a/x", headers, [b"he", b"lo"], http_version=version)

        assert house.pool.last.body == b"helo"
        assert house.pool.last.is_chunked is streams


async def test_a_client_that_leaves_in_the_middle_of_its_body_is_gone(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "llamaswap.web")
    call = Call("POST", "/upstream/a/x", CHUNKED, [])
    call.hang_up()
    async with open_house() as house:
        await call.run(house.app)

        assert await house.in_use() == 0
        assert house.pool.asked == []

    assert call.messages == []
    assert caplog.messages[0].startswith('Request 192.0.2.1 "POST /upstream/a/x HTTP/1.1" 499 ')


@pytest.mark.parametrize("path", ["favicon.ico", "static/x.js", "a%2Fb.css"])
async def test_a_picture_or_script_loads_no_model(path: str, autojump_clock: MockClock) -> None:
    async with open_house() as house:
        cold = await house.call("GET", f"/upstream/a/{path}")
        await house.call("GET", "/upstream/a/")
        warm = await house.call("GET", f"/upstream/a/{path}")

    assert (cold.status, warm.status) == (409, 200)
    error = cold.json["error"]
    assert error["message"] == "model a is not loaded; path matches upstream.ignorePaths"
    assert error["code"] == "conflict"


# The paths behind /upstream/a that load no model, and those that do.
IGNORED = {
    r"\.woff2$": (["x.woff2", "a/%2ewoff2"], ["x.js", "x.woff2/", "?x.woff2"]),
    "^/assets/": (["assets/x", "%61ssets/"], ["x/assets/", "assets"]),
    r"^/\p{Greek}": (["%CE%B1"], ["a", "%FF"]),
    "^/.$": (["%C3%A9", "%FF"], ["%C3%A9%C3%A9"]),
}


@pytest.mark.parametrize("pattern", IGNORED)
async def test_what_the_configuration_says_replaces_the_usual_patterns(
    pattern: str, autojump_clock: MockClock
) -> None:
    ignored, others = IGNORED[pattern]
    async with open_house(upstream=UpstreamConfig((pattern, "never"))) as house:
        refused = [await house.call("GET", f"/upstream/a/{path}") for path in ignored]
        loaded = [await house.call("GET", f"/upstream/a/{path}") for path in others]
        warm = [await house.call("GET", f"/upstream/a/{path}") for path in ignored]

    assert {call.status for call in refused} == {409}
    assert {call.status for call in (*loaded, *warm)} == {200}


async def test_a_reload_brings_other_patterns(autojump_clock: MockClock) -> None:
    async with open_house() as house:
        config = house.front.snapshot.config
        before = await house.call("GET", "/upstream/a/x.js")
        house.front.snapshot = Snapshot.of(evolve(config, upstream=UpstreamConfig(("^/y",))))
        after = await house.call("GET", "/upstream/a/y.js")
        other = await house.call("GET", "/upstream/a/x.js")

    assert [before.status, after.status, other.status] == [409, 409, 200]
