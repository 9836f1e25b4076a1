"""``/api/events``: states and logs as server-sent events, as they change.

In the reference's envelope: ``type``, and ``data``, which is JSON in a text once
more. A stream outlives reloads and ends by itself when the program leaves. Only
what is sent last counts for states, so a reader that is too slow loses nothing
there; of logs it is told how much it missed.

Left out, because nobody keeps it yet: ``activity`` rows, the ``inflight`` table
of requests, models of peers, ``capabilities`` and ``context_length``.
"""

from __future__ import annotations

import json
from codecs import IncrementalDecoder, getincrementaldecoder
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager

import trio
from attrs import define, field

from llamaswap.broadcast import Listener
from llamaswap.config.schema import Config
from llamaswap.errors import SwapError
from llamaswap.observe.logs import PROXY, RING_BYTES, UPSTREAM
from llamaswap.policy.messages import ModelState
from llamaswap.policy.rules import ModelId
from llamaswap.web.asgi import Answer, Header, Request
from llamaswap.web.front import Front
from llamaswap.web.hangup import until_hangup
from llamaswap.web.streams import cancel_when, missed

STATES_PAUSE = 0.05
"""Seconds between two lists of states: a swap's steps within it are one list, and
nobody who looks at a page sees the difference."""

HEARTBEAT = 25.0
"""Seconds between two comments, which clients ignore: proxies cut what is silent
for 30 s or 60 s, and a client that has vanished is only noticed by writing to it."""

_HEADERS = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-cache"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-accel-buffering", b"no"),
]
_KEEP: Header = (b"connection", b"keep-alive")
"""As in the reference on HTTP/1.1 only: HTTP/2 forbids it."""


async def stream_events(front: Front, request: Request, answer: Answer) -> None:
    """Tell how things stand, then every change, until somebody leaves."""
    kept = [_KEEP] if request.http_version == "1.1" else []
    await answer.start(200, _HEADERS + kept)
    if request.method != "HEAD":
        async with until_hangup(request):
            await _Subscription(front, answer).tell_all()
    await answer.end()


@define(eq=False)
class _Tail:
    """One log, for one reader: its history, and what comes after it."""

    source: str
    history: bytes
    feed: Listener[bytes]
    _decoder: IncrementalDecoder = field(
        factory=lambda: getincrementaldecoder("utf-8")("replace"), init=False
    )
    """Keeps a character that is cut between two pieces."""

    def texts(self, data: bytes) -> Iterator[str]:
        """Decode ``data`` in pieces: no line of the stream may grow with the backlog.

        The reference's wake-on-LAN front end reads lines of at most 2 MiB, and a
        byte may take seven when it has been escaped twice.
        """
        for start in range(0, len(data), RING_BYTES):
            if text := self._decoder.decode(data[start : start + RING_BYTES]):
                yield text


@define(eq=False)
class _Subscription:
    """One reader of events.

    What may wait for it is bounded: two feeds, and the fact that states have changed.
    """

    _front: Front
    _answer: Answer
    _turn: trio.Lock = field(factory=trio.Lock, init=False)
    """Held while an event is sent: they must not mix, and nobody waits long for it."""

    _settings: dict[str, object] = field(factory=dict[str, object], init=False)
    """What was told last, of that which is told only when it is new."""

    async def tell_all(self) -> None:
        """Tell the beginning, then every change, until the program leaves."""
        front = self._front
        with (
            front.changes.listen(1) as changes,
            self._following(PROXY) as proxy,
            self._following(UPSTREAM) as upstream,
        ):
            try:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(cancel_when, front.leaving, nursery.cancel_scope)
                    await self._tell_beginning((proxy, upstream))
                    nursery.start_soon(self._tell_changes, changes)
                    nursery.start_soon(self._tell_log, proxy)
                    nursery.start_soon(self._tell_log, upstream)
                    nursery.start_soon(self._beat)
            except* SwapError:
                # The router has ended: nothing will change any more.
                pass

    @contextmanager
    def _following(self, source: str) -> Generator[_Tail, None, None]:
        log = self._front.book.source(source)
        assert log is not None, "both sources always exist"
        with log.follow() as (history, feed):
            yield _Tail(source, history, feed)

    async def _tell_beginning(self, tails: Iterable[_Tail]) -> None:
        """Tell how things stand, complete and in the order of the reference."""
        for tail in tails:
            await self._tell_text(tail, "".join(tail.texts(tail.history)))
        await self._tell_states()
        await self._tell_settings()

    async def _tell_changes(self, changes: Listener[None]) -> None:
        while True:
            await changes.receive()
            await self._tell_states()
            await self._tell_settings()
            await trio.sleep(STATES_PAUSE)

    async def _tell_log(self, tail: _Tail) -> None:
        while True:
            heard = await tail.feed.receive()
            if heard.missed:
                await self._tell_text(tail, missed(heard))
            for text in tail.texts(b"".join(heard.items)):
                await self._tell_text(tail, text)

    async def _beat(self) -> None:
        while True:
            await trio.sleep(HEARTBEAT)
            async with self._turn:
                await self._answer.piece(b":\n\n")

    async def _tell_text(self, tail: _Tail, text: str) -> None:
        async with self._turn:
            await self._tell("logData", {"source": tail.source, "data": text})

    async def _tell_states(self) -> None:
        async with self._turn:
            # Asked only now, when it can be sent: whoever was slow gets the latest.
            states = {view.model: view.state for view in await self._front.router.view()}
            await self._tell("modelStatus", _models(self._front.snapshot.config, states))

    async def _tell_settings(self) -> None:
        """Tell what a reload or a profile has changed beside the models."""
        settings = {
            "uiConfig": _page_settings(self._front.snapshot.config),
            "profileChanged": {"active": self._front.profile},
        }
        for kind, document in settings.items():
            if self._settings.get(kind) != document:
                self._settings[kind] = document
                async with self._turn:
                    await self._tell(kind, document)

    async def _tell(self, kind: str, document: object) -> None:
        await self._answer.piece(event_of(kind, document))


def event_of(kind: str, document: object) -> bytes:
    """Write one event; a line break within it is escaped, so it is two lines and an empty one."""
    # Without spaces, as in the reference: there may be scripts that look for ``"type":"…``.
    inner = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    outer = json.dumps({"type": kind, "data": inner}, separators=(",", ":"))
    return b"event:message\ndata:%b\n\n" % outer.encode()


def _models(config: Config, states: Mapping[ModelId, ModelState]) -> list[dict[str, object]]:
    """Describe all models of the configuration, unlisted ones too, sorted by id."""
    return [
        _model(config, model, states.get(model, ModelState.STOPPED))
        for model in sorted(config.models)
    ]


def _model(config: Config, model: ModelId, state: ModelState) -> dict[str, object]:
    entry = config.models[model]
    described: dict[str, object] = {
        "id": model,
        "name": entry.name.strip(),
        "description": entry.description.strip(),
        "state": state.value,
        "unlisted": entry.unlisted,
        "peerID": "",
    }
    if entry.aliases:
        described["aliases"] = list(entry.aliases)
    return described


def _page_settings(config: Config) -> dict[str, object]:
    return {"activity": {"session_id": list(config.ui.activity.session_id)}}
