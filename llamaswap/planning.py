"""What a reload does to each model: its port, its process, and the reasons.

Pure. `llamaswap.policy.plan` compares what the router is told of two configurations;
here it is seen to that they differ as little as possible, and people are told the parts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from attrs import asdict, evolve

from llamaswap.config.ports import fill_port
from llamaswap.config.schema import Config
from llamaswap.config.urls import port_of
from llamaswap.fleet import fleet_of, specification_of
from llamaswap.policy.plan import Change, Plan, Step, assign_ports, plan
from llamaswap.policy.rules import ModelId, ModelRule
from llamaswap.router import ModelSpec


def keep_ports(old: Config, new: Config) -> Config:
    """Return ``new`` with ports that leave as many processes of ``old`` as possible alone.

    Who would be the same process with its old number keeps that number, and nobody
    else gets a number of ``old``: its process may still listen there.
    """
    taken = {model: e.port for model, e in old.models.items() if e.port is not None}
    wanted = [model for model, entry in new.models.items() if entry.port is not None]
    if not wanted:
        return new
    as_before = _with_ports_of(old, new)
    models = dict(as_before.models)
    kept = {
        model
        for model in taken.keys() & set(wanted)
        if specification_of(old, model).process == specification_of(as_before, model).process
    }
    for model, number in assign_ports(wanted, new.start_port, taken, kept).items():
        models[model] = fill_port(models[model], number)
    return evolve(new, models=models)


def _with_ports_of(old: Config, new: Config) -> Config:
    """Return ``new`` with the ports of ``old``, where a model has one in both."""
    models = dict(new.models)
    for model, entry in new.models.items():
        before = old.models.get(model)
        if entry.port is not None and before is not None and before.port is not None:
            models[model] = fill_port(entry, before.port)
    return evolve(new, models=models)


def steps_to(old: Config, new: Config, running: Mapping[ModelId, object]) -> Plan:
    """Say what a reload to ``new`` does to each model, as the scheduler will decide it.

    Args:
      old: in force until then.
      new: with the ports that it gets.
      running: what the processes were started with. Those that are not as ``old``
        says are of an earlier configuration and drain.
    """
    now = {
        model: ModelRule(specification, process=specification.process)
        for model, specification in _now(old, running).items()
    }
    steps = plan(now, fleet_of(new).models)
    # What an earlier reload has removed leaves whatever this one says.
    return evolve(steps, remove=tuple(model for model in steps.remove if model in old.models))


def foresee(old: Config, new: Config, running: Mapping[ModelId, object]) -> tuple[Change, ...]:
    """Say what a reload would do to each model and why, sorted by model; see `steps_to`."""
    now = _now(old, running)
    words = cast("dict[Step, tuple[ModelId, ...]]", asdict(steps_to(old, new, running)))
    steps: dict[ModelId, Step] = {m: step for step, models in words.items() for m in models}
    return tuple(
        Change(
            model,
            step,
            _process_changes(now[model], new, model) if step == "replace" else (),
            _changes_at_once(old, new, model, step),
        )
        for model, step in sorted(steps.items())
    )


def _now(config: Config, running: Mapping[ModelId, object]) -> dict[ModelId, ModelSpec]:
    """Return what each process was started with, or will be."""
    now = {model: specification_of(config, model) for model in config.models}
    for model, specification in running.items():
        assert isinstance(specification, ModelSpec)
        now[model] = specification
    return now


def _process_changes(before: ModelSpec, new: Config, model: ModelId) -> tuple[str, ...]:
    """Name what differs. Another port is no reason, unless it is the only one."""
    port, entry = port_of(before.target.url), new.models[model]
    if entry.port is not None and port is not None:
        new = evolve(new, models={model: fill_port(entry, port)})
    after = specification_of(new, model)
    return _differing(_process_parts(before), _process_parts(after)) or ("port",)


def _changes_at_once(old: Config, new: Config, model: ModelId, step: Step) -> tuple[str, ...]:
    if model not in old.models or model not in new.models:
        return ()
    differing = _differing(_other_parts(old, model), _other_parts(new, model))
    if step != "replace":
        return differing
    # The process that goes is looked after as before.
    return tuple(part for part in differing if part not in _OF_A_PROCESS)


def _differing(old: Mapping[str, object], new: Mapping[str, object]) -> tuple[str, ...]:
    return tuple(part for part in old if old[part] != new[part])


def _process_parts(specification: ModelSpec) -> dict[str, object]:
    """Name everything by which processes differ."""
    upstream = specification.upstream
    return {
        "command": upstream.argv,
        "environment": upstream.env,
        "address": (specification.target, upstream.address, upstream.obstacle),
    }


_OF_A_PROCESS = frozenset({"stop command", "health check", "time limits"})


def _other_parts(config: Config, model: ModelId) -> dict[str, object]:
    entry = config.models[model]
    specification = specification_of(config, model)
    supervision = specification.supervision
    return {
        "stop command": supervision.stop_argv,
        "health check": specification.check_path,
        "time limits": (supervision.ready_within, supervision.stop_within),
        "limit": config.concurrency_limit(model),
        "priority": config.scheduling.priority.get(model, 0),
        "ttl": config.idle_after(model),
        "aliases": frozenset(entry.aliases),
        "name": entry.name,
        "description": entry.description,
        "unlisted": entry.unlisted,
        "useModelName": entry.use_model_name,
    }
