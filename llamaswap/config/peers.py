"""Peers: other routers, and the names of their models among ours.

Pure. A peer's model is called ``<peer>/<model>``; that name must be nobody else's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from attrs import evolve

from llamaswap.config.conversions import quoted
from llamaswap.config.document import KeyPath, Plain, Problem, Report
from llamaswap.config.expansion import section_at
from llamaswap.config.names import full_name, local_names
from llamaswap.config.schema import ModelConfig
from llamaswap.config.sections import PeerConfig, ProfileConfig, SelectorConfig
from llamaswap.config.structure import kept_places, structure
from llamaswap.config.urls import check_url
from llamaswap.policy.rules import ModelId

_NOTHING_SAID = Problem(
    "nothing is said of this peer, so it is left out: expected {expected}",
    "its proxy and models",
    "nothing",
)


def build_peers(sections: Mapping[str, Plain], report: Report) -> dict[str, PeerConfig]:
    """Return the peers of ``sections``, the filled ``peers`` of the file, in its order."""
    peers: dict[str, PeerConfig] = {}
    for name, value in sections.items():
        path = ("peers", name)
        if value is None and not report.is_tainted(path):
            # The reference serves such files, and has a peer without models then.
            report.warn(path, _NOTHING_SAID)
            continue
        peer = structure(PeerConfig, section_at(value, path, report), path, report)
        if not report.is_tainted(path) or isinstance(value, dict):
            _check_peer(peer, path, report)
        peers[name] = evolve(peer, models=tuple(dict.fromkeys(peer.models)))
    return peers


def check_full_names(
    peers: Mapping[str, PeerConfig],
    document: Mapping[str, Plain],
    taken: Mapping[str, str],
    report: Report,
) -> None:
    """Tell full names of peers' models that somebody else has.

    Args:
        peers: what was built.
        document: what it was built from; it knows where each model stands.
        taken: every other name, and who has it: see `taken_names`.
        report: where faults go.
    """
    owners: dict[str, str] = {}
    for peer in peers:
        for model, place in _offers(peer, document, report):
            name = full_name(peer, model)
            owner = owners.setdefault(name, peer)
            if owner != peer:
                text = (
                    "the fully qualified name {found} is ambiguous: the peers {detail} both have it"
                )
                both = f"{owner!r} and {peer!r}"
                problem = Problem(text, "a name that only one peer has", quoted(name), detail=both)
                report.fault(place, problem)
            elif name in taken:
                text = "{detail} {found} conflicts with fully qualified peer model name {found}"
                expected = "a name that nobody else has"
                report.fault(place, Problem(text, expected, quoted(name), detail=taken[name]))


def taken_names(
    models: Mapping[ModelId, ModelConfig],
    selectors: Mapping[str, SelectorConfig],
    profiles: Mapping[str, ProfileConfig],
) -> dict[str, str]:
    """Return every name that is no peer's, with a word for what it is."""
    taken: dict[str, str] = {}
    for name, profile in profiles.items():
        taken |= dict.fromkeys(profile.pins, f"the pin of the profile {name!r},")
    taken |= dict.fromkeys(selectors, "the selector ID")
    taken |= {name: f"the alias of {model!r}," for name, model in local_names(models).items()}
    return taken | dict.fromkeys(map(str, models), "the model ID")


def _offers(
    peer: str, document: Mapping[str, Plain], report: Report
) -> Iterator[tuple[str, KeyPath]]:
    """List what a peer offers, each once, with its place."""
    path = ("peers", peer)
    raw = section_at(section_at(document.get("peers"), ("peers",), report).get(peer), path, report)
    models = structure(PeerConfig, raw, path, report).models
    places = kept_places(raw.get("models"), (*path, "models"))
    # Backwards, so that the first place of a repeated one is what is left.
    yield from reversed(dict(reversed(list(zip(models, places, strict=False)))).items())


def _check_peer(peer: PeerConfig, path: KeyPath, report: Report) -> None:
    if not report.is_tainted((*path, "proxy")):
        if not peer.proxy:
            text = "proxy is required: give {expected}"
            expected = "the base URL of the peer"
            report.fault((*path, "proxy"), Problem(text, expected, "nothing"))
        else:
            outcome = "so the peer cannot be reached"
            check_url(peer.proxy, (*path, "proxy"), report, outcome, "peer proxy")
    if not report.is_tainted((*path, "models")) and not peer.models:
        text = "peer models can not be empty: list the models that it offers"
        report.fault((*path, "models"), Problem(text, "at least one model", "none"))
