"""The program's own API under ``/api/``."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime

import trio
from attrs import asdict

from llamaswap._version import BUILT_AT, COMMIT, VERSION
from llamaswap.config.schema import Config
from llamaswap.errors import ConfigError, Fault, SwapError
from llamaswap.web.asgi import JSON, Answer, Request
from llamaswap.web.front import Front, Reloading
from llamaswap.web.proposals import read_proposal

UNUSABLE = 422
"""The status of a reload whose files cannot be used: the request was fine, they are not."""


class NoSourceError(SwapError):
    """There is nothing that could be read again."""

    status_hint = 409
    code = "no_configuration_source"


async def version(_front: Front, _request: Request, answer: Answer) -> None:
    """Say which program this is."""
    await answer.json({"version": VERSION, "commit": COMMIT, "build_date": BUILT_AT})


async def show_config(front: Front, _request: Request, answer: Answer) -> None:
    """Say which configuration is in force, and why the last one that was tried is not."""
    snapshot = front.snapshot
    loaded_at = datetime.fromtimestamp(snapshot.loaded_at, UTC)
    await answer.json(
        {
            "sources": [str(path.absolute()) for path in snapshot.config.sources],
            "digest": snapshot.config.digest,
            "loaded_at": loaded_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "faults": None if front.faults is None else _documents(front.faults),
        }
    )


async def reload(front: Front, _request: Request, answer: Answer) -> None:
    """Read the configuration again; answer when it is in force, or with its faults.

    What is replaced or removed is gone by then.

    Raises:
      NoSourceError: a program gave the configuration.
      SwapError: it is in force, but a process survived being killed.
    """
    reloader = _reloader_of(front)
    try:
        steps = await reloader.reload()
    except ConfigError as exc:
        await _refuse(answer, exc)
    else:
        await answer.json(asdict(steps))


async def plan(front: Front, request: Request, answer: Answer) -> None:
    """Say what a reload to the models in the body would do to each; change nothing.

    Without a body: what a reload of our own files would do.

    Raises:
      NoSourceError: a program gave the configuration.
      RequestError: the body is no proposal.
    """
    reloader = _reloader_of(front)
    body = await request.body()
    try:
        changes = await reloader.foresee(await _proposed(body) if body else None)
    except ConfigError as exc:
        await _refuse(answer, exc)
    else:
        await answer.json({"changes": [asdict(change) for change in changes]})


async def _proposed(body: bytes) -> Config:
    return await trio.to_thread.run_sync(read_proposal, body, abandon_on_cancel=True)


def _reloader_of(front: Front) -> Reloading:
    if front.reloader is None:
        raise NoSourceError(
            "there are no files to read again: a program gave the configuration, "
            "and gives the next one"
        )
    return front.reloader


async def _refuse(answer: Answer, error: ConfigError) -> None:
    await answer.whole(UNUSABLE, JSON, json.dumps(_refusal(error)).encode() + b"\n")


def _refusal(error: ConfigError) -> dict[str, object]:
    told = {
        "message": str(error),
        "type": "invalid_request_error",
        "param": None,
        "code": "invalid_configuration",
    }
    return {"src": "llama-swap", "error": told, "faults": _documents(error.faults)}


def _documents(faults: Iterable[Fault]) -> list[dict[str, object]]:
    return [asdict(fault) for fault in faults]
