"""Stories about bytes: what passes through, when, and with which headers."""

from __future__ import annotations

import shlex
import sys
from collections.abc import AsyncIterator

import psutil
import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from llamaswap.config.schema import ModelConfig
from tests.house.houses import House, config_of, group, model, opened
from tests.upstream.runs import free_port

pytestmark = pytest.mark.slow


async def test_each_piece_is_passed_on_before_the_next_one_is_made() -> None:
    async with opened(config_of(a=model("--step", "--tokens", "3"))) as house:
        server = house.server("a")
        async with house.client.streaming("a") as stream:
            assert await stream.word() == ""
            for word in ("The", " quick", " brown", ""):
                await server.release()
                assert await stream.word() == word
            assert await stream.rest() == b"data: [DONE]\n\n"


async def test_an_event_stream_tells_proxies_not_to_hold_it_back() -> None:
    async with opened(config_of(a=model("--model-name", "fake-a"))) as house:
        async with house.client.streaming("a") as stream:
            await stream.rest()
        whole = await house.client.chat("a")

    assert stream.headers["content-type"] == "text/event-stream"
    assert stream.headers["x-accel-buffering"] == "no"
    assert stream.headers["x-fake-model"] == "fake-a"
    assert stream.headers["server-timing"].startswith("queue;dur=")
    assert "server" not in stream.headers
    assert "x-accel-buffering" not in whole.headers
    assert whole.headers["content-length"] == str(len(whole.body))


async def test_a_request_reaches_the_server_as_it_was_but_for_what_is_for_one_hop() -> None:
    headers = (
        ("host", "models.example:99"),
        ("accept", "*/*"),
        ("authorization", "Bearer secret"),
        ("connection", "keep-alive, x-private"),
        ("x-private", "1"),
        ("keep-alive", "timeout=5"),
        ("proxy-authorization", "Basic eA=="),
        ("te", "trailers, deflate"),
        ("x-forwarded-for", "203.0.113.7"),
        ("x-session", "1"),
        ("x-session", "2"),
    )
    async with opened(config_of(a=model())) as house:
        reply = await house.client.send(
            "PUT", "/upstream/a/any%2Fpath/?q=1&q=%20", b"body", headers
        )

    document = reply.document
    assert (document["method"], document["path"]) == ("PUT", "/any%2Fpath/?q=1&q=%20")
    assert document["body"] == "body"
    assert sorted((name.lower(), value) for name, value in document["headers"]) == [
        ("accept", "*/*"),
        ("authorization", "Bearer secret"),
        ("content-length", "4"),
        ("host", "models.example:99"),
        ("te", "trailers"),
        ("x-forwarded-for", "203.0.113.7, 127.0.0.1"),
        ("x-session", "1"),
        ("x-session", "2"),
    ]


async def test_a_model_without_a_slash_behind_it_is_redirected() -> None:
    async with opened(config_of(a=model())) as house:
        got = await house.client.get("/upstream/a?x=1")
        posted = await house.client.send("POST", "/upstream/a")
        unknown = await house.client.get("/upstream/nobody/")

        assert house.logged(": starting (") == 0
    assert (got.status, got.headers["location"]) == (301, "/upstream/a/?x=1")
    assert (posted.status, posted.headers["location"]) == (308, "/upstream/a/")
    assert (unknown.status, unknown.error["code"]) == (404, "model_not_found")


async def test_a_reader_that_stops_reading_slows_only_itself() -> None:
    config = config_of(group("a", "b", swap=False), a=model("--tokens", "400000"), b=model())
    async with opened(config) as house, house.client.streaming("a") as stream:
        await stream.event()
        # All is quiet: what is not read is not fetched from the server either.
        await wait_all_tasks_blocked(0.05)
        for _ in range(10):
            assert (await house.client.get("/upstream/a/held")).status == 200
            assert (await house.client.chat("b")).status == 200
        assert await house.views() == {"a": ("ready", 1, 0), "b": ("ready", 0, 0)}


COUNT_UPLOAD = """
import http.server, sys
class Count(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.answer(b"")
    def do_POST(self):
        size = 0
        while part := int(self.rfile.readline(), 16):
            size += len(self.rfile.read(part))
            self.rfile.readline()
        self.rfile.readline()
        self.answer(b"%d" % size)
    def answer(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Count).serve_forever()
"""
"""A server that answers an upload with its length."""

MIB = 1 << 20


async def test_a_large_upload_streams_through_and_is_held_nowhere() -> None:
    port = free_port()
    argv = (sys.executable, "-S", "-c", COUNT_UPLOAD, str(port))
    entry = ModelConfig(cmd=shlex.join(argv), proxy=f"http://127.0.0.1:{port}")
    sizes: list[int] = []

    async def upload() -> AsyncIterator[bytes]:
        piece = b"x" * MIB
        for _ in range(64):
            sizes.append(psutil.Process().memory_info().rss)
            yield piece

    async with opened(config_of(a=entry)) as house:
        await house.client.get("/upstream/a/")
        reply = await house.client.send("POST", "/upstream/a/files", upload())

    assert (reply.status, reply.body) == (200, b"67108864")
    assert max(sizes) - sizes[0] < 32 * MIB


async def test_the_log_shows_what_happened() -> None:
    async with opened(config_of(a=model("--say", "the server speaks"))) as house:
        await house.client.chat("a")
        log = await house.client.get("/logs")
        page = await house.client.send("GET", "/logs", headers=(("accept", "text/html"),))

    assert log.headers["content-type"] == "text/plain; charset=utf-8"
    lines = log.body.decode().splitlines()
    assert lines[0] == "[INFO] a: starting (requests waiting: 1)"
    assert lines[1].startswith("[INFO] a: ready after 0.")
    assert lines[2].startswith('[INFO] Request 127.0.0.1 "POST /v1/chat/completions HTTP/1.1" 200 ')
    assert (page.status, page.headers["location"]) == (302, "/ui/")


async def follow(
    house: House,
    path: str,
    old: bytes,
    new: bytes,
    heard: list[bytes],
    *,
    task_status: trio.TaskStatus[None],
) -> None:
    """Follow a log: report ready after what is old, then wait for what is new and the end."""
    async with house.client.open("GET", path) as stream:
        heard.append(await stream.until(old))
        task_status.started()
        heard.append(await stream.until(new))
        heard.append(await stream.rest())


async def test_a_followed_log_goes_on_where_its_history_ends_and_ends_with_the_program() -> None:
    heard: list[bytes] = []
    async with trio.open_nursery() as nursery, opened(config_of(a=model()), drain=15) as house:
        await house.client.chat("a")
        await nursery.start(follow, house, "/logs/stream", b"200", b"unload", heard)
        await house.client.get("/unload")
        left = trio.current_time()

    assert trio.current_time() - left < 3
    history, live, _ = heard
    assert b"a: starting" in history
    assert live.startswith(b"[INFO] a: stopping (unloaded)\n")


async def test_the_log_of_one_model_can_be_followed() -> None:
    heard: list[bytes] = []
    entry = model("--say", "hello", "--slow-sigterm", "0")
    async with trio.open_nursery() as nursery, opened(config_of(a=entry), drain=15) as house:
        await house.client.chat("a")
        path = "/logs/stream/a"
        await nursery.start(follow, house, path, b"hello ready\n", b"ended\n", heard)
        await house.client.get("/unload")
        nobody = await house.client.get("/logs/stream/nobody")

    assert heard == [b"hello\nhello ready\n", b"ending\nended\n", b""]
    assert (nobody.status, nobody.error["message"]) == (
        400,
        "invalid logger. Use 'proxy', 'upstream' or a model's ID",
    )
