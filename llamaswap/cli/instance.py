"""Asks a running instance, for the commands that do.

Which one, and with which key, is the same for all of them: ``--url``, then
``LLAMA_SWAP_URL``; ``LLAMASWAP_API_KEY``.
"""

from __future__ import annotations

import argparse
import json
import os
from contextlib import aclosing
from http import HTTPStatus
from typing import Any, cast

import trio
from attrs import frozen

from llamaswap.config.document import Problem
from llamaswap.config.urls import url_problem
from llamaswap.errors import ConfigError, Fault, SwapError, UpstreamError
from llamaswap.policy.messages import Target
from llamaswap.policy.rules import ModelId
from llamaswap.relay.client import Pool, RequestHead

DEFAULT_URL = "http://127.0.0.1:8080"

_VARIABLE = "LLAMA_SWAP_URL"

KEY_HELP = "LLAMASWAP_API_KEY is sent as the key, if it is set."

PATIENCE = 30.0
"""Seconds for the whole exchange: an instance that is up answers for hundreds of
models in one."""


NO_ROUTE = "404 page not found"
"""How an instance begins to say that it serves nothing under a path; another 404 is
about what was asked there."""


@frozen
class Question:
    """What an instance is asked."""

    purpose: str
    """What the instance does for it, behind "cannot": ``plan a reload``."""

    proof: str
    """A key of every answer to it, by which an instance is told from other programs."""

    path: str
    """Path and query, percent-encoded."""

    method: str = "GET"
    body: bytes = b""
    """JSON, if there is any."""


def add_url_flag(parser: argparse.ArgumentParser) -> None:
    """Have the command take the address of the instance."""
    parser.add_argument(
        *("-url", "--url"),
        default="",
        metavar="URL",
        help=f"the instance (default: ${_VARIABLE}, then {DEFAULT_URL})",
    )


def url_of(flag: str, parser: argparse.ArgumentParser) -> str:
    """Return the address of the instance that is meant; an empty ``flag`` names none.

    Leaves with the usage where it can never be one.
    """
    name, url = ("-url", flag) if flag else (_VARIABLE, os.environ.get(_VARIABLE) or DEFAULT_URL)
    problem = url_problem(url, "instance")
    if problem is None and set("?#") & set(url):
        problem = Problem("invalid instance URL {found}: nothing follows its path", "", repr(url))
    if problem:
        parser.error(f"{name} takes http://host:port: {problem}")
    return url.rstrip("/")


async def ask(url: str, question: Question) -> dict[str, Any]:
    """Ask the instance at ``url``; return its answer.

    Raises:
      SwapError: nobody answers there, or nobody who can, or it refuses.
      ConfigError: the instance finds faults.
    """
    headers = [(b"content-type", b"application/json")] if question.body else []
    if key := os.environ.get("LLAMASWAP_API_KEY", "").strip():
        headers.append((b"authorization", b"Bearer " + key.encode()))
    head = RequestHead(question.method.encode(), question.path.encode(), tuple(headers))
    with trio.move_on_after(PATIENCE):
        try:
            return read(url, question, *await _exchange(url, head, question.body))
        except UpstreamError as exc:
            raise SwapError(f"no llama-swap answers at {url}: {exc.__cause__ or exc}") from exc
    raise SwapError(f"{url} did not answer within {PATIENCE:g} s")


async def _exchange(url: str, head: RequestHead, body: bytes) -> tuple[int, bytes]:
    target = Target(ModelId("llama-swap"), url)
    async with aclosing(Pool()) as pool, pool.exchange(target, head, body) as exchange:
        said = b""
        while data := await exchange.next_chunk():
            said += data
        return exchange.head.status, said


def read(url: str, question: Question, status: int, said: bytes) -> dict[str, Any]:
    """Return the document that an instance answered with.

    Raises:
      SwapError: it refuses, or does not know the question.
      ConfigError: it finds faults.
    """
    document = _object_in(said)
    if status == HTTPStatus.OK and question.proof in document:
        return document
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        raise SwapError(f"{url} does not let us in: put one of its keys into LLAMASWAP_API_KEY")
    if _is_refusal(document, status):
        if "faults" in document:
            raise ConfigError(tuple(Fault(**fault) for fault in document["faults"]))
        raise SwapError(f"{url} refuses: {document['error']['message']}")
    raise SwapError(
        f"what answers at {url} cannot {question.purpose}: "
        "it is another program, or an older version"
    )


def _is_refusal(document: dict[str, Any], status: int) -> bool:
    """Tell whether an instance has understood the question, and refuses to answer it."""
    error: object = document.get("error")
    if document.get("src") != "llama-swap" or not isinstance(error, dict):
        return False
    message = str(cast("dict[str, object]", error).get("message"))
    # An older version does not know the path, or answers something else under it.
    is_known = not message.startswith(NO_ROUTE) and status != HTTPStatus.METHOD_NOT_ALLOWED
    return is_known and "message" in error


def _object_in(said: bytes) -> dict[str, Any]:
    try:
        document: object = json.loads(said)
    except ValueError:
        return {}
    return cast("dict[str, Any]", document) if isinstance(document, dict) else {}
