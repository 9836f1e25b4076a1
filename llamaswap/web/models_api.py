"""What clients and dashboards ask about models: lists, states, unloading.

The shapes are those of the reference (`/v1/models`, `/running`, `/unload`,
`/health`), because existing clients read them.
"""

from __future__ import annotations

from urllib.parse import unquote

from llamaswap.errors import UnknownModelError
from llamaswap.policy.messages import ModelId, ModelState, ModelView
from llamaswap.web.admission import unknown_model
from llamaswap.web.asgi import TEXT, Answer, Request
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
    origin = request.header(b"origin")
    extra = [(b"access-control-allow-origin", origin.encode("latin1"))] if origin else []
    await answer.json({"object": "list", "data": records}, extra=extra)


async def show_model(front: Front, request: Request, answer: Answer) -> None:
    """Show one model, under its id or an alias."""
    snapshot = front.snapshot
    name = unquote(request.raw_path.decode("latin1").removeprefix("/v1/models/"))
    model = snapshot.names.resolve(name)
    if model is None:
        raise unknown_model(snapshot.names, name)
    await answer.json(_record(snapshot, model, await _states(front)))


async def running(front: Front, _request: Request, answer: Answer) -> None:
    """List the processes there are, sorted by model."""
    config = front.snapshot.config
    entries: list[dict[str, object]] = []
    for view in await front.router.view():
        entry = config.models.get(view.model)
        if view.state is ModelState.STOPPED or entry is None:
            continue
        entries.append(
            {
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
        )
    await answer.json({"running": entries})


async def unload_all(front: Front, _request: Request, answer: Answer) -> None:
    """Stop every model; answers when all are gone."""
    await front.router.unload()
    await answer.text("OK")


async def unload_all_api(front: Front, _request: Request, answer: Answer) -> None:
    """Stop every model; answers when all are gone."""
    await front.router.unload()
    await answer.json({"msg": "ok"})


async def unload_one(front: Front, request: Request, answer: Answer) -> None:
    """Stop one model, named by id or alias; answers when it is gone."""
    name = request.path.removeprefix("/api/models/unload/")
    model = front.snapshot.names.resolve(name)
    if model is None:
        raise UnknownModelError("model not found")
    await front.router.unload(frozenset({model}))
    await answer.whole(200, TEXT, b"OK")


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
