"""What the router is told of a configuration: which models, how to run them, who must go.

Pure. Here configuration ends: the router and all below it do not know `Config`.
"""

from __future__ import annotations

from attrs import evolve

from llamaswap.config.ports import heed_edits
from llamaswap.config.schema import Config
from llamaswap.config.soundness import misfits, unsupported, without_behaviour
from llamaswap.config.text import split_command
from llamaswap.config.urls import address_of, url_problem
from llamaswap.errors import ConfigError
from llamaswap.policy.eviction import Groups
from llamaswap.policy.matrix import compile_matrix
from llamaswap.policy.messages import Target
from llamaswap.policy.rules import EvictionPolicy, Fairness, Fleet, ModelId, ModelRule
from llamaswap.router import ModelSpec
from llamaswap.upstream.process import UpstreamSpec
from llamaswap.upstream.supervision import Supervision


def usable(config: Config, *, is_loaded: bool = False) -> Config:
    """Return the configuration as it is served.

    Refused is one that asks for what nobody does yet, or that no file could say. A
    model that was changed in Python since it was loaded keeps its changes, whatever
    port a reload gives it; one whose port was written over has that port for good.

    Args:
      config: made by the loader, or in Python.
      is_loaded: it comes from the loader as it is, which has looked at all but the former.

    Raises:
      ConfigError: one fault names all keys without a behaviour; or there is one for
        each value that no file could have.
    """
    if not is_loaded and (faults := misfits(config)):
        raise ConfigError(faults)
    if keys := without_behaviour(config):
        raise ConfigError((unsupported(keys, config),))
    if is_loaded:
        return config
    return evolve(config, models={m: heed_edits(entry) for m, entry in config.models.items()})


def fleet_of(config: Config) -> Fleet:
    """Tell the router what it needs to know of the configuration, and no more."""
    rules = {model: _rule(config, model) for model in config.models}
    return Fleet(rules, _evictions(config), _fairness(config))


def _rule(config: Config, model: ModelId) -> ModelRule:
    specification = specification_of(config, model)
    address = specification.upstream.address
    return ModelRule(
        specification,
        concurrency_limit=config.concurrency_limit(model),
        idle_after=config.idle_after(model),
        priority=config.scheduling.priority.get(model, 0),
        port=None if address is None else address[1],
        process=specification.process,
    )


def _evictions(config: Config) -> EvictionPolicy:
    matrix = config.matrix
    if matrix is None:
        return Groups.of(config.groups, config.models)
    return compile_matrix(matrix.vars, matrix.evict_costs, matrix.sets, config.models)


def _fairness(config: Config) -> Fairness:
    settings = config.scheduling
    return Fairness(
        max_wait=settings.max_wait,
        linger=settings.linger,
        min_residency=settings.min_residency,
        queue_timeout=settings.queue_timeout,
    )


def specification_of(config: Config, model: ModelId) -> ModelSpec:
    """Say what it takes to run one model, and how its process is looked after."""
    entry = config.models[model]
    check, problem = entry.check_endpoint.strip(), url_problem(entry.proxy)
    upstream = UpstreamSpec(
        argv=split_command(entry.cmd),
        env=entry.env,
        address=_loopback_address(entry.proxy),
        obstacle="" if problem is None else str(problem),
    )
    supervision = Supervision(
        stop_argv=split_command(entry.cmd_stop),
        ready_within=float(config.health_check_timeout),
        stop_within=float(config.stop_within(model)),
    )
    target = Target(model, entry.proxy)
    return ModelSpec(upstream, target, supervision, None if check == "none" else check)


def _loopback_address(url: str) -> tuple[str, int] | None:
    """Return where the server will listen, if that is on this machine."""
    address = address_of(url)
    host = "" if address is None else address[0]
    return address if host in {"localhost", "::1"} or host.startswith("127.") else None
