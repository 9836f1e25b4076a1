"""From a document of plain values to a configuration: every step, in its order.

Pure but for the look at ``store.path``. Each step goes on after faults as far
as it can, and leaves alone what a step before it has complained about.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from attrs import evolve

from llamaswap.config.checks import check_preload, check_top
from llamaswap.config.document import (
    KeyPath,
    Place,
    Plain,
    Problem,
    Report,
    note_secrets,
    path_text,
)
from llamaswap.config.expansion import expand_document, section_at
from llamaswap.config.groups import ROUTINGS, build_groups, find_routing
from llamaswap.config.indentation import refuse_misplaced
from llamaswap.config.keys import survey
from llamaswap.config.models import build_models, with_slots
from llamaswap.config.names import BaseNames, local_names
from llamaswap.config.peers import build_peers, check_full_names, taken_names
from llamaswap.config.ports import PortSlot
from llamaswap.config.profiles import build_profiles
from llamaswap.config.scheduling import build_matrix, build_scheduling, check_routing
from llamaswap.config.schema import Config
from llamaswap.config.selectors import Company, build_selectors
from llamaswap.config.structure import structure
from llamaswap.config.unread import unread_models, unread_peers
from llamaswap.policy.unread import Unread


def build(top: Mapping[str, Plain], report: Report, environment: Collection[str] = ()) -> Config:
    """Return what the document with the keys ``top`` asks for; faults go to ``report``.

    ``environment`` has the names of variables, for the advice.
    """
    unsupported = survey(top, report)
    refuse_misplaced(top, report)
    expansion = expand_document(top, report, environment)
    note_secrets(expansion.document, (), report)
    config = build_filled(expansion.document, report, expansion.slots)
    _warn_of_nothing(config, top, report)
    return evolve(
        config,
        unsupported=tuple(map(path_text, unsupported)),
        places=_places(unsupported, report),
    )


def build_filled(
    document: dict[str, Plain], report: Report, slots: Mapping[str, PortSlot]
) -> Config:
    """Return what ``document`` asks for, in which nothing is left to be filled in.

    Args:
        document: its keys.
        report: where faults and warnings go.
        slots: the models that have a port; see `llamaswap.config.models.with_slots`.
    """
    config = check_top(structure(Config, document, (), report), document, report)
    config = evolve(
        config,
        models=with_slots(build_models(_section(document, "models", report), report), slots),
        peers=build_peers(_section(document, "peers", report), report),
    )
    unread = unread_models(document, report)
    config, company = _with_routing(config, document, unread, report)
    names = BaseNames.of(config.models, config.peers, unread | unread_peers(document, report))
    selectors = build_selectors(_section(document, "selectors", report), names, company, report)
    profiles = build_profiles(_section(document, "profiles", report), names, selectors, report)
    taken = taken_names(config.models, selectors, profiles)
    check_full_names(config.peers, document, taken, report)
    hooks = check_preload(config.hooks, local_names(config.models), document, report, unread)
    return evolve(config, hooks=hooks, selectors=selectors, profiles=profiles)


def _with_routing(
    config: Config, document: Mapping[str, Plain], unread: Unread, report: Report
) -> tuple[Config, Company]:
    """Return ``config`` with its routing, and what that means."""
    section = check_routing(document, report)
    routing = find_routing(document, report)
    ids = local_names(config.models)
    groups = build_groups(routing, ids, report, unread)
    aliases = {name: model for name, model in ids.items() if name != model}
    matrix, compiled = build_matrix(routing, config.models, report, aliases=aliases, unread=unread)
    is_usable = matrix is None or compiled is not None
    is_known = is_usable and not any(report.is_tainted(path) for path in ROUTINGS)
    company = Company(groups, compiled, is_known=is_known)
    scheduling = build_scheduling(section, ids, report, unread)
    config = evolve(config, groups=groups, matrix=matrix, scheduling=scheduling)
    return config, company


def _warn_of_nothing(config: Config, top: Mapping[str, Plain], report: Report) -> None:
    """Say that there is nobody to serve, unless what was meant could not be read."""
    is_unread = report.is_tainted(("models",)) or report.is_tainted(("peers",))
    if not config.models and not config.peers and not is_unread:
        path = ("models",) if "models" in top else ()
        text = "no models are configured, so nothing can be served: expected {expected}"
        report.warn(path, Problem(text, "entries below models", "none"))


def _places(paths: Iterable[KeyPath], report: Report) -> dict[str, Place]:
    """Return where each of ``paths`` is written, with its file."""
    found = ((path, report.place_of(path)) for path in paths)
    return {
        path_text(path): evolve(place, file=place.file or report.file)
        for path, place in found
        if place is not None
    }


def _section(document: Mapping[str, Plain], key: str, report: Report) -> dict[str, Plain]:
    return section_at(document.get(key), (key,), report)
