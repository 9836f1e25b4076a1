"""The way of a model request: admit, lease, relay.

A client that hangs up, at any moment, cancels the scope that everything here
runs in: the lease goes back and the upstream's connection is closed with it.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator

from llamaswap.errors import UpstreamError
from llamaswap.inbox import Lease
from llamaswap.policy.rewrites import answer_headers, forward_headers
from llamaswap.policy.rules import ModelId
from llamaswap.relay.client import RequestHead
from llamaswap.relay.exchange import relay
from llamaswap.web.admission import admit
from llamaswap.web.asgi import Answer, Request
from llamaswap.web.front import Front
from llamaswap.web.hangup import until_hangup
from llamaswap.web.refusals import event_of

logger: logging.Logger = logging.getLogger("llamaswap.web")


async def infer(front: Front, request: Request, answer: Answer, path: bytes) -> None:
    """Serve a request that names its model; ``path`` is what the upstream sees."""
    snapshot = front.snapshot
    admitted = await admit(request, snapshot.names)
    name = snapshot.config.models[admitted.model].use_model_name
    body = admitted.body if name is None else admitted.rename(name)
    await pass_on(front, request, answer, admitted.model, path, body)


async def pass_on(
    front: Front,
    request: Request,
    answer: Answer,
    model: ModelId,
    path: bytes,
    body: bytes | AsyncIterator[bytes],
) -> None:
    """Have ``model`` answer the request.

    Args:
      path: what the model's server is asked for, percent-encoded; the query is
        the client's.
      body: what the server gets, known or still arriving.
    """
    headers = forward_headers(request.headers, request.client)
    head = RequestHead(request.method.encode(), request.with_query(path), headers)
    async with until_hangup(request), front.router.lease(model) as lease:
        answer.extra.append((b"server-timing", _timing(lease)))
        try:
            await relay(front.pool, lease.target, head, body, answer_headers, answer)
        except UpstreamError as exc:
            logger.warning("%s: %s", model, exc)
            if not answer.status:
                raise
            await _break_off(request, answer, exc)


def _timing(lease: Lease) -> bytes:
    """Say in milliseconds how long the request has waited, and for what."""
    return b"queue;dur=%.1f, load;dur=%.1f" % (lease.queued * 1000, lease.loading * 1000)


async def _break_off(request: Request, answer: Answer, error: UpstreamError) -> None:
    """Let the client see that what it got is not the whole answer."""
    if answer.takes_events:
        await answer.end(event_of(request.path, error))
    else:
        answer.abort()
