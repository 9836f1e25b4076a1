"""``llama-swap explain``: what a request for a model would do now, and why.

The running instance is asked, and nothing is loaded for it. Its answer is put
into sentences here.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote

import trio
from attrs import define

from llamaswap.cli.instance import KEY_HELP, Question, add_url_flag, ask, url_of
from llamaswap.errors import SwapError

Document = dict[str, Any]
"""What ``/api/explain`` answers."""


@define
class _Options(argparse.Namespace):
    """What was asked for."""

    model: str = ""
    url: str = ""
    json: bool = False


def explain(arguments: Sequence[str]) -> int:
    """Print the explanation; return the exit status."""
    options = _options_of(arguments)
    try:
        document = trio.run(ask, options.url, question_of(options.model))
    except SwapError as exc:
        print(f"llama-swap explain: {exc}", file=sys.stderr)
        return 1
    print(json.dumps(document, indent=2) if options.json else "\n".join(sentences(document)))
    return 0


def question_of(name: str) -> Question:
    """Ask what a request for ``name`` would do."""
    path = f"/api/explain?model={quote(name, safe='')}"
    return Question("explain what a request would do", "outcome", path)


def _options_of(arguments: Sequence[str]) -> _Options:
    parser = argparse.ArgumentParser(
        prog="llama-swap explain",
        description="Say what a request for MODEL would do now, and why.",
        epilog=f"{KEY_HELP} Exit status: 0 if an instance explains it, whatever would happen; 1 if "
        "none answers, or it knows nobody of this name; 2 if the command is used wrongly.",
        allow_abbrev=False,
    )
    parser.add_argument("model", metavar="MODEL", help="an id, an alias, a selector or a pin")
    add_url_flag(parser)
    parser.add_argument("-json", "--json", action="store_true", help="print it for programs")
    options = parser.parse_args(list(arguments), _Options())
    if not options.model:
        parser.error("argument MODEL: expected a name, found an empty text")
    options.url = url_of(options.url, parser)
    return options


def sentences(document: Document) -> Iterator[str]:
    """Say it for people, a sentence a line."""
    yield from _who(document)
    model, choice, reason = document["model"], document["choice"], document["reason"]["text"]
    match document["outcome"]:
        case "serve":
            yield f"It would be served at once: {model} is ready."
        case "start":
            yield f"{model} would be started for it{_price(choice)}."
        case "wait":
            yield f"It would wait: {reason}."
            if choice is not None and choice["evict"]:
                yield f"When it is its turn, {model} is started{_price(choice)}."
        case _:
            yield f"It would be refused: {reason}."
            return
    if document["outcome"] != "serve":
        yield _when(document["estimate_s"])
    for other in document["rejected"]:
        evicted = _listed(other["evict"]) or "nobody"
        cost = _cost(other["cost"])
        yield f"Rejected: {_rule(other)} would evict {evicted}{cost}."


def _who(document: Document) -> Iterator[str]:
    asked, model, selector = document["asked"], document["model"], document["selector"]
    profile = f", while the profile {document['profile']} is active" if document["profile"] else ""
    if selector is not None:
        name, strategy = selector["name"], selector["strategy"]
        by = f"by the selector {name} ({strategy})"
        yield f"A request for {asked} goes to {model}, {by}{profile}."
    elif asked != model:
        yield f"A request for {asked} goes to {model}{profile}."
    else:
        yield f"A request for {asked}:"


def _price(choice: Document | None) -> str:
    """Say whom a start evicts, what that costs, and which rule says so."""
    if choice is None:
        return ""
    if not choice["evict"]:
        return f"; nobody has to make room ({_rule(choice)})" if choice["rule"] else ""
    by = f"by {_rule(choice)}" if choice["rule"] else "because no set of the matrix contains it"
    return f" in place of {_listed(choice['evict'])}{_cost(choice['cost'])}, {by}"


def _rule(choice: Document) -> str:
    if choice["expression"] is not None:
        return f"the set {choice['rule']} of the matrix: {choice['expression']}"
    return f"the group {choice['rule']}"


def _cost(cost: int) -> str:
    return f", at a cost of {cost}"


def _when(estimate: float | None) -> str:
    if estimate is None:
        return "When it would be served cannot be told."
    return f"It would be served in about {estimate:.1f} s."


def _listed(models: Sequence[str]) -> str:
    if len(models) < 2:  # noqa: PLR2004 - nothing to join
        return "".join(models)
    return f"{', '.join(models[:-1])} and {models[-1]}"
