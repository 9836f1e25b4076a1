"""The way of a model request: admit, lease, relay.

A client that hangs up, at any moment, cancels the scope that everything here
runs in: the lease goes back and the upstream's connection is closed with it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import trio
from attrs import frozen

from llamaswap.errors import SwapError, UnavailableError, UpstreamError
from llamaswap.inbox import Lease
from llamaswap.policy.rewrites import Headers, answer_headers, forward_headers
from llamaswap.policy.rules import ModelId, Selection
from llamaswap.relay.client import RequestBody, RequestHead
from llamaswap.relay.exchange import relay
from llamaswap.web.admission import admit
from llamaswap.web.asgi import Answer, Header, Request
from llamaswap.web.front import Front
from llamaswap.web.hangup import until_hangup
from llamaswap.web.refusals import event_of

logger: logging.Logger = logging.getLogger("llamaswap.web")

_TIMING = b"server-timing"


@frozen
class Passed:
    """What a model's server is asked."""

    target: bytes
    """Path and query, percent-encoded."""

    body: RequestBody
    """Known, or still arriving."""


async def infer(front: Front, request: Request, answer: Answer, path: bytes) -> None:
    """Serve a request that names its model; ``path`` is what the upstream sees."""
    admitted = await admit(request, front.names)
    meaning, config = admitted.meaning, front.snapshot.config

    def passed(model: ModelId) -> Passed:
        # A reload may have changed the name since, or have just removed the model.
        entry = front.snapshot.config.models.get(model, config.models[model])
        query, body = admitted.named(entry.use_model_name or meaning.name_of(model))
        return Passed(path + b"?" + query if query else path, body)

    await pass_on(front, request, answer, meaning.wanted, passed)


async def pass_on(
    front: Front,
    request: Request,
    answer: Answer,
    wanted: ModelId | Selection,
    passed: Callable[[ModelId], Passed],
) -> None:
    """Have a model answer the request.

    Args:
      wanted: the model, or those of which one is to answer.
      passed: says what the model that is granted is asked.
    """
    headers = forward_headers(request.headers, request.client)
    async with until_hangup(request), front.router.lease(wanted) as lease:
        asked = passed(lease.target.model)
        head = RequestHead(request.method.encode(), asked.target, headers)
        try:
            await relay(front.pool, lease.target, head, asked.body, _timed(lease, answer), answer)
        except UpstreamError as exc:
            error = _to_blame(lease, exc)
            logger.warning("%s: %s", lease.target.model, error)
            if not answer.status:
                raise error from exc
            await _break_off(request, answer, error)


def _timed(lease: Lease, answer: Answer) -> Callable[[Headers], list[Header]]:
    """Have ``answer`` say in milliseconds what its request has waited for.

    Returns:
      What makes the client's headers of the upstream's, and is called when they come.
    """
    waited = b"queue;dur=%.1f, load;dur=%.1f" % (lease.queued * 1000, lease.loading * 1000)
    answer.extra.append((_TIMING, waited))
    asked_at = trio.current_time()

    def with_timing(headers: Headers) -> list[Header]:
        took = trio.current_time() - asked_at
        answer.extra[-1] = (_TIMING, b"%b, upstream;dur=%.1f" % (waited, took * 1000))
        return answer_headers(headers)

    return with_timing


def _to_blame(lease: Lease, error: UpstreamError) -> SwapError:
    """Return what went wrong: a server that we have stopped is not to blame for it."""
    reason = lease.why_stopped()
    if reason is None:
        return error
    model = lease.target.model
    return UnavailableError(f"the model {model!r} was stopped before its answer ended: {reason}")


async def _break_off(request: Request, answer: Answer, error: SwapError) -> None:
    """Let the client see that what it got is not the whole answer."""
    if answer.takes_events:
        await answer.end(event_of(request.path, error))
    else:
        answer.abort()
