"""What clients and dashboards ask about models: lists, states, unloading.

The shapes are those of the reference (`/v1/models`, `/running`, `/unload`,
`/health`), because existing clients read them.
"""

from __future__ import annotations

from llamaswap.config.schema import Config
from llamaswap.errors import UnknownModelError
from llamaswap.policy.messages import ModelState, ModelView
from llamaswap.policy.rules import ModelId
from llamaswap.web.admission import known_models, resolve
from llamaswap.web.asgi import Answer, Request
from llamaswap.web.cors import origin_headers
from llamaswap.web.front import Front, Snapshot


async def health(_front: Front, _request: Request, answer: Answer) -> None:
    """Say that we are here, whatever the models do."""
    await answer.text("OK")


async def list_models(front: Front, request: Request, answer: Answer) -> None:
    """List the models that are not unlisted, sorted by id."""
    snapshot = front.snapshot
    states = await _states(front)
    records = [
        _record(snapshot, model, states)
        for model, entry in sorted(snapshot.config.models.items())
        if not entry.unlisted
    ]
    await answer.json({"object": "list", "data": records}, extra=origin_headers(request))


async def show_model(front: Front, request: Request, answer: Answer) -> None:
    """Show one model, under its id or an alias."""
    snapshot = front.snapshot
    model = resolve(snapshot.names, request.path.removeprefix("/v1/models/"))
    record = _record(snapshot, model, await _states(front))
    await answer.json(record, extra=origin_headers(request))


async def running(front: Front, _request: Request, answer: Answer) -> None:
    """List the processes there are, sorted by model."""
    config = front.snapshot.config
    entries = [
        _running_entry(config, view)
        for view in await front.router.view()
        # A removed model may still be finishing what it serves.
        if view.state is not ModelState.STOPPED and view.model in config.models
    ]
    await answer.json({"running": entries})


def _running_entry(config: Config, view: ModelView) -> dict[str, object]:
    entry = config.models[view.model]
    return {
        "model": view.model,
        "state": view.state.value,
        "cmd": entry.cmd,
        "proxy": entry.proxy,
        "ttl": int(config.idle_after(view.model) or 0),
        "name": entry.name,
        "description": entry.description,
        "in_flight": view.serving,
        "waiting": view.waiting,
    }


async def unload_all(front: Front, request: Request, answer: Answer) -> None:
    """Stop every model; answers when all are gone.

    GET does so because clients of the reference rely on it. HEAD, which is what
    link checkers and monitors send, changes nothing (RFC 9110, 9.2.1).
    """
    if request.method != "HEAD":
        await front.router.unload()
    await answer.text("OK")


async def unload_all_api(front: Front, _request: Request, answer: Answer) -> None:
    """Stop every model; answers when all are gone."""
    await front.router.unload()
    await answer.json({"msg": "ok"})


async def unload_one(front: Front, request: Request, answer: Answer) -> None:
    """Stop one model, named by id or alias; answers when it is gone."""
    names = front.snapshot.names
    model = names.resolve(request.path.removeprefix("/api/models/unload/"))
    if model is None:
        raise UnknownModelError(f"model not found ({known_models(names)})")
    await front.router.unload(frozenset({model}))
    await answer.text("OK")


async def _states(front: Front) -> dict[ModelId, ModelView]:
    return {view.model: view for view in await front.router.view()}


def _record(
    snapshot: Snapshot, model: ModelId, states: dict[ModelId, ModelView]
) -> dict[str, object]:
    """Describe one model as the reference does; ``created`` is when we read of it."""
    entry = snapshot.config.models[model]
    view = states.get(model)
    loaded = view is not None and view.state is not ModelState.STOPPED
    meta: dict[str, object] = {"type": "model"}
    if entry.aliases:
        meta["aliases"] = list(entry.aliases)
    record: dict[str, object] = {
        "id": model,
        "object": "model",
        "created": int(snapshot.loaded_at),
        "owned_by": "llama-swap",
        "status": {"value": "loaded" if loaded else "unloaded"},
        "meta": {"llamaswap": meta},
    }
    for key, text in (("name", entry.name), ("description", entry.description)):
        if text.strip():
            record[key] = text.strip()
    return record
