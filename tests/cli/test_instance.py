"""Asking a running instance: what is sent, what is understood, and what is refused."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial

import pytest
import trio

from llamaswap.cli import instance
from llamaswap.cli.instance import DEFAULT_URL, Question, ask, read, url_of
from llamaswap.errors import ConfigError, SwapError

URL = "http://127.0.0.1:1"
PLAN = Question("plan a reload", "changes", "/api/plan", "POST", b"{}")
EXPLAIN = Question("explain", "outcome", "/api/explain?model=a")


def refusal(status: int, document: object) -> str:
    """Return what is said of an answer."""
    said = document if isinstance(document, bytes) else json.dumps(document).encode()
    with pytest.raises(SwapError) as caught:
        read(URL, PLAN, status, said)
    return str(caught.value)


def ours(message: str) -> dict[str, object]:
    return {"src": "llama-swap", "error": {"message": message}}


@pytest.mark.parametrize(
    ("status", "document"),
    [
        (404, ours("404 page not found: nothing is served under /api/plan")),
        (405, ours("Method Not Allowed")),
        (404, {"error": {"message": "no such page"}}),
        (404, {"src": "llama-swap", "error": "of old"}),
        (404, {"src": "llama-swap", "error": {}}),
        (200, b"<html>"),
        (200, []),
        (500, {}),
    ],
)
def test_who_does_not_know_the_question_is_told_apart(status: int, document: object) -> None:
    assert refusal(status, document) == (
        f"what answers at {URL} cannot plan a reload: it is another program, or an older version"
    )


def test_a_door_that_is_locked_is_told_with_the_key_to_use() -> None:
    assert refusal(401, ours("no key")) == (
        f"{URL} does not let us in: put one of its keys into LLAMASWAP_API_KEY"
    )


@pytest.mark.parametrize("status", [404, 409])
def test_a_refusal_is_passed_on(status: int) -> None:
    assert refusal(status, ours("no files")) == f"{URL} refuses: no files"


def test_faults_that_the_instance_finds_are_faults() -> None:
    fault = {"path": "models.a", "message": "bad", "file": "", "line": 0, "column": 0}
    with pytest.raises(ConfigError, match=r"^models\.a: bad$"):
        read(URL, PLAN, 422, json.dumps({**ours(""), "faults": [fault]}).encode())


def test_the_flag_comes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    parser = ArgumentParser()
    monkeypatch.delenv("LLAMA_SWAP_URL", raising=False)
    assert url_of("", parser) == DEFAULT_URL
    monkeypatch.setenv("LLAMA_SWAP_URL", "http://h:1/")
    assert url_of("", parser) == "http://h:1"
    assert url_of("http://g:2//", parser) == "http://g:2"


@pytest.mark.parametrize(("flag", "name"), [("", "LLAMA_SWAP_URL"), ("h:2", "-url")])
def test_an_address_that_is_none_is_told_with_its_source(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], flag: str, name: str
) -> None:
    monkeypatch.setenv("LLAMA_SWAP_URL", "h:1")
    with pytest.raises(SystemExit) as left:
        url_of(flag, ArgumentParser(prog="me"))

    assert left.value.code == 2
    url = flag or "h:1"
    assert capsys.readouterr().err.splitlines()[-1] == (
        f"me: error: {name} takes http://host:port: invalid instance URL {url!r}: "
        f"expected http:// or https:// in front; did you mean 'http://{url}'?"
    )


@asynccontextmanager
async def answering(answer: bytes | None) -> AsyncGenerator[tuple[str, list[bytes]], None]:
    """Listen; yield the address, and what was heard there. ``None``: nobody ever answers."""
    heard: list[bytes] = []

    async def serve(stream: trio.SocketStream) -> None:
        heard.append(bytes(await stream.receive_some()))
        if answer is None:
            await trio.sleep_forever()
            return
        await stream.send_all(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(answer))
        await stream.send_all(answer)

    async with trio.open_nursery() as nursery:
        start = partial(trio.serve_tcp, serve, 0, host="127.0.0.1")
        listeners = await nursery.start(start)
        yield f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}", heard
        nursery.cancel_scope.cancel()


async def test_the_key_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLAMASWAP_API_KEY", "k3y\n")
    async with answering(b'{"changes": []}') as (url, heard):
        assert await ask(url, PLAN) == {"changes": []}

    assert b"authorization: Bearer k3y\r\n" in heard[0]
    assert b"content-type: application/json\r\n" in heard[0]
    assert heard[0].startswith(b"POST /api/plan HTTP/1.1\r\n")


async def test_a_question_without_a_body_announces_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LLAMASWAP_API_KEY", raising=False)
    async with answering(b'{"outcome": "serve"}') as (url, heard):
        assert await ask(url, EXPLAIN) == {"outcome": "serve"}

    assert heard[0].startswith(b"GET /api/explain?model=a HTTP/1.1\r\n")
    assert b"content-type" not in heard[0]
    assert b"authorization" not in heard[0]


async def test_who_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instance, "PATIENCE", 0.05)
    async with answering(None) as (url, _):
        with pytest.raises(SwapError, match=r" did not answer within 0\.05 s$"):
            await ask(url, PLAN)
