"""What clients and dashboards ask about models: lists, states, unloading.

The shapes are those of the reference (`/v1/models`, `/running`, `/unload`,
`/health`), because existing clients read them.
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from llamaswap.config.schema import Config
from llamaswap.errors import UnknownModelError
from llamaswap.policy.messages import ModelState, ModelView
from llamaswap.policy.naming import Meaning, Names
from llamaswap.policy.rules import ModelId, Selection, Strategy
from llamaswap.web.admission import known_models, unknown_model
from llamaswap.web.asgi import Answer, Request
from llamaswap.web.cors import origin_headers
from llamaswap.web.front import Front, Snapshot


async def health(_front: Front, _request: Request, answer: Answer) -> None:
    """Say that we are here, whatever the models do."""
    await answer.text("OK")


async def list_models(front: Front, request: Request, answer: Answer) -> None:
    """List what requests can name, sorted by id, but for what is unlisted.

    Models, selectors, and the pins of the active profile.
    """
    listing = _Listing(front.snapshot, await _states(front))
    records = [
        *(
            listing.of_model(model)
            for model, entry in front.snapshot.config.models.items()
            if not entry.unlisted
        ),
        *(
            listing.of_selector(name)
            for name, entry in front.snapshot.config.selectors.items()
            if not entry.unlisted
        ),
        *(listing.of_pin(name, front.names) for name in _own_pins(front)),
    ]
    records.sort(key=lambda record: str(record["id"]))
    await answer.json({"object": "list", "data": records}, extra=origin_headers(request))


async def show_model(front: Front, request: Request, answer: Answer) -> None:
    """Show one model, under its id or an alias; also a selector, and a pin."""
    name = request.path.removeprefix("/v1/models/")
    snapshot = front.snapshot
    listing = _Listing(snapshot, await _states(front))
    model = snapshot.names.resolve(name)
    if model is not None:
        record = listing.of_model(model)
    elif name in snapshot.config.selectors:
        record = listing.of_selector(name)
    elif name in _own_pins(front):
        record = listing.of_pin(name, front.names)
    else:
        raise unknown_model(front.names, name)
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


def _own_pins(front: Front) -> list[str]:
    """Return the pins of the active profile that are the only ones of their name."""
    snapshot = front.snapshot
    if front.profile is None:
        return []
    return [
        pin
        for pin, target in snapshot.config.profiles[front.profile].pins.items()
        if target and snapshot.names.meaning(pin) is None
    ]


_IN_USE = frozenset({ModelState.STARTING, ModelState.READY})


@frozen
class _Listing:
    """Describes what can be named, as the reference does."""

    _snapshot: Snapshot
    _states: Mapping[ModelId, ModelView]

    def of_model(self, model: ModelId) -> dict[str, object]:
        """Describe one model."""
        entry = self._snapshot.config.models[model]
        meta: dict[str, object] = {"type": "model"}
        if entry.aliases:
            meta["aliases"] = list(entry.aliases)
        loaded = self._state(model) is not ModelState.STOPPED
        return self._record(model, meta, entry.name, entry.description, loaded=loaded)

    def of_selector(self, name: str) -> dict[str, object]:
        """Describe one selector; it is loaded when a request for it may find a model so."""
        entry = self._snapshot.config.selectors[name]
        meta = dict(entry.metadata) | {
            "type": "selector",
            "strategy": entry.strategy,
            "targets": list(entry.targets),
        }
        if entry.strategy == Strategy.SPILLOVER.value:
            meta["spillover"] = entry.settings.spillover
        loaded = self._is_loaded(self._snapshot.names.meaning(name))
        return self._record(name, meta, entry.name, entry.description, loaded=loaded)

    def of_pin(self, name: str, names: Names) -> dict[str, object]:
        """Describe one pin, with the state of what it leads to."""
        loaded = self._is_loaded(names.meaning(name))
        return self._record(name, {"type": "profile"}, loaded=loaded)

    def _is_loaded(self, meaning: Meaning | None) -> bool:
        if meaning is None:
            return False
        wanted = meaning.wanted
        if not isinstance(wanted, Selection):
            return self._state(wanted) is not ModelState.STOPPED
        is_pin = wanted.strategy is Strategy.PIN
        targets = wanted.targets[:1] if is_pin else wanted.targets
        return any(self._state(model) in _IN_USE for model in targets)

    def _state(self, model: ModelId) -> ModelState:
        view = self._states.get(model)
        return ModelState.STOPPED if view is None else view.state

    def _record(
        self,
        name: str,
        meta: dict[str, object],
        title: str = "",
        description: str = "",
        *,
        loaded: bool,
    ) -> dict[str, object]:
        """Write one record; ``created`` is when we read of it."""
        record: dict[str, object] = {
            "id": name,
            "object": "model",
            "created": int(self._snapshot.loaded_at),
            "owned_by": "llama-swap",
            "status": {"value": "loaded" if loaded else "unloaded"},
            "meta": {"llamaswap": meta},
        }
        for key, text in (("name", title), ("description", description)):
            if text.strip():
                record[key] = text.strip()
        return record
