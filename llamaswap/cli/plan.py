"""``llama-swap plan``: what a reload of these files would do to a running instance.

The files are read here, so ``${env.NAME}`` is what it is here: run it with the
environment of the instance. The comparing is done there (see
`llamaswap.web.proposals` for why); nothing is changed by it.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import aclosing
from http import HTTPStatus
from pathlib import Path
from typing import Any, cast

import trio
from attrs import define

from llamaswap.cli.check import require_source, source_flags
from llamaswap.cli.faults import report_of, say_faults
from llamaswap.config.load import attempt_config
from llamaswap.config.schema import Config
from llamaswap.config.urls import url_problem
from llamaswap.errors import ConfigError, Fault, SwapError, UpstreamError
from llamaswap.fleet import refuse_unusable
from llamaswap.policy.messages import Target
from llamaswap.policy.rules import ModelId
from llamaswap.relay.client import Pool, RequestHead
from llamaswap.web.proposals import proposal_of

DEFAULT_URL = "http://127.0.0.1:8080"

PATIENCE = 30.0
"""Seconds for the whole exchange: an instance that is up answers for hundreds of
models in one."""

REASONS = {"keep": "the same process", "remove": "not in these files", "add": "new"}


@define
class _Options(argparse.Namespace):
    """What was asked for."""

    config: Path | None = None
    config_dir: Path | None = None
    url: str = ""
    json: bool = False


def plan(arguments: Sequence[str]) -> int:
    """Print the plan; return the exit status."""
    options = _options_of(arguments)
    attempt = attempt_config(options.config, config_dir=options.config_dir)
    try:
        config = attempt.loaded()
        refuse_unusable(config)
        url = options.url or os.environ.get("LLAMA_SWAP_URL") or DEFAULT_URL
        document = trio.run(ask, url.rstrip("/"), config)
    except ConfigError as exc:
        if options.json:
            print(report_of(exc.faults, attempt.warnings))
        else:
            say_faults(exc.faults, "")
            say_faults(attempt.warnings, "warning")
        return 1
    except SwapError as exc:
        print(f"llama-swap plan: {exc}", file=sys.stderr)
        return 1
    print(json.dumps(document, indent=2) if options.json else table(document["changes"]))
    return 0


def _options_of(arguments: Sequence[str]) -> _Options:
    parser = source_flags(
        "llama-swap plan", "Say what a reload of these files would do to a running instance."
    )
    parser.epilog = (
        "${env.NAME} in the files is what NAME is for this command, not for the instance: run it "
        "with the environment of the instance. LLAMASWAP_API_KEY is sent as the key, if it is set. "
        "Exit status: 0 if there is a plan, whatever it says; 1 if the files have faults, or no "
        "instance answers with a plan; 2 if the command is used wrongly."
    )
    parser.add_argument(
        *("-url", "--url"),
        metavar="URL",
        help=f"the instance (default: $LLAMA_SWAP_URL, then {DEFAULT_URL})",
    )
    parser.add_argument(
        "-json", "--json", action="store_true", help="print the plan, or the faults, for programs"
    )
    options = parser.parse_args(list(arguments), _Options())
    require_source(parser, options.config, options.config_dir)
    return options


async def ask(url: str, config: Config) -> dict[str, Any]:
    """Ask the instance at ``url`` what it would do with ``config``; return its answer.

    Raises:
      SwapError: nobody answers there, or nobody who can plan.
      ConfigError: the instance finds faults.
    """
    if problem := url_problem(url, "instance"):
        raise SwapError(problem)
    headers = [(b"content-type", b"application/json")]
    if key := os.environ.get("LLAMASWAP_API_KEY", "").strip():
        headers.append((b"authorization", b"Bearer " + key.encode()))
    head = RequestHead(b"POST", b"/api/plan", tuple(headers))
    with trio.move_on_after(PATIENCE):
        try:
            return read(url, *await _exchange(url, head, proposal_of(config)))
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


def read(url: str, status: int, said: bytes) -> dict[str, Any]:
    """Return the plan that an instance answered with.

    Raises:
      SwapError: it refuses, or cannot plan.
      ConfigError: it finds faults.
    """
    document = _object_in(said)
    is_unknown = status in {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED}
    if status == HTTPStatus.OK and "changes" in document:
        return document
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        raise SwapError(f"{url} does not let us in: put one of its keys into LLAMASWAP_API_KEY")
    if document.get("src") == "llama-swap" and "error" in document and not is_unknown:
        if "faults" in document:
            raise ConfigError(tuple(Fault(**fault) for fault in document["faults"]))
        raise SwapError(f"{url} refuses: {document['error']['message']}")
    raise SwapError(
        f"what answers at {url} cannot plan a reload: it is another program, or an older version"
    )


def _object_in(said: bytes) -> dict[str, Any]:
    try:
        document: object = json.loads(said)
    except ValueError:
        return {}
    return cast("dict[str, Any]", document) if isinstance(document, dict) else {}


def table(changes: Sequence[dict[str, Any]]) -> str:
    """Write one line per model, and one that counts them."""
    width = max((len(change["model"]) for change in changes), default=0)
    lines = [f"{c['step']:<7}  {c['model']:<{width}}  {reason_of(c)}" for c in changes]
    counts = Counter(change["step"] for change in changes)
    lines.append(
        f"{counts['keep']} kept, {counts['replace']} replaced, "
        f"{counts['remove']} removed, {counts['add']} added"
    )
    return "\n".join(lines)


def reason_of(change: dict[str, Any]) -> str:
    """Say why a model is treated so, and what else changes."""
    reason = REASONS.get(change["step"]) or f"changed: {', '.join(change['process'])}"
    if change["at_once"]:
        reason += f"; applied at once: {', '.join(change['at_once'])}"
    return reason
