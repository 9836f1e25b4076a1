"""Live feeds: the logs, as history and as they are written.

A feed ends by itself when the program leaves, so that it never uses up the time
that real requests have to finish; a reader that is too slow is told how much it
missed.
"""

from __future__ import annotations

import trio

from llamaswap.broadcast import Heard, Listener
from llamaswap.errors import RequestError
from llamaswap.observe.logs import COMBINED, Log
from llamaswap.web.asgi import TEXT, Answer, Request
from llamaswap.web.front import Front
from llamaswap.web.hangup import until_hangup

_HEADERS = [
    (b"content-type", TEXT),
    (b"x-content-type-options", b"nosniff"),
    (b"x-accel-buffering", b"no"),
]


async def show_logs(front: Front, request: Request, answer: Answer) -> None:
    """Send what stdout has shown lately; browsers go to the page instead."""
    if "text/html" in request.header(b"accept"):
        await answer.redirect(302, b"/ui/")
        return
    await answer.whole(200, TEXT, front.book.combined.history)


async def stream_logs(front: Front, request: Request, answer: Answer) -> None:
    """Send the history of one source, then what comes, until somebody leaves."""
    log = _source_of(front, request)
    await answer.start(200, list(_HEADERS))
    if request.method != "HEAD":
        async with until_hangup(request):
            await _follow(log, front.leaving, request, answer)
    await answer.end()


async def _follow(log: Log, leaving: trio.Event, request: Request, answer: Answer) -> None:
    with log.follow() as (history, feed):
        if history and request.parameter("no-history") is None:
            await answer.piece(history)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(cancel_when, leaving, nursery.cancel_scope)
            await _pass_on(feed, answer)


async def _pass_on(feed: Listener[bytes], answer: Answer) -> None:
    while True:
        heard = await feed.receive()
        if heard.missed:
            await answer.piece(missed(heard).encode())
        await answer.piece(b"".join(heard.items))


def missed(heard: Heard[bytes]) -> str:
    """Say in the log itself how much of it a slow reader has missed."""
    return f"— {heard.missed} writes missed —\n"


async def cancel_when(event: trio.Event, scope: trio.CancelScope) -> None:
    """Cancel ``scope`` when ``event`` is set."""
    await event.wait()
    scope.cancel()


def _source_of(front: Front, request: Request) -> Log:
    """Find the log that ``/logs/stream/<name>`` means: a source, else a model's.

    What follows a model's name is ignored, so that a model called ``proxy`` can
    be reached as ``proxy/``, as in the reference.
    """
    raw = request.raw_path.decode("latin1").removeprefix("/logs/stream").removeprefix("/")
    source = front.book.source(raw or COMBINED)
    if source is not None:
        return source
    found = front.snapshot.names.split_path(raw)
    if found is None:
        raise RequestError("invalid logger. Use 'proxy', 'upstream' or a model's ID")
    return front.book.of_model(found[0])
